"""The examples in the docstrings are true."""

from __future__ import annotations

import doctest
from importlib import import_module
from pkgutil import walk_packages

import onnxtaylor_kernels
import pytest

import onnxtaylor

MODULES = [
    module.name
    for package in (onnxtaylor, onnxtaylor_kernels)
    for module in walk_packages(package.__path__, package.__name__ + ".")
    if not module.name.endswith("__main__")
]
# modules that are known to have examples: a test that finds nothing proves nothing
WITH_EXAMPLES = (
    "onnxtaylor.text.uncertainty",
    "onnxtaylor.errors",
    "onnxtaylor.indices",
    "onnxtaylor.results.ranking",
    "onnxtaylor.statistics.ranks",
    "onnxtaylor_kernels.points",
    "onnxtaylor_kernels.weights",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name):
    found = doctest.testmod(import_module(name))
    assert found.failed == 0
    assert found.attempted or name not in WITH_EXAMPLES


def test_the_modules_with_examples_are_among_those_tested():
    assert set(WITH_EXAMPLES) <= set(MODULES)
