"""``onnxtaylor gof``: are the observed events those that the simulation expects?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onnxtaylor.cli import console, options
from onnxtaylor.errors import OptionError

if TYPE_CHECKING:
    from rich.table import Table

    from onnxtaylor.gof import GoodnessOfFit
    from onnxtaylor.gof.result import TestResult

__all__ = ["gof"]

THRESHOLD = 0.05
PAIRS, FEATURES = "pairs", "features"
TESTS = "Tests"


def gof(
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="OBSERVED EXPECTED...",
            help="The observed events and the files of the expected ones; formats as of `analyze`.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="Saves the tests (JSON).", show_default=False
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draws the p-values (.png, .pdf, .svg).", show_default=False
        ),
    ] = None,
    draw: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="What --plot draws: pairs (default), features, or one feature's bins by its name.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", help="Worst pairs to list.", min=0)] = 10,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Columns to compare: a,b,c or @FILE with one a line. Default: those that both have"
            " and that are no weight.",
            rich_help_panel=options.COLUMNS,
            show_default=False,
        ),
    ] = None,
    weight: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Column of weights of the expected events.",
            rich_help_panel=options.COLUMNS,
            show_default=False,
        ),
    ] = None,
    observed_weight: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The same of the observed events. Default: none, they are counted.",
            rich_help_panel=options.COLUMNS,
            show_default=False,
        ),
    ] = None,
    more_observed: Annotated[
        list[Path] | None,
        typer.Option(
            "--observed",
            metavar="FILE",
            help="A further file of observed events; may be repeated.",
            rich_help_panel=options.COLUMNS,
            show_default=False,
        ),
    ] = None,
    exclude: options.Exclude = None,
    missing: Annotated[
        float | None,
        typer.Option(
            metavar="VALUE",
            help="The value of missing entries, such as -999: they get a bin of their own.",
            rich_help_panel=options.COLUMNS,
            show_default=False,
        ),
    ] = None,
    normalize: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="shape: the expectation is scaled to the data; absolute: yields count, too.",
            rich_help_panel=TESTS,
        ),
    ] = "shape",
    bins: Annotated[
        int,
        typer.Option(metavar="N", help="Quantile bins of a feature.", rich_help_panel=TESTS),
    ] = 10,
    pair_bins: Annotated[
        int,
        typer.Option(
            metavar="N", help="The same of each feature of a pair.", rich_help_panel=TESTS
        ),
    ] = 5,
    pairs: Annotated[
        bool,
        typer.Option(
            "--pairs/--no-pairs", metavar="", help="Tests all pairs.", rich_help_panel=TESTS
        ),
    ] = True,
    toys: Annotated[
        int, typer.Option(metavar="N", help="Toys behind a p-value.", rich_help_panel=TESTS)
    ] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the toys.", rich_help_panel=TESTS)] = 0,
    combine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACE",
            help="Reads p-values that CMS' combine made (CollectGoodnessOfFit), in place of data:"
            " a pattern such as 'gof/{1}_{2}.json', {1} and {2} for features, or a folder of files"
            " that have features in their names; may be repeated. Needs --features.",
            rich_help_panel="CMS combine",
            show_default=False,
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="MASS or MASS/CHANNEL in these files, where there are several.",
            rich_help_panel="CMS combine",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Tests observed against expected events, features and pairs of features.

    Likelihood ratios to the saturated model in quantile bins of the
    expectation, with its statistical uncertainty; Kolmogorov–Smirnov and
    Anderson–Darling; p-values from toys. Exit status 0 whatever is found.
    What a network makes of badly modelled features is told by
    `onnxtaylor select RESULT --gof gof.json`.

    Example:

    onnxtaylor gof data.parquet mc.parquet --weight w --missing -999 -o gof.json --plot gof.png
    """
    files = [*(data or []), *(more_observed or [])]
    if combine:
        if files or weight or observed_weight:
            raise OptionError("--combine reads p-values: leave data and weights out")
        if features is None:
            raise OptionError("--combine needs --features: the names that stand in the file names")
    elif len(data or []) < 2:
        raise OptionError("OBSERVED EXPECTED: name one file of each at least, or --combine")
    elif key is not None:
        raise OptionError("--key chooses in files of --combine")
    options.writable({"-o": out, "--plot": plot}, inputs=files)
    if plot is not None:
        options.figure_format("--plot", plot)
    elif draw is not None:
        raise OptionError(f"--draw {console.printable(draw)}: name the file with --plot")
    names = options.parse_features(features)
    from onnxtaylor.gof import GofSettings, goodness_of_fit, read_combine, read_samples

    settings = GofSettings(
        bins=bins,
        pair_bins=pair_bins,
        normalize=normalize,
        toys=toys,
        seed=seed,
        pairs=pairs,
    )
    if combine:
        found = read_combine(combine, names or [], key)
    else:
        with options.data_files(files) as paths, console.progress_bar(quiet, "tests") as progress:
            count = len(data or [])
            samples = read_samples(
                [paths[0], *paths[count:]],
                paths[1:count],
                features=names,
                observed_weight=observed_weight,
                expected_weight=weight,
                exclude=exclude or (),
                missing=missing,
            )
            found = goodness_of_fit(*samples, settings, progress=progress)
    if plot is not None:
        _draw(found, draw, plot)
    if out is not None:
        found.save(out)
    for line in found.warnings:
        console.note(f"warning: {console.printable(line, limit=400)}")
    if json:
        console.document(found.to_json())
    elif not quiet:
        _print(found, top)
    if not quiet:
        for path in filter(None, (out, plot)):
            console.note(f"saved {console.printable(path)}")


