"""Look of every figure: colours, kinds of coefficients, new axes.

Colours are those of Okabe & Ito (jfly.uni-koeln.de/color), which colour-blind readers can
distinguish; a hatch or marker repeats the meaning of each colour. The caller's rcParams are never
changed, and axes that the caller passes keep the caller's style.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onnxtaylor.indices import RELATIONS, MultiIndices
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.views.plot.text import LITERAL, is_finite_step, literals

__all__ = [
    "COLORS",
    "KINDS",
    "MARKERS",
    "Kind",
    "axes",
    "kinds",
    "kinds_of",
    "label_step",
    "offscreen",
    "title",
]

# blue, vermilion, green, orange, sky blue, purple, black
COLORS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

STYLE: Any = {
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.title_fontsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 120.0,
}

# Taller pictures than this no reader scrolls through, and PNG renderers refuse: labels thin out.
MAX_HEIGHT = 60.0

_offscreen: ContextVar[bool] = ContextVar("offscreen", default=False)


@dataclass(frozen=True)
class Kind:
    """Kind of coefficient: its colour, and hatch and marker for readers without colour."""

    name: str
    color: str
    hatch: str
    marker: str


KINDS = (
    Kind(r"first order $t_i$", COLORS[0], "", "o"),
    Kind(r"pair $t_{ij}$", COLORS[3], "//////", "s"),
    Kind(r"auto-correlation $t_{ii}$", COLORS[2], "......", "D"),
    Kind(r"third order $t_{ijk}$", COLORS[5], "xxxxxx", "^"),
    Kind(r"different objects $t_{ij}$", COLORS[4], "||||||", "v"),
)


PAIR, AUTO, APART = 1, 2, 4  # places of some of them


def kinds_of(result: TaylorResult) -> tuple[Kind, ...]:
    """``KINDS`` in words of a result: r for responses to finite steps, groups of features."""
    kinds = list(KINDS)
    if result.indices.relation is not None:
        kinds[PAIR] = replace(kinds[PAIR], name=r"pair $t_{ij}$ of the same object")
        kinds[AUTO] = replace(kinds[AUTO], name=f"{kinds[AUTO].name}, same object")
    if is_finite_step(result):
        kinds = [replace(kind, name=kind.name.replace("$t_", "$r_")) for kind in kinds]
    return tuple(kinds)


def kinds(indices: MultiIndices) -> npt.NDArray[np.int64]:
    """Number in ``KINDS`` of each coefficient, shape (K,)."""
    kind = np.where(indices.orders == 1, 0, np.where(indices.orders == 2, 1, 3))
    if indices.table.shape[1] >= 2:
        auto = (indices.orders == 2) & (indices.table[:, 0] == indices.table[:, 1])
        kind[auto] = AUTO
    if indices.relation is not None:
        kind[indices.relation == RELATIONS.index("different objects")] = APART
    return kind.astype(np.int64)


@contextmanager
def axes(ax: Axes | None, width: float, height: float) -> Iterator[Axes]:
    """The caller's axes, or those of a new figure of the given size in inches.

    A new figure comes from pyplot in notebooks and IPython, which show it below its cell, and where
    the program has imported pyplot, so that ``plt.show()`` displays it; else it is a bare
    ``matplotlib.figure.Figure``, which needs no display, no backend and no ``close``. ``ax.figure``
    is the figure either way.
    """
    if ax is not None:
        yield ax
        return
    size = (width, min(height, MAX_HEIGHT))
    # outside of rc_context: a notebook's backend, loaded by its first figure, sets rcParams to stay
    figure = _new_figure(figsize=size, dpi=STYLE["figure.dpi"], layout="constrained")
    with mpl.rc_context(STYLE):
        yield figure.add_subplot()


def _new_figure(**look: Any) -> Figure:
    """A figure of pyplot's, or a bare one: see ``axes``."""
    if _offscreen.get() or ("matplotlib.pyplot" not in sys.modules and not _in_ipython()):
        return Figure(**look)
    from matplotlib import pyplot

    return pyplot.figure(**look)


def _in_ipython() -> bool:
    """Whether the program runs in IPython or in a notebook."""
    module = sys.modules.get("IPython")  # where it is not imported, no notebook runs us
    return module is not None and module.get_ipython() is not None


@contextmanager
def offscreen() -> Iterator[None]:
    """Makes new figures bare inside a ``with`` block: pyplot neither keeps nor shows them."""
    token = _offscreen.set(True)
    try:
        yield
    finally:
        _offscreen.reset(token)


def label_step(n: int, room: float) -> slice:
    """Step between the labels to draw of n, where there is room for so many: 1, 2, …"""
    return slice(None, None, max(1, int(np.ceil(n / max(room, 1.0)))))


def title(ax: Axes, what: str, groups: Sequence[str], g: int) -> None:
    """Title of two lines: the content, and the group of events."""
    events = "all events" if groups[g] == "all" else f"events of {literals(groups)[g]}"
    ax.set_title(f"{what}\n{events}", loc="left", **LITERAL)
