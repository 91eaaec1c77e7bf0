"""``onnxtaylor track``: ⟨t⟩ along a series of checkpoints."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import COLUMNS, takes
from onnxtaylor.cli.flags import error_text
from onnxtaylor.cli.options import Csv, Json, Quiet, Top, file_option
from onnxtaylor.errors import OnnxTaylorError, printable
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.results.summaries import units_apart
from onnxtaylor.supervision.work import why_interrupted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.table import Table

    from onnxtaylor.progress import Progress
    from onnxtaylor.tracking import LearningProgress, ProgressResult

__all__ = ["track"]

SHOWN = 6  # steps in the table, and responses
LINES = 8  # of the figure


Models = Annotated[
    list[Path],
    typer.Argument(
        metavar="MODEL...",
        help="ONNX files of one kind of model, such as step-*.onnx.",
        show_default=False,
    ),
]
Data = Annotated[
    list[str],
    typer.Option(
        metavar="DATA",
        help="Events, as for `onnxtaylor analyze`; - reads CSV from stdin. May be repeated.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    file_option("Saves all steps (JSON); after an interruption, those done so far.", "-o", "--out"),
]
Plot = Annotated[
    Path | None, file_option("Saves the figure (.png, .pdf or .svg) of the first response.")
]
Log = Annotated[
    bool, typer.Option("--log", metavar="", help="Logarithmic axis of steps in the figure.")
]
StepBy = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Where the numbers of the steps come from: metadata (the entry step), names (the"
        " number in which the file names differ), order (1, 2, 3, …), or auto: the first of"
        " these that works.",
    ),
]
Sample = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Events that are tracked, drawn at random; 0 takes all.",
        min=0,
        rich_help_panel=COLUMNS,
    ),
]


@takes(
    DataOptions,
    ModelOptions,
    EngineOptions,
    StatisticsOptions,
    without=(
        *("files_by_class", "fold", "events", "sample", "by", "reduce"),
        *("finite_step", "precision", "accuracy", "mixed", "batch_size", "provider"),
        *("bootstrap", "check", "check_method", "per_class", "resume"),
    ),
    texts={"seed": "Random seed of the sample of events"},
)
def track(
    models: Models,
    data: Data,
    out: Out = None,
    csv: Csv = None,
    plot: Plot = None,
    log: Log = False,
    step_by: StepBy = "auto",
    top: Top = 10,
    sample: Sample = 1000,
    json: Json = False,
    quiet: Quiet = False,
    **options: Any,
) -> None:
    """Follows ⟨t⟩ along checkpoints: what does a model learn first?

    A graph with the same structure is compiled once, and only its weights are swapped.

    Example:

    onnxtaylor track step-*.onnx --data events.parquet --label label -o progress.json
    """
    targets = {"-o": out, "--csv": csv, "--plot": plot}
    files.writable(targets, inputs=[*models, *data], options=options)
    if plot is not None:
        files.figure_format("--plot", plot)
    with files.data_files(data) as paths, console.progress_bar(quiet, "steps") as progress:
        # numba, onnx and pyarrow are imported here, so that --help need not wait for them
        from onnxtaylor.tracking import LearningProgress

        recorded = LearningProgress(paths, sample=sample or None, **options)
        spooled = files.spooled(paths, data)
        numbered_by = _record(recorded, models, step_by, out, progress, spooled)
    result = _with_stdin_named(recorded.result(), spooled)
    if out is not None:
        result.save(out)
    if csv is not None:
        result.write_csv(csv)
    if plot is not None:
        from onnxtaylor.views.plot.files import save_axes

        save_axes(lambda: result.plot(top=min(top, LINES), log=log), plot)
    if json:
        console.document(result.to_json())
    elif not quiet:
        console.show(_summary(result, numbered_by))
        for name in result.outputs[:SHOWN]:
            console.show(_table(result, name, top))
    if not quiet:
        _print_warnings(result)
        for path in filter(None, (out, csv, plot)):
            console.note(f"saved {console.printable(path)}")


def _print_warnings(result: ProgressResult) -> None:
    """Prints what a user should know of the series, on stderr."""
    console.warn(filter(None, [units_apart(result.data.features, result.options["scale"])]))
    for name, scores in zip(result.outputs, result.score[-1, :, 0], strict=True):
        if not scores.any():
            console.note(
                f"warning: all coefficients of response '{printable(name)}' are 0 after the"
                " last step: it does not vary"
            )
    notes: dict[str, list[str]] = {}  # why steps were not swapped, each reason once
    for step in result.steps:
        if step.note:
            notes.setdefault(step.note, []).append(f"{step.step}")
    for note, steps in notes.items():
        which = f"step {steps[0]}" + (f" and {len(steps) - 1} more" if len(steps) > 1 else "")
        console.note(f"{which}: {console.library_text(note)}")


def _record(
    recorded: LearningProgress,
    models: Sequence[Path],
    step_by: str,
    out: Path | None,
    progress: Progress | None,
    spooled: Collection[str],
) -> str:
    """Records all checkpoints in the order of their steps; returns how these were numbered.

    Where that is interrupted, or ends at a model that is wrong, the steps before it are saved.
    """
    from onnxtaylor.graph import read_model
    from onnxtaylor.tracking.checkpoints import number_steps, step_in_metadata

    stored: list[int | float | None] = [None] * len(models)
    if step_by in ("auto", "metadata"):
        stored = [step_in_metadata(read_model(path)) for path in models]
    found = number_steps([str(path) for path in models], stored, step_by)
    try:
        for done, (place, step) in enumerate(zip(found.places, found.steps, strict=True)):
            if progress is not None:
                progress("checkpoints", done, len(models))
            recorded.record(step, models[place])
    except (KeyboardInterrupt, OnnxTaylorError) as error:
        kept = len(recorded.steps)
        if not kept or out is None:
            if isinstance(error, OnnxTaylorError):
                raise
            way = "(-o FILE keeps steps)" if out is None else "before the first step was done"
            raise OnnxTaylorError(f"{why_interrupted()}: nothing was saved {way}") from None
        _with_stdin_named(recorded.result(), spooled).save(out)
        reason = error_text(error) if isinstance(error, OnnxTaylorError) else why_interrupted()
        raise OnnxTaylorError(
            f"{reason}: the {console.counted(kept, 'step')} before it of {len(models)} are saved in"
            f" {printable(out)}"
        ) from None
    return found.source


def _with_stdin_named(result: ProgressResult, spooled: Collection[str]) -> ProgressResult:
    """Returns the result without the names of files that stdin was spooled to."""
    sources = files.sources_named(result.data.sources, spooled)
    return replace(result, data=replace(result.data, sources=sources))


def _summary(result: ProgressResult, numbered_by: str) -> str:
    """Returns a summary of the tracking in a few lines."""
    counts = Counter(step.how for step in result.steps)
    ways = {
        "compiled": "{} compiled",
        "swapped": "{} by new weights in the graph of another",
        "analyzed": "{} analyzed without swapping",
    }
    how = ", ".join(text.format(counts[key]) for key, text in ways.items() if counts[key])
    first, last = result.steps[0], result.steps[-1]
    kinds = dict(result.options.get("piecewise_linear") or {})
    listing = ", ".join(f"{printable(kind)} ×{count}" for kind, count in kinds.items())
    unseen = kinds and result.options.get("order") != 1
    kinks = (
        f"\nsecond order is pointwise: it leaves out what bends at the kinks of {listing}"
        if unseen
        else ""
    )
    if result.remark:
        kinks = f"\nsecond order is {printable(result.remark, 80)}"
    engines = ", ".join(sorted({f"{printable(s.engine)} in {s.precision}" for s in result.steps}))
    return (
        f"{console.counted(len(result.steps), 'step')} from {first.step} ({printable(first.name)})"
        f" to {last.step} ({printable(last.name)})\n"
        f"steps are numbered by {numbered_by}\n{how}; {engines}\n"
        f"{result.data.events} events, Σw = {result.data.sum_weight:.6g},"
        f" N_eff = {result.data.n_eff:.6g}{kinks}"
    )


def _table(result: ProgressResult, output: str, top: int) -> Table:
    """Returns the largest coefficients after the last step, with their values at steps before."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    last = len(result.steps) - 1
    shown = sorted({round(last * k / (SHOWN - 1)) for k in range(SHOWN)})
    table = Table(
        box=box.SIMPLE_HEAD, title=printable(output), title_justify="left", title_style="bold"
    )
    table.add_column("coefficient", overflow="fold")
    for s in shown[:-1]:
        table.add_column(f"step {result.steps[s].step}", justify="right", no_wrap=True)
    table.add_column(f"step {result.steps[last].step}: ⟨t⟩ ± SEM", justify="right", no_wrap=True)
    table.add_column("signed mean", justify="right", no_wrap=True)
    for row in result.top(top, output):
        curve = result.curve(row["features"], output=output)
        table.add_row(
            Text(printable(row["label"], limit=400)),
            *(f"{curve[s]:.4g}" for s in shown[:-1]),
            console.plus_minus(row["score"], row["sem"]),
            f"{row['signed_mean']:+.4g}",
        )
    if top < len(result.indices):
        table.caption = f"{min(top, len(result.indices))} of {len(result.indices)} coefficients"
        table.caption_justify = "left"
    return table
