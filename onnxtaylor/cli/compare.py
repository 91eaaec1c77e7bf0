"""``onnxtaylor compare``: two results, or two models on the same data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import COLUMNS, MODEL, RUN, takes
from onnxtaylor.cli.options import Json, Quiet, Top, file_option
from onnxtaylor.errors import OptionError
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions

if TYPE_CHECKING:
    from rich.table import Table

    from onnxtaylor.comparison import Comparison

__all__ = ["compare"]

OF_MODELS = (COLUMNS, MODEL, RUN)  # panels of the help
UNMOVED = 5  # changes that are shown where none of them counts
SIDE = "A result of `onnxtaylor analyze -o` (.json), or an ONNX file."


Data = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATA",
        help="Events, where A and B are models; formats as for `onnxtaylor analyze`.",
        show_default=False,
    ),
]
Significance = Annotated[
    float,
    typer.Option(metavar="P", help="Probability of any false alarm among all coefficients (Holm)."),
]
Least = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Smaller changes do not count. Of coefficients: as a share of the largest ⟨t⟩ of"
        " the response; of responses: RMS difference per spread.",
    ),
]
OutputB = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Output of B, where it has another name than in A. May be repeated.",
        rich_help_panel=MODEL,
        show_default=False,
    ),
]


@takes(
    DataOptions,
    ModelOptions,
    EngineOptions,
    StatisticsOptions,
    without=(
        *("fold", "engine", "accuracy", "mixed", "batch_size"),
        *("bootstrap", "seed", "check", "check_method", "per_class", "resume"),
    ),
    texts={"order": "Order of the Taylor coefficients: 1, or 2 with all pairs"},
)
def compare(
    ctx: typer.Context,
    a: Annotated[Path, typer.Argument(metavar="A", help=SIDE, show_default=False)],
    b: Annotated[
        Path,
        typer.Argument(
            metavar="B", help="A second result, or a second ONNX file.", show_default=False
        ),
    ],
    data: Data = None,
    out: Annotated[Path | None, file_option("Saves the comparison (JSON).", "-o", "--out")] = None,
    plot: Annotated[
        Path | None, file_option("Saves a figure of ⟨t⟩ of B against A (.png, .pdf, .svg).")
    ] = None,
    top: Top = 20,
    significance: Significance = 0.01,
    least: Least = 0.01,
    output_b: OutputB = None,
    json: Json = False,
    quiet: Quiet = False,
    **options: Any,
) -> None:
    """Compares A with B: what changed, and is it significant?

    Two models on the same data are compared event by event: far more sensitive than two results.

    Exit status 0 where nothing moved, 1 where something did.

    Example:

    onnxtaylor compare before.json after.json

    onnxtaylor compare torch.onnx keras.onnx events.parquet --weight w
    """
    paths = data or []
    named = files.event_files(data, options)
    of_results = _are_results(a, b, named)
    if of_results:
        _refuse_options_of_models(ctx)
    files.writable({"-o": out, "--plot": plot}, inputs=[a, b, *named], options=options)
    if plot is not None:
        files.figure_format("--plot", plot)
    limits: dict[str, Any] = {"significance": significance, "least": least}
    if of_results:
        from onnxtaylor.comparison import compare_results

        comparison = compare_results(files.load_result(a), files.load_result(b), **limits)
    else:
        with files.data_files(paths) as events, console.progress_bar(quiet) as progress:
            # numba, onnx and pyarrow are imported here, so that --help need not wait for them
            from onnxtaylor.comparison.models import compare_models

            comparison = compare_models(
                a, b, events, output_b=output_b, progress=progress, **limits, **options
            )
    _save(comparison, out, plot)
    if json:
        console.document(comparison.to_json())
    elif not quiet:
        _print(comparison, top)
    if not quiet:
        # each once: of the same data both results have the same
        console.warn(dict.fromkeys((*comparison.a.warnings, *comparison.b.warnings)), saved=False)
        for path in filter(None, (out, plot)):
            console.note(f"saved {console.printable(path)}")
    if not comparison.passed:
        raise typer.Exit(1)


def _save(comparison: Comparison, out: Path | None, plot: Path | None) -> None:
    """Saves the comparison and its figure to the requested files."""
    if out is not None:
        from onnxtaylor.files.whole import write_whole

        write_whole(out, comparison.to_json().encode(errors="backslashreplace"))
    if plot is not None:
        from onnxtaylor.views.plot.comparison import plot_comparison
        from onnxtaylor.views.plot.files import save_axes

        save_axes(lambda: plot_comparison(comparison), plot)


def _are_results(a: Path, b: Path, data: list[str]) -> bool:
    """Whether A and B are two saved results, else two models. Raises OptionError for a mixture."""
    results = [path == Path("-") or path.suffix.lower() == ".json" for path in (a, b)]
    if any(results) and not all(results):
        raise OptionError(
            f"{console.printable(a)} and {console.printable(b)}: one is a result and the other a"
            " model: name two results, or two models"
        )
    if all(results) and data:
        raise OptionError("two results hold their numbers: leave DATA out, or name two models")
    if not any(results) and not data:
        raise OptionError("two models are compared on events: name DATA files after the models")
    if a == b == Path("-"):
        raise OptionError("- and -: stdin can be read only once")
    return all(results)


def _refuse_options_of_models(ctx: typer.Context) -> None:
    """Raises OptionError for an option about models, which saved results hold already."""
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        panel = getattr(parameter, "rich_help_panel", None)
        if panel in OF_MODELS and source is not None and source.name == "COMMANDLINE":
            raise OptionError(f"{parameter.opts[-1]} is for models: results hold theirs")


def _print(comparison: Comparison, top: int) -> None:
    """Prints both sides, the responses, the coefficients that moved, and the verdict."""
    for side, result in (("A", comparison.a), ("B", comparison.b)):
        console.show(
            f"{side}  {console.printable(result.model.path)}: {result.data.events} events,"
            f" {console.printable(result.model.engine)} in"
            f" {console.printable(result.model.precision)}"
        )
    for line in comparison.shared.notes:
        console.show(f"note: {console.library_text(line)}")
    if comparison.responses:
        console.show(_responses(comparison))
    total, moved = comparison.change.size, int(comparison.moved.sum())
    title = "coefficients that moved" if moved else "most significant changes, none of which counts"
    number = moved or int((comparison.change != 0).sum())
    # what did not change at all comes last
    shown = comparison.rows(moved=moved > 0, count=min(number, top if moved else min(top, UNMOVED)))
    if shown:
        console.show(_changes(shown, title, number, several=len(comparison.shared.groups) > 1))
    how = "event by event" if comparison.paired else "as independent results"
    verdict = "MOVED" if moved else "unchanged"
    console.show(
        f"{verdict}: {moved} of {total} scores moved, compared {how}: family-wise significance"
        f" {comparison.significance:g}, at least {comparison.least:.3g} of the largest ⟨t⟩"
    )
    for r in comparison.moved_responses:
        console.show(
            f"MOVED: response '{console.printable(r.output)}' by {r.rms:.3g} (RMS),"
            f" {100 * r.rms / r.spread if r.spread else float('inf'):.3g} % of its spread"
        )


def _responses(comparison: Comparison) -> Table:
    """Makes the table of the changes of the responses."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD, title="responses, B − A", title_justify="left", title_style="bold"
    )
    table.add_column("response", overflow="fold")
    for name in ("mean", "RMS", "spread of A", "largest", "at event"):
        table.add_column(name, justify="right", no_wrap=True)
    for r in comparison.responses:
        table.add_row(
            Text(console.printable(r.output, limit=400)),
            f"{r.mean:+.2g}",
            f"{r.rms:.2g}",
            f"{r.spread:.2g}",
            f"{r.largest:.2g}",
            str(r.event),
        )
    return table


def _changes(rows: list[dict[str, object]], title: str, total: int, *, several: bool) -> Table:
    """Makes the table of the changes of the coefficients; ``several`` groups have a column."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    table.add_column("coefficient", overflow="fold")
    table.add_column("response", overflow="fold")
    if several:
        table.add_column("events", overflow="fold")
    for name in ("⟨t⟩ A", "⟨t⟩ B", "B − A", "z", "p", "rank"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        names = [row["label"], row["output"], *([row["group"]] if several else [])]
        z = row["z"]
        table.add_row(
            *(Text(console.printable(name, limit=400)) for name in names),
            f"{row['score_a']:.4g}",
            f"{row['score_b']:.4g}",
            console.plus_minus(float(str(row["change"])), float(str(row["sigma"]))),
            "–" if z is None else f"{z:+.1f}",
            f"{row['p']:.1g}",
            f"{row['rank_a']} → {row['rank_b']}",
        )
    if len(rows) < total:
        table.caption, table.caption_justify = f"{len(rows)} of {total}", "left"
    return table
