"""``onnxtaylor gof``: are the observed events those that the simulation expects?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import COLUMNS, takes
from onnxtaylor.cli.options import Json, Quiet, file_option
from onnxtaylor.cli.read_files import combine_files
from onnxtaylor.errors import OptionError
from onnxtaylor.options.gof import GofDataOptions, GofOptions

if TYPE_CHECKING:
    from rich.table import Table

    from onnxtaylor.gof import GoodnessOfFit
    from onnxtaylor.gof.result import TestResult

__all__ = ["gof"]

THRESHOLD = 0.05
PAIRS, FEATURES = "pairs", "features"
COMBINE = "CMS combine"


Data = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="OBSERVED EXPECTED...",
        help="One file of observed events and those of the expected ones; formats as for"
        " `onnxtaylor analyze`.",
        show_default=False,
    ),
]
Draw = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT",
        help="Content of the figure of --plot: pairs (default), features, or the name of one"
        " feature, for its bins.",
        show_default=False,
    ),
]
MoreObserved = Annotated[
    list[str] | None,
    typer.Option(
        "--observed",
        metavar="FILE",
        help="A further file of observed events. May be repeated.",
        rich_help_panel=COLUMNS,
        show_default=False,
    ),
]
Combine = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PLACE",
        help="Reads p-values that CMS' combine made (CollectGoodnessOfFit), in place of data:"
        " a pattern such as 'gof/{1}_{2}.json', {1} and {2} for features, or a folder of files"
        " that have features in their names. Needs --features. May be repeated.",
        rich_help_panel=COMBINE,
        show_default=False,
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        help="MASS or MASS/CHANNEL in these files, where there are several.",
        rich_help_panel=COMBINE,
        show_default=False,
    ),
]


@takes(GofDataOptions, GofOptions, without=("fine_bins", "min_expected", "min_effective"))
def gof(
    data: Data = None,
    out: Annotated[Path | None, file_option("Saves the tests (JSON).", "-o", "--out")] = None,
    plot: Annotated[
        Path | None, file_option("Saves a figure of the p-values (.png, .pdf, .svg).")
    ] = None,
    draw: Draw = None,
    top: Annotated[int, typer.Option(metavar="N", help="Worst pairs to list.", min=0)] = 10,
    more_observed: MoreObserved = None,
    combine: Combine = None,
    key: Key = None,
    json: Json = False,
    quiet: Quiet = False,
    **options: Any,
) -> None:
    """Tests observed against expected events, features and pairs of features.

    Likelihood ratios to the saturated model in quantile bins of the
    expectation, with its statistical uncertainty; Kolmogorov–Smirnov and
    Anderson–Darling; p-values from toys. Exit status 0 with any result.
    `onnxtaylor select RESULT --gof gof.json` shows what a network makes of
    badly modelled features.

    Example:

    onnxtaylor gof data.parquet mc.parquet --weight w --missing -999 -o gof.json --plot gof.png
    """
    observed, expected = [*(data or [])[:1], *(more_observed or [])], (data or [])[1:]
    _require_samples(data or [], more_observed or [], combine, key, options)
    read = [*observed, *expected, *combine_files(combine or [])]
    files.writable({"-o": out, "--plot": plot}, inputs=read, options=options)
    if isinstance(options.get("missing"), dict):
        raise OptionError("is one value for all features of a goodness of fit", option="missing")
    if plot is not None:
        files.figure_format("--plot", plot)
    elif draw is not None:
        raise OptionError(f"--draw {console.printable(draw)}: name the file with --plot")
    from onnxtaylor.gof import read_combine
    from onnxtaylor.gof.service import goodness_of_fit

    if combine:
        fit = read_combine(combine, options["features"], key)
    else:
        both = [*observed, *expected]
        with files.data_files(both) as paths, console.progress_bar(quiet, "tests") as progress:
            first, others = paths[: len(observed)], paths[len(observed) :]
            fit = goodness_of_fit(first, others, progress=progress, **options)
    if plot is not None:
        _draw(fit, draw, plot)
    if out is not None:
        fit.save(out)
    for line in fit.warnings:
        console.note(f"warning: {console.library_text(line)}")
    if json:
        console.document(fit.to_json())
    elif not quiet:
        _print(fit, top)
    if not quiet:
        for path in filter(None, (out, plot)):
            console.note(f"saved {console.printable(path)}")


def _require_samples(
    data: list[str],
    more_observed: list[str],
    combine: list[str] | None,
    key: str | None,
    options: dict[str, Any],
) -> None:
    """Raises OptionError unless there are two samples, or p-values by combine."""
    if combine:
        if data or more_observed or {"weights", "observed_weights"} & set(options):
            raise OptionError("--combine reads p-values: leave data and weights out")
        if "features" not in options:
            raise OptionError("--combine needs --features: the names that stand in the file names")
    elif len(data) < 2:
        raise OptionError("OBSERVED EXPECTED: name one file of each at least, or --combine")
    elif key is not None:
        raise OptionError("--key chooses in files of --combine")


def _draw(fit: GoodnessOfFit, what: str | None, path: Path) -> None:
    """Saves a figure of the pairs, of the features, or of one feature."""
    from onnxtaylor.views.plot.files import save_axes
    from onnxtaylor.views.plot.gof import plot_feature, plot_p_values, plot_pairs

    if what is None:
        what = PAIRS if fit.pairs else FEATURES
    if what in fit.names:
        save_axes(lambda: plot_feature(fit, str(what)), path)
    elif what in (PAIRS, FEATURES):
        save_axes(lambda: (plot_pairs if what == PAIRS else plot_p_values)(fit), path)
    else:
        fit.feature(what)  # raises, and names the nearest


def _print(fit: GoodnessOfFit, top: int) -> None:
    """Prints the samples, the features, the worst pairs, and the number expected bad by chance."""
    for side, sample in (("observed", fit.observed), ("expected", fit.expected)):
        if sample is not None:
            sources = ", ".join(console.printable(source) for source in sample.sources[:4])
            weights = f", Σw = {sample.sum_weight:.6g}, N_eff = {sample.n_eff:.6g}"
            console.show(f"{side}  {sources}: {sample.events} events{weights * sample.weighted}")
    console.show(_features(fit))
    rows = [pair for pair in fit.worst_pairs if pair.p is not None]
    if rows and top:
        console.show(_table([(", ".join(r.features), (r.tests[0],)) for r in rows[:top]],
                            "worst pairs", "pair", len(fit.pairs)))  # fmt: skip
    for parts, what in ((fit.features, "feature"), (fit.pairs, "pair")):
        p = [part.p for part in parts if part.p is not None]
        if p:
            bad = sum(value < THRESHOLD for value in p)
            total, chance = console.counted(len(p), what), THRESHOLD * len(p)
            console.show(f"p < {THRESHOLD:g}: {bad} of {total}; {chance:.3g} expected by chance")


def _features(fit: GoodnessOfFit) -> Table:
    """Makes the table of all features."""
    rows = [(f.name, f.tests) for f in fit.worst_features]
    return _table(rows, "features", "feature", len(rows))


def _table(
    rows: list[tuple[str, tuple[TestResult, ...]]], title: str, what: str, total: int
) -> Table:
    """Makes a table of tests, one row for each feature or pair."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    short = {"kolmogorov-smirnov": "p (KS)", "anderson-darling": "p (AD)"}
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    table.add_column(what, overflow="fold")
    asymptotic = any(tests[0].p_asymptotic is not None for _, tests in rows)
    table.add_column(
        "statistic / ndf" if asymptotic else "statistic", justify="right", no_wrap=True
    )
    table.add_column("p", justify="right", no_wrap=True)
    if asymptotic:
        table.add_column("p (χ²)", justify="right", no_wrap=True)
    others = [test.test for test in rows[0][1][1:]]
    for name in others:
        table.add_column(short.get(name, name), justify="right", no_wrap=True)
    for name, tests in rows:
        first = tests[0]
        value = "–" if first.statistic is None else f"{first.statistic:.1f}"
        if asymptotic and first.ndf is not None:
            value += f" / {first.ndf:>3}"
        table.add_row(
            Text(console.printable(name, limit=400)),
            value,
            _p(first),
            *([_number(first.p_asymptotic)] if asymptotic else []),
            *(_number(test.p) for test in tests[1:]),
        )
    count = f"{len(rows)} of {total} {what}s, " if len(rows) < total else ""
    ties = "; equal ones by p (χ²)" if asymptotic else ""
    table.caption, table.caption_justify = f"{count}worst first: by p{ties}", "left"
    return table


def _p(test: TestResult) -> str:
    """Returns the p-value of a test with its uncertainty."""
    if test.p is None:
        return "not tested"
    return _number(test.p) if not test.p_error else console.plus_minus(test.p, test.p_error)


def _number(p: float | None) -> str:
    """Returns a p-value, a dash where there is none."""
    return "–" if p is None else f"{p:.2g}"
