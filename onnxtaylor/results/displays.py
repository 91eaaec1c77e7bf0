"""Displays of selections, comparisons and trainings in notebooks: a sentence and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxtaylor.results.lazy import LazyModule

if TYPE_CHECKING:
    from onnxtaylor.views import displays
else:
    displays = LazyModule("onnxtaylor.views.displays")

__all__ = ["HtmlDisplay"]


class HtmlDisplay:
    """Base of objects whose table ``onnxtaylor.views.displays`` makes."""

    def _repr_html_(self) -> str:
        """Returns the HTML that a notebook shows: the ``repr``, and a table below."""
        return displays.html(self)
