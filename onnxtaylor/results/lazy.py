"""Loads modules that draw and show results only when they are first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["LazyModule"]


class LazyModule:
    """Stands for a module that is imported when one of its names is first used.

    ``result.plot``, ``to_html`` and what notebooks show are made by rooms above the results, with
    matplotlib and templates. Results stay below them, and load quickly, as they name them so:

        if TYPE_CHECKING:
            from onnxtaylor.views import plot as plots  # types for editors and mypy
        else:
            plots = LazyModule("onnxtaylor.views.plot")

    >>> LazyModule("math").floor(2.5)
    2
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)
