"""Figures of a goodness of fit: p-values of features and pairs, and one feature's bins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.ticker import FixedLocator

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.gof.result import Bin, FeatureFit, GoodnessOfFit, TestResult
from onnxtaylor.views.plot.style import COLORS, MARKERS, MAX_HEIGHT, axes, label_step
from onnxtaylor.views.plot.text import LITERAL, literals

__all__ = ["plot_feature", "plot_p_values", "plot_pairs"]

Floats = npt.NDArray[np.float64]

THRESHOLD = 0.05
# dark is bad; light enough for a black star nowhere, dark enough for a white one below 5 %
LEVELS = (0.0, 0.001, 0.01, THRESHOLD, 0.32, 1.0)
SHADES = ("#4d0020", "#a01a3c", "#e0603c", "#b9d0e6", "#e6edf4")
NOT_TESTED = "0.6"
ROW = 0.19  # inches a feature
SPREAD = 15  # of the contents of bins, beyond which their axis is logarithmic
ROOM = 60  # labels of features that stay legible on one axis
NAMES = {
    "saturated": "saturated",
    "kolmogorov-smirnov": "KS",
    "anderson-darling": "AD",
    "combine": "combine",
}


def plot_p_values(fit: GoodnessOfFit, ax: Axes | None = None) -> Axes:
    """p-values of every feature's tests on a logarithmic axis, those below 5 % on a grey ground.

    A filled marker is the saturated test, open ones the others. Draws into ``ax`` or into a new
    figure; returns the axes.
    """
    names = literals(fit.names)
    kinds = list(dict.fromkeys(test.test for f in fit.features for test in f.tests))
    floor = min((t.p for f in fit.features for t in f.tests if t.p), default=THRESHOLD)
    low = min(0.4 * floor, 0.005)
    width = 3.6 + 0.065 * max(map(len, names))
    with axes(ax, width, 1.0 + ROW * max(len(names), 4)) as ax:
        ax.axvspan(low, THRESHOLD, color="0.92", linewidth=0, zorder=0)
        ax.axvline(THRESHOLD, color="0.35", linewidth=0.8, linestyle="--", zorder=1)
        for k in reversed(range(len(kinds))):  # the saturated test lies on top
            found = [_test(f, kinds[k]) for f in fit.features]
            p = np.array([np.nan if t is None or t.p is None else t.p for t in found])
            error = np.array([0.0 if t is None or t.p_error is None else t.p_error for t in found])
            place = np.arange(len(p))
            main = k == 0
            color = COLORS[k]
            if main:
                span = [np.minimum(error, 0.9 * p), error]
                ax.errorbar(p, place, xerr=span, fmt="none", ecolor=color, elinewidth=1, zorder=3)
            ax.plot(
                *(p, place, MARKERS[k]),
                color=color,
                markersize=5.0 if main else 4.0,
                markerfacecolor=color if main else "none",
                zorder=4 if main else 2,
                label=NAMES.get(kinds[k], kinds[k]),
            )
        shown = label_step(len(names), MAX_HEIGHT / ROW)
        ax.set_yticks(np.arange(len(names))[shown], names[shown], **LITERAL)
        ax.tick_params(axis="y", length=0)
        ax.set(xscale="log", xlim=(low, 1.25), ylim=(len(names) - 0.4, -0.6), xlabel="p-value")
        ax.set_axisbelow(True)
        ax.grid(axis="y", color="0.9", linewidth=0.6)
        handles, labels = ax.get_legend_handles_labels()
        ax.legend(
            handles[::-1],
            labels[::-1],
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=len(kinds),
            frameon=False,
            handletextpad=0.1,
            columnspacing=0.9,
            borderpad=0.1,
        )
    return ax


def plot_pairs(fit: GoodnessOfFit, ax: Axes | None = None) -> Axes:
    """p-values of all pairs as a matrix, those of the features as a strip at its left.

    Classes of p-values are shades, the darker the worse; a star marks p < 5 %. Cells without a
    p-value are grey. Raises OptionError where no pair was tested.
    """
    if not fit.pairs:
        raise OptionError("no pair was tested: draw the p-values of the features instead")
    n = len(fit.names)
    place = {name: i for i, name in enumerate(fit.names)}
    matrix = np.full((n, n), np.nan)
    for pair in fit.pairs:
        i, j = (place[name] for name in pair.features)
        matrix[i, j] = matrix[j, i] = np.nan if pair.p is None else pair.p
    single = np.array([[np.nan if f.p is None else f.p] for f in fit.features])
    names = literals(fit.names)
    cmap = ListedColormap(list(SHADES)).with_extremes(bad=NOT_TESTED)
    norm = BoundaryNorm(LEVELS, len(SHADES))
    wide = max(1.0, n / 25)  # width of the strip, in cells
    strip = -0.5 - 1.4 * wide, -0.5 - 0.4 * wide
    size = 8.0 if n <= 15 else 7.0 if n <= 40 else 6.0
    cell = min(max(4.4 / n, 0.085), 0.5)  # inches
    text = 0.0078 * size * max(len(name) for name in [*names, "one feature"])
    across = cell * (n + 1.4 * wide)
    with axes(ax, across + text + 1.1, max(cell * n, 1.6) + text + 0.6) as ax:
        masked = np.ma.masked_invalid(matrix)
        ends = (-0.5, n - 0.5, n - 0.5, -0.5)
        image = ax.imshow(masked, norm=norm, cmap=cmap, extent=ends, interpolation="none")
        ax.imshow(
            np.ma.masked_invalid(single),
            norm=norm,
            cmap=cmap,
            extent=(*strip, n - 0.5, -0.5),
            aspect="equal",
        )
        for i in range(n):  # nothing is tested on the diagonal
            ax.fill([i - 0.5, i + 0.5, i + 0.5, i - 0.5], [i - 0.5, i - 0.5, i + 0.5, i + 0.5], "w")
        _stars(ax, matrix, 0.0, 72 * cell)
        _stars(ax, single, sum(strip) / 2, 72 * cell)
        ax.set(xlim=(strip[0], n - 0.5), ylim=(n - 0.5, -0.5))
        shown = label_step(n, ROOM)
        where = np.arange(n)[shown]
        ax.set_xticks(
            [sum(strip) / 2, *where], ["one feature", *names[shown]], rotation=90, **LITERAL
        )
        ax.set_yticks(where, names[shown], **LITERAL)
        ax.tick_params(length=0, pad=2, labelsize=size)
        ax.spines[:].set_visible(False)
        bar = ax.figure.colorbar(
            image, cax=ax.inset_axes((1 + 0.12 / across, 0, 0.14 / across, 1)), spacing="uniform"
        )
        bar.set_ticks(LEVELS[1:-1], labels=["0.1 %", "1 %", "5 %", "32 %"])
        bar.ax.minorticks_off()
        bar.ax.tick_params(length=0)
        bar.outline.set_visible(False)
        bar.set_label("p-value; star: below 5 %")
        ax.set_title(_counts(fit), loc="left", **LITERAL)
    return ax


def plot_feature(fit: GoodnessOfFit, feature: str, ax: Axes | None = None) -> Axes:
    """Observed and expected contents of one feature's bins, and their ratio below.

    All bins are drawn equally wide, although quantiles of a long tail are not; missing values have
    a bin of their own. The band is the statistical uncertainty of the expectation. ``ax``, a
    subplot, becomes the upper of two panels: the ratio is drawn below it. Raises OptionError for a
    feature that was not tested or has no bins, and for axes that are no subplot.
    """
    found = fit.feature(feature)
    if not found.bins:
        raise OptionError(
            f"feature '{printable(feature)}' was not tested in bins: there is nothing to draw"
        )
    n, n_error, nu, nu_error = np.array(
        [(b.observed, b.observed_error, b.expected, b.expected_error) for b in found.bins]
    ).T
    with axes(ax, 4.6, 3.7) as ax:
        spec = ax.get_subplotspec()
        if spec is None:
            raise OptionError("the ratio is drawn below a subplot: make the axes with add_subplot")
        grid = spec.subgridspec(2, 1, height_ratios=(2.2, 1), hspace=0.05)
        ax.set_subplotspec(grid[0])
        lower = ax.figure.add_subplot(grid[1], sharex=ax)
        _panel(ax, n, n_error, nu, nu_error)
        _panel(lower, n / nu, n_error / nu, nu / nu, nu_error / nu)
        highest = float(max((n + n_error).max(), (nu + nu_error).max()))
        lowest = float(min(n[n > 0].min(initial=highest), nu.min()))
        if highest > SPREAD * lowest:
            ax.set(yscale="log", ylim=(0.4 * lowest, 5 * highest))
        else:
            ax.set_ylim(0, 1.3 * highest)
        ax.set(xlim=(-0.5, len(n) - 0.5), ylabel="events in the bin")
        ax.tick_params(labelbottom=False)
        ax.legend(loc="upper right", ncols=2, frameon=False)
        name = literals(fit.names)[list(fit.names).index(feature)]
        ax.set_title(f"{name}\n{_verdict(found.tests[0])}", loc="left", **LITERAL)
        far = np.abs((n - nu) / nu) + n_error / nu
        reach = 1.1 * max(float(far.max()), float((nu_error / nu).max()), 0.02)
        lower.set(ylim=(1 - reach, 1 + reach), ylabel="obs. / exp.")
        _bin_labels(lower, found.bins, name)
    return ax


def _panel(ax: Axes, n: Floats, n_error: Floats, nu: Floats, nu_error: Floats) -> None:
    """Points for the observed, a line with a band for the expected contents."""
    edges = np.arange(len(n) + 1) - 0.5
    low = nu - nu_error
    ax.stairs(nu + nu_error, edges, baseline=low, fill=True, color=COLORS[4], alpha=0.45, lw=0)
    ax.stairs(nu, edges, baseline=None, color=COLORS[0], lw=1.2, label="expected")
    ax.errorbar(
        *(np.arange(len(n)), n, n_error),
        fmt="o",
        color="black",
        markersize=3.5,
        elinewidth=1,
        label="observed",
    )
    ax.grid(axis="y", color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)


def _bin_labels(ax: Axes, bins: tuple[Bin, ...], name: str) -> None:
    """Edges between the bins, ``missing`` below those of missing values."""
    ticks: list[float] = []
    labels: list[str] = []
    for k, b in enumerate(bins):
        if b.low is None:
            continue
        if not ticks:
            ticks, labels = [k - 0.5], [f"{b.low:.4g}"]
        ticks.append(k + 0.5)
        labels.append("" if b.high is None else f"{b.high:.4g}")
    alone = [k for k, b in enumerate(bins) if b.low is None]
    ax.set_xticks([*alone, *ticks], [*["missing"] * len(alone), *labels], rotation=90)
    ax.xaxis.set_minor_locator(FixedLocator([]))
    with_missing = any(b.missing and b.low is not None for b in bins)
    ax.set_xlabel(f"{name} (bin edges{'; missing values in the first bin' * with_missing})")


def _stars(ax: Axes, p: Floats, left: float, points: float) -> None:  # of one cell's width
    rows, columns = np.nonzero(p < THRESHOLD)
    size = min(0.6 * points, 9.0)
    ax.plot(
        *(left + columns, rows, "*"), color="white", markersize=size, markeredgewidth=0, zorder=3
    )


def _test(feature: FeatureFit, kind: str) -> TestResult | None:
    return next((test for test in feature.tests if test.test == kind), None)


def _verdict(test: TestResult) -> str:
    if test.p is None or test.statistic is None:
        return "not tested"
    error = "" if test.p_error is None else f" ± {test.p_error:.1g}"
    ndf = "" if test.ndf is None else f" / {test.ndf}"
    symbol = "q" if test.test == "saturated" else "statistic"
    return f"{symbol} = {test.statistic:.1f}{ndf}, p = {test.p:.2g}{error}"


def _counts(fit: GoodnessOfFit) -> str:
    """``p < 5 %: 1 of 30 features (1.5 by chance), …``."""
    parts = []
    for rows, what in ((fit.features, "features"), (fit.pairs, "pairs")):
        p = [row.p for row in rows if row.p is not None]
        bad = sum(value < THRESHOLD for value in p)
        parts.append(f"{bad} of {len(p)} {what} ({THRESHOLD * len(p):.3g} by chance)")
    return "p < 5 %: " + ",\n".join(parts)
