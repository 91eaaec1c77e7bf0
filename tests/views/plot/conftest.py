"""A result to draw, and a watch over what drawing leaves behind."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib import pyplot


@pytest.fixture(scope="module")
def result(make_result):
    return make_result(["m_vis", "p_T", "eta"], ("ggh", "qqh"), ("ggh", "qqh"), scale="sigma")


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """rcParams are as before, and pyplot keeps no figure that a test did not close."""
    before = dict(mpl.rcParams)
    pyplot.close("all")
    yield
    assert dict(mpl.rcParams) == before
    pyplot.close("all")