def _draw(found: GoodnessOfFit, what: str | None, path: Path) -> None:
    from onnxtaylor.views.plot.files import save_axes
    from onnxtaylor.views.plot.gof import plot_feature, plot_p_values, plot_pairs

    if what is None:
        what = PAIRS if found.pairs else FEATURES
    if what in found.names:
        save_axes(lambda: plot_feature(found, str(what)), path)
    elif what in (PAIRS, FEATURES):
        save_axes(lambda: (plot_pairs if what == PAIRS else plot_p_values)(found), path)
    else:
        found.feature(what)  # raises, and names the nearest


def _print(found: GoodnessOfFit, top: int) -> None:
    """The samples, the features, the worst pairs, and how many of each are bad by chance."""
    for side, sample in (("observed", found.observed), ("expected", found.expected)):
        if sample is not None:
            sources = ", ".join(console.printable(source) for source in sample.sources[:4])
            weights = f", Σw = {sample.sum_weight:.6g}, N_eff = {sample.n_eff:.6g}"
            console.show(f"{side}  {sources}: {sample.events} events{weights * sample.weighted}")
    console.show(_features(found))
    rows = [pair for pair in found.worst_pairs if pair.p is not None]
    if rows and top:
        console.show(_table([(", ".join(r.features), (r.tests[0],)) for r in rows[:top]],
                            "worst pairs", "pair", len(found.pairs)))  # fmt: skip
    for parts, what in ((found.features, "feature"), (found.pairs, "pair")):
        p = [part.p for part in parts if part.p is not None]
        if p:
            bad = sum(value < THRESHOLD for value in p)
            total, chance = console.counted(len(p), what), THRESHOLD * len(p)
            console.show(f"p < {THRESHOLD:g}: {bad} of {total}; chance makes {chance:.3g} of them")


def _features(found: GoodnessOfFit) -> Table:
    rows = [(f.name, f.tests) for f in found.worst_features]
    return _table(rows, "features", "feature", len(rows))


def _table(
    rows: list[tuple[str, tuple[TestResult, ...]]], title: str, what: str, total: int
) -> Table:
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
    if test.p is None:
        return "not tested"
    return _number(test.p) if not test.p_error else console.uncertain(test.p, test.p_error)


def _number(p: float | None) -> str:
    return "–" if p is None else f"{p:.2g}"
