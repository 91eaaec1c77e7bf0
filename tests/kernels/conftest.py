"""Tests of kernels run twice: with Numba's threads, and with the version for a single thread."""

from __future__ import annotations

import pytest
from onnxtaylor_kernels.jit import Kernel


def kernels_of(module):
    return {name: value for name, value in vars(module).items() if isinstance(value, Kernel)}


def pytest_generate_tests(metafunc):
    if kernels_of(metafunc.module):
        metafunc.fixturenames.append("version")
        metafunc.parametrize("version", ["parallel", "alone"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def version(request):
    """Puts the wanted version in the place of every kernel that the test module imports."""
    kernels = kernels_of(request.module)
    if request.param == "alone":
        vars(request.module).update({name: kernel.alone for name, kernel in kernels.items()})
    yield request.param
    vars(request.module).update(kernels)
