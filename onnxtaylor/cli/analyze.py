"""``onnxtaylor analyze``: the main job."""

from __future__ import annotations

import json as encoder
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import COLUMNS, takes
from onnxtaylor.cli.options import Csv, Data, Json, Model, Quiet, Top, file_option
from onnxtaylor.cli.summary import summary
from onnxtaylor.errors import OnnxTaylorError, OptionError
from onnxtaylor.options import (
    DataOptions,
    EngineOptions,
    ModelOptions,
    PairOptions,
    StatisticsOptions,
)
from onnxtaylor.options.division import ClusterOptions, ShardOptions
from onnxtaylor.supervision.work import why_interrupted

if TYPE_CHECKING:
    from onnxtaylor.results.cost import CostPlan
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["analyze", "finish", "print_ranking"]

SHOWN_OUTPUTS = 6
SAVED = (".json", ".json.gz", ".csv", ".html", ".npz")  # endings of files, not of responses
DIVIDED = ("survey", "dask")  # options that change no cost of one process

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        metavar="",
        help="Shows time, memory and work of the analysis, from a short measurement, and ends.",
    ),
]

FoldModels = Annotated[
    list[Path] | None,
    typer.Option(
        "--fold-model",
        metavar="MODEL",
        help="Model of the events where --fold is 1, then 2, …; MODEL is that of 0. May be"
        " repeated.",
        show_default=False,
        rich_help_panel=COLUMNS,
    ),
]


@takes(
    DataOptions,
    ModelOptions,
    EngineOptions,
    PairOptions,
    StatisticsOptions,
    ShardOptions,
    ClusterOptions,
)
def analyze(
    model: Model,
    data: Data = None,
    out: Annotated[Path | None, file_option("Saves the result (JSON).", "-o", "--out")] = None,
    csv: Csv = None,
    top: Top = 20,
    fold_model: FoldModels = None,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
    **options: Any,
) -> None:
    """Ranks inputs and pairs of inputs by their mean absolute Taylor coefficients ⟨t⟩.

    Example:

    onnxtaylor analyze higgs.onnx events.csv.gz --weight KaggleWeight \\
      --label Label --missing -999 -o result.json

    onnxtaylor analyze forest.onnx events.csv.gz --finite-step 0.5sigma

    onnxtaylor analyze higgs.onnx events.csv.gz --label Label --dry-run

    onnxtaylor analyze tau.onnx --class ggh=ggh.parquet --class 'ztt=ztt_*.parquet'

    onnxtaylor analyze fold0.onnx events.parquet --fold 'EventId % 2' --fold-model fold1.onnx

    onnxtaylor analyze higgs.onnx events.csv.gz --shard 3/200 -o part-3.npz
    """
    data = data or []
    named = [model, *(fold_model or ()), *files.event_files(data, options)]
    files.writable({"-o": out, "--csv": csv}, inputs=named, results=["-o"], options=options)
    if "fold" in options and not fold_model:
        raise OptionError("needs the models of the other folds: --fold-model", option="fold")
    if options["per_class"] and not options.keys() & {"labels", "files_by_class"}:
        raise OptionError("needs the classes: name their column with labels=…", option="per_class")
    if "resume" in options and "-" in data:
        raise OptionError("reads the data again: it cannot continue from stdin", option="resume")
    if "shard" in options:
        beside = {"--csv": csv, "--dry-run": dry_run, "--json": json}
        _save_part(model, data, out, beside, quiet=quiet, options=options)
        return
    if dry_run:
        _show_plan(model, data, {"-o": out, "--csv": csv}, json=json, quiet=quiet, options=options)
        return
    try:
        with files.data_files(data) as paths, console.progress_bar(quiet) as progress:
            # numba, onnx and pyarrow are imported here, so that --help need not wait for them
            from onnxtaylor.run.analyze import analyze as run

            models = [model, *fold_model] if fold_model else model
            announce = None if quiet else _note_cost
            result = run(models, paths, progress=progress, announce=announce, **options)
            result = _with_stdin_named(result, paths, data)
    except KeyboardInterrupt:
        raise OnnxTaylorError(_interrupted(options.get("resume"))) from None
    except OptionError as error:
        asked = [name for name in options.get("output", ()) if name.endswith(SAVED)]
        if any(console.printable(name) in error.message for name in asked):
            error.message += "; to save the result in a file, use -o"
        raise
    work = options.get("resume")
    shown = {"top": top, "per_class": options["per_class"], "json": json, "quiet": quiet}
    finish(result, out, csv, work=work, **shown)


def finish(
    result: TaylorResult,
    out: Path | None,
    csv: Path | None,
    *,
    top: int,
    per_class: bool,
    json: bool,
    quiet: bool,
    work: Path | None = None,
) -> None:
    """Saves and prints a result, with its warnings; status 1 where the engines differ.

    ``work`` is the folder of its sums, which are not needed any more once it is saved.
    """
    saved = () if out is None else result.save(out)
    if csv is not None:
        from onnxtaylor.results.tidy import write_table

        write_table(result.to_arrow(), csv)
    if work is not None and saved:
        from onnxtaylor.statistics.checkpoint import discard_finished

        discard_finished(work)
    if json:
        console.document(result.to_json())
        why = result.options.get("no_exact_engine")
        if why and not quiet:  # the table says it in its head
            console.note(f"no exact derivatives: {console.library_text(why)}")
    elif not quiet:
        print_ranking(result, top=top, per_class=per_class)
    if not quiet:
        console.warn(result.warnings, saved=out is not None)
        console.note_saved(saved, csv)
    if result.check is not None and result.check["verdict"] == "differs":
        console.note("error: " + console.check_line(result.check) + "; see `onnxtaylor check`")
        raise typer.Exit(1)


