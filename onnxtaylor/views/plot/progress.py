"""⟨t⟩ along a training: one line for each coefficient."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from onnxtaylor.errors import OptionError
from onnxtaylor.tracking.result import ProgressResult
from onnxtaylor.views.plot.style import COLORS, axes, title
from onnxtaylor.views.plot.text import LITERAL, coefficient_labels, literal, literals

__all__ = ["plot_progress"]

Floats = npt.NDArray[np.float64]

UNITS = {"unit": "per unit of input", "sigma": "per standard deviation of input"}
LINES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), "-.")  # first order, pair, auto-correlation, third
NAME_LENGTH = 18  # letters of a feature: two of them stand beside the axes
LETTER, KEY = 0.062, 0.4  # inches of a letter there, and of a line in a legend
DIRECT = 8  # lines that are labelled at their ends; more have a legend
GAP = 0.062  # between labels, of the height of the axes
KNEE = 1.0  # below it a logarithmic axis of steps is linear, so that it has a place for step 0


def plot_progress(
    result: ProgressResult,
    ax: Axes | None = None,
    *,
    output: str | int | None = None,
    group: str | None = None,
    top: int = 8,
    log: bool = False,
) -> Axes:
    """⟨t⟩ of one output and group against the step, with a band of ± SEM.

    The ``top`` coefficients that rise highest are shown. Solid lines are of first order, dashed
    ones of pairs, dotted ones of auto-correlations; up to eight are labelled at their ends, more
    in a legend. ``log`` makes the axis of steps logarithmic, linear between steps 0 and 1.
    ``output`` and ``group`` are the first output and ``all`` by default.

    Raises OptionError for an output or group that does not exist, or ``top`` below 1.
    """
    if top < 1:
        raise OptionError(f"must be at least 1, got {top}", option="top")
    c, g = result.position(output, group)
    score, sem = result.score[:, c, g], result.sem[:, c, g]
    shown = np.argsort(-score.max(axis=0), kind="stable")[:top]
    steps = result.numbers
    alphas = [result.indices.table[k] for k in shown]
    labels = coefficient_labels(result.features, alphas, NAME_LENGTH)
    beside = LETTER * max(map(len, labels)) + (KEY if len(shown) > DIRECT else 0.0)
    with axes(ax, 4.0 + beside, 3.4) as ax:
        ends = _draw_lines(ax, result, shown, labels, score, sem)
        if log:
            _logarithmic(ax, steps)
        else:
            ax.set_xlim(steps[0], steps[-1] if len(steps) > 1 else steps[0] + 1)
        if result.score.min() >= 0:
            ax.set_ylim(bottom=0)
        ax.set_axisbelow(True)
        ax.grid(axis="y", color="0.9", linewidth=0.6)
        ax.set_xlabel("training step")
        unit = UNITS.get(str(result.options.get("scale")), "")
        remark = literal(result.remark, 60).replace(" and ±", "\nand ±")
        averaged = f"second order {remark}" if result.remark else ""
        facts = ",\n".join(fact for fact in (unit, averaged) if fact)
        ax.set_ylabel(rf"$\langle t \rangle$  ({facts})" if facts else r"$\langle t \rangle$")
        link, name = str(result.options.get("link")), literals(result.outputs, 20)[c]
        what = name if link in ("identity", "None") else f"{literal(link, 12)}({name})"
        title(ax, f"Learning progress of {what}", result.groups, g)
        if len(shown) <= DIRECT:
            _labelled(ax, ends)
        else:
            legend = ax.legend(
                loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, borderpad=0
            )
            for text in legend.get_texts():
                text.set(**LITERAL)
    return ax


def _draw_lines(
    ax: Axes,
    result: ProgressResult,
    shown: npt.NDArray[np.intp],
    labels: list[str],
    score: Floats,
    sem: Floats,
) -> list[tuple[float, str, str]]:
    """Draws the line and band of each coefficient; returns their last heights, labels, colours."""
    steps = result.numbers
    ends = []
    for place, k in enumerate(shown):
        color = COLORS[place % len(COLORS)]
        ax.fill_between(
            steps, score[:, k] - sem[:, k], score[:, k] + sem[:, k], color=color, alpha=0.2,
            linewidth=0,
        )  # fmt: skip
        label = labels[place]
        ax.plot(
            steps,
            score[:, k],
            linestyle=LINES[_kind(result, int(k))],
            color=color,
            linewidth=1.5,
            marker="o" if len(steps) < 12 else None,
            markersize=3,
            label=label,
        )
        ends.append((float(score[-1, k]), label, color))
    return ends


def _kind(result: ProgressResult, k: int) -> int:
    """Kind of coefficient k: 0 first order, 1 pair, 2 auto-correlation, 3 third order."""
    alpha = result.indices.tuples()[k]
    if len(alpha) == 2:
        return 2 if alpha[0] == alpha[1] else 1
    return 0 if len(alpha) == 1 else 3


def _logarithmic(ax: Axes, steps: Floats) -> None:
    last = max(float(steps[-1]), 10.0)
    if steps[0] > 0:
        ax.set_xscale("log")
        ax.set_xlim(steps[0], last)
        return
    ax.set_xscale("symlog", linthresh=KNEE, linscale=0.35)
    ax.set_xlim(steps[0], last)
    decades = [10.0**k for k in range(int(np.log10(last)) + 1)]
    ax.set_xticks([0.0, *decades])
    ax.set_xticks([m * d for d in decades for m in range(2, 10) if m * d < last], minor=True)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _labelled(ax: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Writes names at the right of the lines' ends, moved apart where they would overlap."""
    low, high = ax.get_ylim()
    order = sorted(range(len(ends)), key=lambda k: ends[k][0])
    places = [(ends[k][0] - low) / (high - low) for k in order]
    for k in range(1, len(places)):  # up from the lowest, then down from the highest
        places[k] = max(places[k], places[k - 1] + GAP)
    ceiling = 1.0
    for k in reversed(range(len(places))):
        places[k] = min(places[k], ceiling)
        ceiling = places[k] - GAP
    for place, k in zip(places, order, strict=True):
        value, label, color = ends[k]
        ax.annotate(
            label,
            (1.0, (value - low) / (high - low)),
            (1.045, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            color=color,
            fontsize=8,
            annotation_clip=False,
            arrowprops={
                **{"arrowstyle": "-", "color": color, "linewidth": 0.6},
                **{"shrinkA": 1, "shrinkB": 1, "relpos": (0, 0.5)},  # from the text's left edge
            },
            **LITERAL,
        )
