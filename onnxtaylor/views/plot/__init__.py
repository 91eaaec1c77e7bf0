"""Figures of a result: ``result.plot.scores()`` and its siblings, or as files.

    scores    the highest ranked coefficients as bars          plot_scores
    curve     all coefficients by rank, with a cut             plot_curve
    matrix    second order as a matrix, first order beside it  plot_matrix
    outputs   first order of all outputs side by side          plot_outputs
    table     the ranked coefficients of all outputs, written  plot_table

Each takes ``ax=None`` and returns the axes that it drew into; ``style.axes`` makes
new figures, ``text`` for labels, ``files`` for how figures are saved. ``check`` draws a
cross-check, ``comparison`` a comparison, ``progress`` a training, and ``gof`` a goodness of fit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes

from onnxtaylor.errors import printable
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.views.plot.curve import plot_curve
from onnxtaylor.views.plot.files import WHAT, save_figures
from onnxtaylor.views.plot.matrix import plot_matrix
from onnxtaylor.views.plot.outputs import plot_outputs
from onnxtaylor.views.plot.scores import plot_scores
from onnxtaylor.views.plot.table import plot_table

__all__ = [
    "ResultPlots",
    "plot_curve",
    "plot_matrix",
    "plot_outputs",
    "plot_scores",
    "plot_table",
    "save_figures",
]


@dataclass(frozen=True)
class ResultPlots:
    """The figures of one result: ``result.plot``."""

    result: TaylorResult

    def __repr__(self) -> str:
        """Lists the figures that can be drawn."""
        return f"Figures of {printable(self.result.model.path)}: {', '.join(WHAT)}, and save"

    def scores(
        self,
        ax: Axes | None = None,
        *,
        output: str | int | None = None,
        group: str | None = None,
        top: int = 30,
        order: int | None = None,
    ) -> Axes:
        """Bars of the highest ranked coefficients: see ``plot_scores``."""
        return plot_scores(self.result, ax, output=output, group=group, top=top, order=order)

    def curve(
        self,
        ax: Axes | None = None,
        *,
        output: str | int | None = None,
        group: str | None = None,
        fraction: float = 0.05,
    ) -> Axes:
        """All coefficients by rank, with a cut: see ``plot_curve``."""
        return plot_curve(self.result, ax, output=output, group=group, fraction=fraction)

    def matrix(
        self,
        ax: Axes | None = None,
        *,
        output: str | int | None = None,
        group: str | None = None,
        top: int | None = None,
    ) -> Axes:
        """Second order as a matrix, first order beside it: see ``plot_matrix``."""
        return plot_matrix(self.result, ax, output=output, group=group, top=top)

    def outputs(
        self,
        ax: Axes | None = None,
        *,
        group: str | None = None,
        top: int | None = None,
        per_class: bool = False,
    ) -> Axes:
        """First order of all outputs side by side: see ``plot_outputs``."""
        return plot_outputs(self.result, ax, group=group, top=top, per_class=per_class)

    def table(
        self,
        ax: Axes | None = None,
        *,
        top: int = 50,
        group: str | None = None,
        per_class: bool = False,
    ) -> Axes:
        """The highest ranked coefficients of all outputs, side by side: see ``plot_table``."""
        return plot_table(self.result, ax, top=top, group=group, per_class=per_class)

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        formats: Sequence[str] = ("png", "pdf"),
        prefix: str = "",
        group: str | None = None,
        what: str | Sequence[str] | None = None,
        output: str | int | Sequence[str | int] | None = None,
        top: int | None = None,
        per_class: bool = False,
    ) -> list[Path]:
        """Figures as files: see ``save_figures``."""
        return save_figures(
            self.result,
            folder,
            formats=formats,
            prefix=prefix,
            group=group,
            what=what,
            output=output,
            top=top,
            per_class=per_class,
        )
