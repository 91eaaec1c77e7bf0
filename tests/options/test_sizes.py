"""Sizes of memory in words."""

from __future__ import annotations

import pytest

from onnxtaylor.errors import OptionError
from onnxtaylor.options import EngineOptions
from onnxtaylor.options.sizes import read_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GiB", 4 * 2**30), ("1.5 GB", 1_500_000_000), ("500mb", 500_000_000), ("2097152", 2**21)],
)
def test_numbers_and_units(text, size):
    assert read_bytes(text) == size


@pytest.mark.parametrize("text", ["", "much", "4 apples", "-1GiB", "1kB", "nan"])
def test_anything_else_is_refused(text):
    with pytest.raises(OptionError) as caught:
        EngineOptions(memory=text)
    assert caught.value.option == "memory"