def _save_part(
    model: Path,
    data: Sequence[str],
    out: Path | None,
    beside: Mapping[str, object],
    *,
    quiet: bool,
    options: Mapping[str, Any],
) -> None:
    """Sums a shard of the events and saves the sums. Raises OptionError for what it cannot give."""
    if out is None:
        raise OptionError("has sums and no result: name their file with -o", option="shard")
    for flag, given in beside.items():
        if given:
            raise OptionError(f"has sums and no result: leave {flag} out", option="shard")
    for name in ("resume", "dask"):
        if name in options:
            raise OptionError(f"is the work of one process: leave {name}=… out", option="shard")
    if "fold" in options:
        raise OptionError("is of one model: leave fold=… out", option="shard")
    with files.data_files(data) as paths, console.progress_bar(quiet) as progress:
        from onnxtaylor.run.divided.part import analyze_part

        part = analyze_part(model, paths, progress=progress, **options)
    part.save(out)
    if not quiet:
        number, of = part.shard
        events = console.counted(part.sums.coefficients.events, "event")
        console.note(f"saved {console.printable(out)}: the sums of part {number} of {of}, {events}")


def _note_cost(line: str) -> None:
    """Prints the line on the cost of a long analysis on stderr."""
    console.note(console.library_text(line))


def _show_plan(
    model: Path,
    data: Sequence[str],
    saved: Mapping[str, Path | None],
    *,
    json: bool,
    quiet: bool,
    options: Mapping[str, Any],
) -> None:
    """Prints what an analysis would cost. Raises OptionError for a file to save its result in."""
    for flag, path in saved.items():
        if path is not None:
            raise OptionError(f"{flag}: a dry run has no result to save: leave one of them out")
    with files.data_files(data) as paths, console.progress_bar(quiet) as progress:
        from onnxtaylor.run.plan import plan

        asked = {name: value for name, value in options.items() if name not in DIVIDED}
        found = plan(model, paths, progress=progress, **asked)
    if json:
        console.document(encoder.dumps(found.to_dict(), indent=1, ensure_ascii=False) + "\n")
    else:
        print_plan(found)


def print_plan(found: CostPlan) -> None:
    """Prints a table of the costs of each order, and the parts of what was asked for."""
    from onnxtaylor.results.cost import seconds_words
    from onnxtaylor.views.tables import Table

    heads, rows = found.table()
    cells = tuple(tuple(console.library_text(cell) for cell in row) for row in rows)
    console.show(console.table_of(Table(heads, "llrrrrr", cells), title=found.head))
    parts = {"open": found.open_seconds, **(found.asked.seconds or {})}
    console.show(", ".join(f"{name} {seconds_words(took)}" for name, took in parts.items()))


def print_ranking(result: TaylorResult, *, top: int, per_class: bool = False) -> None:
    """Prints a summary of the analysis, and the highest ranked coefficients of every response."""
    from onnxtaylor.results.mirror_images import mirror_words
    from onnxtaylor.results.ranking import class_groups

    groups = [result.groups[0]] * len(result.outputs)
    if per_class:
        groups = class_groups(result)
    console.show(summary(result))
    images = {} if per_class else mirror_words(result)
    for c, group in list(enumerate(groups))[:SHOWN_OUTPUTS]:
        title = console.title(result.outputs[c], group if group != result.groups[0] else None)
        if c in images:
            console.show(f"{title}: {images[c]}")
            continue
        rows = result.top(top, c, group)
        total, signed = len(result.indices), result.data.signed
        console.show(console.ranking_table(rows, title=title, total=total, signed=signed))
    if len(groups) > SHOWN_OUTPUTS:
        console.note(
            f"{len(groups) - SHOWN_OUTPUTS} more responses: choose with --output, or save with -o"
            " and look with `onnxtaylor rank`"
        )


def _with_stdin_named(
    result: TaylorResult, paths: Sequence[str], data: Sequence[str]
) -> TaylorResult:
    """Returns the result without the name of the file that stdin was spooled to."""
    sources = files.sources_named(result.data.sources, files.spooled(paths, data))
    return replace(result, data=replace(result.data, sources=sources))


def _interrupted(resume: Path | None) -> str:
    """Returns the message after Ctrl-C, with the folder of the unfinished work."""
    why = why_interrupted()
    if resume is None:
        return f"{why}: no result was written (--resume FOLDER keeps unfinished work)"
    if not any(resume.glob("*.npz")):
        return f"{why}: no result was written, and no sums yet in {console.printable(resume)}"
    return f"{why}: the same call continues from the sums in {console.printable(resume)}"
