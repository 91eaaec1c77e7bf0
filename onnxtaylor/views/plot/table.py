"""The ranked coefficients of all response nodes, drawn as a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from onnxtaylor.errors import OptionError
from onnxtaylor.indices import RELATIONS
from onnxtaylor.results.ranking import Column, ranked_columns
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.views.plot.style import MAX_HEIGHT, Kind, axes, kinds_of
from onnxtaylor.views.plot.text import (
    LITERAL,
    axis_label,
    coefficient_labels,
    literal,
    literals,
    quantity,
    response,
)
from onnxtaylor.views.tables import events_of, suffix_of

__all__ = ["plot_table"]

DIFFERENT = RELATIONS[2]
ROW = 0.148  # inches
SIZE = 7.0  # points
LETTER = 0.0078 * SIZE  # inches: a letter's mean width
TITLE = 0.074  # inches: a letter of the title
WORD = r"(?:(?<!\\)\$.*?(?<!\\)\$|\S)+"  # mathematics is not broken
MOST = 12  # columns: more are wider than any page
BAND = "0.955"
BAR = "#CFE3F1"  # the first colour of the figures, light enough to write on


def plot_table(
    result: TaylorResult,
    ax: Axes | None = None,
    *,
    top: int = 50,
    group: str | None = None,
    per_class: bool = False,
) -> Axes:
    """The ``top`` highest ranked coefficients of every output: a column each, a row for each rank.

    A cell names the feature, or the features of a pair; the symbol before it and its colour show
    the kind of coefficient, and the length of the bar behind the text is proportional to ⟨t⟩. The
    events are those of ``group``, all by default; with ``per_class`` output c is ranked over the
    events of class c (the CMS convention).

    Raises OptionError for a group that the result does not have, ``top`` below 1, ``group``
    together with ``per_class``, classes that do not match the outputs, or more than ``MOST``
    outputs.
    """
    if top < 1:
        raise OptionError(f"must be at least 1, got {top}", option="top")
    if len(result.outputs) > MOST:
        raise OptionError(
            f"a figure holds at most {MOST} outputs side by side, the result has"
            f" {len(result.outputs)}: choose a response, or list them with `onnxtaylor rank`"
        )
    columns = ranked_columns(result, count=top, group=group, per_class=per_class)
    count = max(len(column.rows) for column in columns)
    heads = [_head(result, column) for column in columns]
    numbers_of = {name: i for i, name in enumerate(result.features)}
    labels = [
        coefficient_labels(
            result.features,
            [[numbers_of[name] for name in row["features"]] for row in column.rows],
            relations=[suffix_of(row) for row in column.rows],
        )
        for column in columns
    ]
    widths = [
        0.26 + LETTER * max(map(len, [head, *texts]))
        for head, texts in zip(heads, labels, strict=True)
    ]
    numbers = 0.16 + LETTER * max(5, len(str(count)))
    width = max(numbers + sum(widths) + 0.05, 3.9)
    row = min(ROW, MAX_HEIGHT / (count + 10))
    title = _title(result, columns, width)
    present = sorted({_kind(row) for column in columns for row in column.rows})
    kinds_beside = len(present) if width > 1.35 * len(present) else 1
    around = 0.16 * (1 + title.count("\n") + len(present) / kinds_beside) + 0.25
    with axes(ax, width + 0.1, row * (count + 1.6) + around) as ax:
        ax.set_xlim(0, width)
        ax.set_ylim(count + 0.5, -1.1)
        ax.axis("off")
        for k in range(1, count + 1, 2):
            ax.add_patch(Rectangle((0, k - 0.5), width, 1, facecolor=BAND, linewidth=0))
        _write(ax, numbers - 0.12, 0, "rank", weight="bold", ha="right")
        for k in range(1, count + 1):
            _write(ax, numbers - 0.12, k, str(k), color="0.4", ha="right")
        left = numbers
        for column, head, texts, wide in zip(columns, heads, labels, widths, strict=True):
            _write(ax, left + 0.16, 0, head, weight="bold")
            _column(ax, result, column, texts, left, wide - 0.08)
            left += wide
        for place, thick in ((-0.75, 0.9), (0.5, 0.6), (count + 0.5, 0.9)):
            ax.plot([0, width], [place, place], color="black", linewidth=thick, clip_on=False)
        ax.set_title(title, loc="left", **LITERAL)
        _legend(ax, [kinds_of(result)[k] for k in present], kinds_beside)
    return ax


def _column(
    ax: Axes,
    result: TaylorResult,
    column: Column,
    texts: Sequence[str],
    left: float,
    wide: float,
) -> None:
    """Draws one response: bars of ⟨t⟩, symbols of the kinds, names."""
    largest = max((row["score"] for row in column.rows), default=0.0)
    for k, (row, text) in enumerate(zip(column.rows, texts, strict=True), start=1):
        if largest > 0 and row["score"] > 0:
            size = wide * row["score"] / largest
            ax.add_patch(Rectangle((left, k - 0.42), size, 0.84, facecolor=BAR, linewidth=0))
        look = kinds_of(result)[_kind(row)]
        ax.plot(
            [left + 0.07], [k], look.marker, color=look.color, markersize=2.8, markeredgewidth=0
        )
        _write(ax, left + 0.16, k, text)


def _kind(row: dict[str, Any]) -> int:
    """Number of a tidy row's kind in ``style.KINDS``."""
    if row.get("relation") == DIFFERENT:
        return 4
    if row["order"] == 2 and len(set(row["features"])) == 1:
        return 2
    return {1: 0, 2: 1}.get(row["order"], 3)


def _head(result: TaylorResult, column: Column) -> str:
    name = response(result, column.output, 20)
    other = column.own and column.group != column.output
    own = literals(result.groups, 14)[result.groups.index(column.group)]
    return f"{name} over {own}" if other else name


def _title(result: TaylorResult, columns: Sequence[Column], width: float) -> str:
    """Title with content, events and unit, broken into lines as wide as the table."""
    shown, total = max(len(column.rows) for column in columns), len(result.indices)
    share = f"The {shown} highest ranked of {total}" if shown < total else f"All {total}"
    symbol = result.quantity.symbol
    parts = [
        f"{share} {quantity(result).replace('Finite', 'finite')}",
        f"by {axis_label(result)},",
        f"each output {literal(events_of(columns), 60)};",
        rf"bars: $\langle {symbol} \rangle$ relative to the highest",
    ]
    first, *words = re.findall(WORD, " ".join(parts))
    lines = [first]
    for word in words:
        if _letters(lines[-1]) + _letters(word) < width / TITLE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines)


def _letters(text: str) -> int:
    """Number of visible letters: mathematics counts as a few."""
    return len(re.sub(r"(?<!\\)\$.*?(?<!\\)\$", "⟨t⟩", text))


def _legend(ax: Axes, looks: Sequence[Kind], beside: int) -> None:
    """Draws the legend below the table: symbols and their kinds, ``beside`` in a row."""
    handles = [
        Line2D([], [], color=k.color, marker=k.marker, linestyle="", markersize=4, label=k.name)
        for k in looks
    ]
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0, 0),
        ncols=beside,
        frameon=False,
        fontsize=SIZE + 0.5,
        borderpad=0,
        handletextpad=0.2,
        columnspacing=1.2,
    )


def _write(ax: Axes, x: float, y: float, text: str, **look: Any) -> None:
    # within the axes: to measure hundreds of texts for the layout would take most of the time
    ax.text(x, y, text, fontsize=SIZE, va="center_baseline", in_layout=False, **look, **LITERAL)
