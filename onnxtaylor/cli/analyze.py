"""``onnxtaylor analyze``: the main job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import takes
from onnxtaylor.cli.options import Csv, Data, Json, Model, Quiet, Top, file_option
from onnxtaylor.cli.summary import summary
from onnxtaylor.errors import OnnxTaylorError, OptionError
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["analyze", "print_ranking"]

SHOWN_OUTPUTS = 6


@takes(DataOptions, ModelOptions, EngineOptions, StatisticsOptions)
def analyze(
    model: Model,
    data: Data,
    out: Annotated[Path | None, file_option("Saves the result (JSON).", "-o", "--out")] = None,
    csv: Csv = None,
    top: Top = 20,
    json: Json = False,
    quiet: Quiet = False,
    **options: Any,
) -> None:
    """Ranks inputs and pairs of inputs by their mean absolute Taylor coefficients ⟨t⟩.

    Example:

    onnxtaylor analyze higgs.onnx events.csv.gz --weight KaggleWeight \\
      --label Label --missing -999 -o result.json

    onnxtaylor analyze forest.onnx events.csv.gz --finite-step 0.5sigma
    """
    files.writable({"-o": out, "--csv": csv}, inputs=[model, *data])
    if options["per_class"] and "labels" not in options:
        raise OptionError("needs the classes: name their column with labels=…", option="per_class")
    if "resume" in options and Path("-") in data:
        raise OptionError("reads the data again: it cannot continue from stdin", option="resume")
    try:
        with files.data_files(data) as paths, console.progress_bar(quiet) as progress:
            # numba, onnx and pyarrow are imported here, so that --help need not wait for them
            from onnxtaylor.run.analyze import analyze as run

            result = run(model, paths, progress=progress, **options)
            result = _with_stdin_named(result, paths, data)
    except KeyboardInterrupt:
        raise OnnxTaylorError(_interrupted(options.get("resume"))) from None
    if out is not None:
        result.save(out)
    if csv is not None:
        from onnxtaylor.results.tidy import write_table

        write_table(result.to_arrow(), csv)
    if json:
        console.document(result.to_json())
        why = result.options.get("no_exact_engine")
        if why and not quiet:  # the table says it in its head
            console.note(f"no exact derivatives: {console.library_text(why)}")
    elif not quiet:
        print_ranking(result, top=top, per_class=options["per_class"])
    if not quiet:
        console.warn(result.warnings, saved=out is not None)
        for path in filter(None, (out, csv)):
            console.note(f"saved {console.printable(path)}")
    if result.check is not None and result.check["verdict"] == "differs":
        console.note("error: " + console.check_line(result.check) + "; see `onnxtaylor check`")
        raise typer.Exit(1)


def print_ranking(result: TaylorResult, *, top: int, per_class: bool = False) -> None:
    """Prints a summary of the analysis, and the highest ranked coefficients of every response."""
    from onnxtaylor.results.ranking import class_groups

    groups = [result.groups[0]] * len(result.outputs)
    if per_class:
        groups = class_groups(result)
    console.show(summary(result))
    for c, group in list(enumerate(groups))[:SHOWN_OUTPUTS]:
        title = console.title(result.outputs[c], group if group != result.groups[0] else None)
        rows = result.top(top, c, group)
        console.show(console.ranking_table(rows, title=title, total=len(result.indices)))
    if len(groups) > SHOWN_OUTPUTS:
        console.note(
            f"{len(groups) - SHOWN_OUTPUTS} more responses: choose with --output, or save with -o"
            " and look with `onnxtaylor rank`"
        )


def _with_stdin_named(
    result: TaylorResult, paths: Sequence[Path], data: Sequence[Path]
) -> TaylorResult:
    """Returns the result without the name of the file that stdin was spooled to."""
    sources = files.sources_named(result.data.sources, files.spooled(paths, data))
    return replace(result, data=replace(result.data, sources=sources))


def _interrupted(resume: Path | None) -> str:
    """Returns the message after Ctrl-C, with the folder of the unfinished work."""
    if resume is None:
        return "interrupted: no result was written (--resume FOLDER keeps unfinished work)"
    return f"interrupted: the same call continues from the sums in {console.printable(resume)}"
