"""``onnxtaylor check``: both engines against each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import takes
from onnxtaylor.cli.options import Data, Json, Model, Quiet, file_option
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from onnxtaylor.crosscheck import CrossCheck

__all__ = ["check"]

SHOWN = 20  # coefficients that differ


@takes(
    DataOptions,
    ModelOptions,
    EngineOptions,
    StatisticsOptions,
    only=(
        *("files_by_class", "feature_names", "labels", "weights", "exclude", "missing", "where"),
        *("tree", "friends"),
        *("input", "context", "mask", "fix", "inputs", "no_batch"),
        *("output", "output_names", "link"),
        *("order", "precision", "threads", "provider", "check_method", "seed"),
    ),
    texts={
        "labels": "Column of class labels: not a feature, and not used",
        "weights": "Column of event weights: not a feature, and not used",
        "order": "Order of the Taylor coefficients: 1, or 2 with all pairs",
        "seed": "Random seed of the sample of events",
    },
)
def check(
    model: Model,
    data: Data = None,
    events: Annotated[
        int, typer.Option(metavar="N", help="Events that are compared, drawn at random.", min=1)
    ] = 64,
    top: Annotated[
        int, typer.Option(metavar="N", help="Events with the largest deviation to list.", min=1)
    ] = 5,
    plot: Annotated[
        Path | None,
        file_option("Figure of deviation and allowed error (.png, .pdf, .svg)."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    **options: Any,
) -> None:
    """Compares both engines, coefficient by coefficient, at a sample of events.

    Exit status 0 where they agree, 1 where anything differs or nothing could be checked.

    Example:

    onnxtaylor check model.onnx events.csv.gz --weight w --label class --plot check.png
    """
    data = data or []
    named = files.event_files(data, options)
    files.writable({"--plot": plot}, inputs=[model, *named], options=options)
    if plot is not None:
        files.figure_format("--plot", plot)
    with files.data_files(data) as paths, console.progress_bar(quiet) as progress:
        # numba, onnx and pyarrow are imported here, so that --help need not wait for them
        from onnxtaylor.crosscheck.cross_check import cross_check
        from onnxtaylor.data import list_columns

        # neither is a feature, and neither is used
        unused = [options.pop(name) for name in ("labels", "weights") if name in options]
        if any("," in name for name in unused):  # a product of weights
            known = list_columns([*paths, *files.event_files((), options)])
            unused = [part for name in unused for part in _factors(name, known)]
        exclude = (*options.pop("exclude", ()), *unused)

        result = cross_check(model, paths, events, exclude=exclude, progress=progress, **options)
    if json:
        console.document(result.to_json())
    elif not quiet:
        _print(result, top)
    for line in () if quiet else result.warnings:
        console.note(f"warning: {console.library_text(line, limit=600)}")
    if plot is not None:
        if result.comparisons is None:
            console.note("no figure: nothing was compared")
        else:
            from onnxtaylor.views.plot.files import save_axes

            save_axes(result.plot, plot)
            if not quiet:
                console.note(f"saved {console.printable(plot)}")
    if not result.passed:
        raise typer.Exit(1)


def _factors(weight: str, columns: Sequence[str]) -> list[str]:
    """Lists the columns that a weight is a product of."""
    return [weight] if weight in columns else [name.strip() for name in weight.split(",")]


def _print(result: CrossCheck, top: int) -> None:
    """Prints the compared objects, their numbers by verdict, the worst events, and the verdict."""
    from onnxtaylor.errors import printable

    if (
        result.comparisons is not None
        and result.indices is not None
        and result.responses is not None
    ):
        exact, differences = result.exact, result.differences
        responses = console.counted(len(result.outputs), "response")
        count = 0 if result.layout is None else result.layout.count
        along = f" along {count} random directions at each" if count else ""
        console.show(
            f"{printable(result.model)}: {result.events} of {result.total} events,"
            f" seed {result.seed};"
            f" {len(result.compared_names)} coefficients{along} of {responses}\n"
            f"exact in {exact['precision']} against differences in {differences['precision']},"
            f" {differences['points']} evaluations per event"
        )
        console.show(_counts(result))
        if rows := result.worst(top):
            console.show(_worst(rows))
        if rows := result.differing():
            console.show(_differing(rows[:SHOWN], len(rows)))
        r = result.responses
        agree = "agree" if r.agree else "DIFFER"
        console.show(
            f"responses of derivative graph and model {agree}: at most {r.deviation:.2g} apart,"
            f" {r.largest:.2g} of the rounding allowed, at event {r.event}"
        )
        console.show("probes of the model: " + "; ".join(_probes()))
    for line in result.notes:
        console.show(f"note: {console.library_text(line)}")
    console.show(console.check_line(result.to_dict()))


def _probes() -> tuple[str, ...]:
    """Returns a line on the probes of the model that were done before the comparison."""
    from onnxtaylor.crosscheck.result import PROBES

    return PROBES


def _counts(result: CrossCheck) -> Table:
    """Makes the table of the number of coefficients with each verdict."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("verdict")
    table.add_column("coefficients", justify="right", no_wrap=True)
    table.add_column("at events", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    counts = result.counts()
    total = max(1, sum(pair[1] for pair in counts.values()))
    for name, (coefficients, comparisons) in counts.items():
        share = f"{100 * comparisons / total:.2f} %"
        table.add_row(name, str(coefficients), str(comparisons), share)
    return table


def _worst(rows: list[dict[str, object]]) -> Table:
    """Makes the table of the largest deviations."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from onnxtaylor.errors import printable

    table = Table(
        box=box.SIMPLE_HEAD,
        title="largest differences of the engines, in units of the allowed numerical error",
        title_justify="left",
        title_style="bold",
    )
    for name in ("event", "difference / allowed", "exact", "differences"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("coefficient", overflow="fold")
    table.add_column("response", overflow="fold")
    for row in rows:
        ratio = row["ratio"]
        table.add_row(
            str(row["event"]),
            "∞" if ratio is None else f"{ratio:.3g}",
            f"{row['exact']:.8g}",
            f"{row['differences']:.8g}",
            Text(printable(row["label"], limit=400)),
            Text(printable(row["output"], limit=400)),
        )
    return table


def _differing(rows: list[dict[str, object]], total: int) -> Table:
    """Makes the table of coefficients beyond their budget."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from onnxtaylor.errors import printable

    table = Table(
        box=box.SIMPLE_HEAD,
        title="coefficients that differ",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("beyond allowed error", justify="right", no_wrap=True)
    table.add_column("coefficient", overflow="fold")
    table.add_column("response", overflow="fold")
    for row in rows:
        names = (Text(printable(row[k], limit=400)) for k in ("label", "output"))
        table.add_row(f"{row['beyond']} of {row['events']} events", *names)
    if len(rows) < total:
        table.caption = f"{len(rows)} of {total} coefficients that differ"
        table.caption_justify = "left"
    return table
