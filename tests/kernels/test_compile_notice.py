"""A kernel that has to be compiled is told of once, where progress is shown; others are not."""

from __future__ import annotations

import numba
import pytest
from onnxtaylor_kernels.jit import when_compiled

from onnxtaylor.progress import COMPILING, terminal_bar


@pytest.fixture
def two_functions():
    return [numba.njit(lambda x, k=k: x + k) for k in range(2)]


def test_one_line_for_all_compilations(two_functions):
    told = []
    with when_compiled(lambda: told.append(1)):
        assert [f(1) for f in two_functions] == [1, 2]
    assert told == [1]
    with when_compiled(lambda: told.append(2)):
        assert [f(1) for f in two_functions] == [1, 2]  # compiled already
    assert told == [1]
    two_functions[0](1.5)  # another type, outside of the block
    assert told == [1]


def test_the_bar_says_so(two_functions, capsys):
    for times in (1, 0):
        with terminal_bar("events") as progress:
            progress("coefficients", 1, 2)
            two_functions[0](1)
        said = capsys.readouterr()
        assert (said.out, said.err.count(COMPILING)) == ("", times)
