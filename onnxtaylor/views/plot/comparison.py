"""Changes between two results: ⟨t⟩ of A and B side by side."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from onnxtaylor.comparison import Comparison
from onnxtaylor.errors import OptionError
from onnxtaylor.views.plot.style import COLORS, axes, title
from onnxtaylor.views.plot.text import LITERAL, axis_label, labels_at, literals, quantity

__all__ = ["plot_comparison"]

ROW = 0.2  # inches a coefficient


def plot_comparison(
    comparison: Comparison,
    ax: Axes | None = None,
    *,
    output: int = 0,
    group: int = 0,
    top: int = 25,
) -> Axes:
    """⟨t⟩ of A (open circles) and B (squares): the ``top`` largest changes.

    Coefficients that moved come first; the others are drawn in grey. Bars are the standard errors
    of the scores, the number beside each row is z = Δ/σ. Raises OptionError for ``top`` below 1.
    """
    if top < 1:
        raise OptionError(f"must be at least 1, got {top}", option="top")
    moved, change = comparison.moved[output, group], comparison.change[output, group]
    chosen = np.lexsort((-np.abs(change), ~moved))[:top]
    a, b = comparison.score_a[output, group, chosen], comparison.score_b[output, group, chosen]
    sem_a, sem_b = comparison.sem_a[output, group, chosen], comparison.sem_b[output, group, chosen]
    labels = labels_at(comparison.shared.features, comparison.indices, chosen)
    place = np.arange(len(chosen))
    with axes(ax, 4.6 + 0.06 * max(map(len, labels)), 1.2 + ROW * max(len(chosen), 3)) as ax:
        colors = np.where(moved[chosen], COLORS[1], "0.55").tolist()
        ax.hlines(place, a, b, colors=colors, linewidth=1.6, zorder=1)
        for value, sem, marker, face, name in (
            (a, sem_a, "o", "white", "A"),
            (b, sem_b, "s", COLORS[1], "B"),
        ):
            ax.errorbar(value, place, xerr=sem, fmt="none", ecolor="0.35", elinewidth=0.8, zorder=2)
            edges = np.where(moved[chosen], COLORS[1], "0.55").tolist()
            faces = [face if face == "white" else edge for edge in edges]
            ax.scatter(value, place, s=22, marker=marker, c=faces, edgecolors=edges, zorder=3)
            ax.scatter([], [], s=22, marker=marker, c=face, edgecolors=COLORS[1], label=name)
        for row, k in enumerate(chosen):
            sigma = comparison.sigma[output, group, k]
            z = f"{change[k] / sigma:+.1f} σ" if sigma > 0 else "–"
            ax.annotate(
                z.replace("-", "−"),
                (1.0, row),
                xycoords=("axes fraction", "data"),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
                color="black" if moved[k] else "0.45",
                annotation_clip=False,
            )
        ax.set_yticks(place, labels, **LITERAL)
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(chosen) - 0.4, -0.6)
        ax.set_xlim(left=min(0.0, ax.get_xlim()[0]))
        ax.set_axisbelow(True)
        ax.grid(axis="x", color="0.88", linewidth=0.6)
        ax.set_xlabel(axis_label(comparison.a))
        ax.legend(loc="lower right", ncols=2, handletextpad=0.2, framealpha=0.9)
        first, second = comparison.shared.outputs[output]
        of_a, of_b = comparison.a.outputs, comparison.b.outputs
        what = literals(of_a, 20)[of_a.index(first)]
        if first != second:
            what += f" → {literals(of_b, 20)[of_b.index(second)]}"
        said = f"{int(moved.sum())} of {len(moved)} moved"
        title(ax, f"{quantity(comparison.a)} of {what}: {said}", comparison.shared.groups, group)
    return ax
