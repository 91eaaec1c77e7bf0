"""``onnxtaylor analyze``: the main job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onnxtaylor.cli import console, options, responses
from onnxtaylor.errors import OnnxTaylorError, OptionError

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["analyze", "print_ranking"]

SHOWN_OUTPUTS = 6


def analyze(
    model: options.Model,
    data: options.Data,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="Saves the result (JSON).", show_default=False
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Saves the tidy table (CSV).", show_default=False),
    ] = None,
    top: options.Top = 20,
    per_class: responses.PerClass = False,
    features: options.Features = None,
    label: options.Label = None,
    weight: options.Weight = None,
    exclude: options.Exclude = None,
    missing: options.Missing = None,
    events: options.Events = None,
    sample: options.Sample = None,
    input: options.Input = None,
    fix: options.Fix = None,
    output: options.Output = None,
    output_names: responses.Names = None,
    classes: responses.Classes = None,
    link: options.Link = "identity",
    order: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="1, 2 with all pairs, or 3 with all triples.",
            rich_help_panel=options.RUN,
        ),
    ] = 2,
    scale: options.Scale = "sigma",
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="auto, exact or differences.", rich_help_panel=options.RUN
        ),
    ] = "auto",
    finite_step: options.FiniteStep = None,
    precision: options.Precision = "auto",
    accuracy: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Order of accuracy of the stencil: 2, 4 or 6 (differences). Default: 6.",
            rich_help_panel=options.RUN,
            show_default=False,
        ),
    ] = None,
    mixed: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Corners per pair in the stencil: two, or four for less round-off and up to twice"
            " the evaluations (differences).",
            rich_help_panel=options.RUN,
        ),
    ] = "two",
    bootstrap: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Replicates for the rank intervals; 0 for none. Default: 200.",
            rich_help_panel=options.RUN,
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(metavar="N", help="Of bootstrap and sample.", rich_help_panel=options.RUN),
    ] = 0,
    batch_size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Events at a time. Default: what suits the engine.",
            min=1,
            rich_help_panel=options.RUN,
            show_default=False,
        ),
    ] = None,
    check: options.Check = 64,
    threads: options.Threads = 0,
    provider: options.Provider = "auto",
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keeps the sums of unfinished work: the same call continues it.",
            rich_help_panel=options.RUN,
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Ranks inputs and pairs of inputs by their mean absolute Taylor coefficients ⟨t⟩.

    Example:

    onnxtaylor analyze higgs.onnx events.csv.gz --weight KaggleWeight \\
      --label Label --missing -999 -o result.json

    onnxtaylor analyze forest.onnx events.csv.gz --finite-step 0.5sigma
    """
    options.writable({"-o": out, "--csv": csv}, inputs=[model, *data])
    if per_class and label is None:
        raise OptionError("--per-class needs the classes: name their column with --label")
    if resume is not None and Path("-") in data:
        raise OptionError("--resume reads the data again: it cannot continue from stdin")
    names, fixed = options.parse_features(features), options.parse_fixed(fix)
    steps = options.parse_steps(finite_step)
    try:
        with options.data_files(data) as files, console.progress_bar(quiet) as progress:
            # numba, onnx and pyarrow are imported here, so that --help need not wait for them
            from onnxtaylor.run.analyze import analyze as run

            result = run(
                model,
                files,
                feature_names=names,
                weights=weight,
                labels=label,
                exclude=exclude or (),
                order=order,
                engine=engine,
                finite_step=steps,
                precision=precision,
                input=input,
                output=output,
                **responses.parsed(output_names, classes),
                fix=fixed,
                link=link,
                scale=scale,
                events=events,
                sample=sample,
                progress=progress,
                accuracy=accuracy,
                mixed=mixed,
                bootstrap=bootstrap,
                seed=seed,
                check=check,
                missing=missing,
                batch_size=batch_size,
                threads=threads,
                provider=provider,
                resume=resume,
                per_class=per_class,
            )
            result = _with_stdin_named(result, files, data)
    except KeyboardInterrupt:
        raise OnnxTaylorError(_interrupted(resume)) from None
    if out is not None:
        result.save(out)
    if csv is not None:
        from onnxtaylor.results.tidy import write_table

        write_table(result.to_arrow(), csv)
    if json:
        console.document(result.to_json())
        why = result.options.get("no_exact_engine")
        if why and not quiet:  # the table says it in its head
            console.note(f"no exact derivatives: {console.printable(why, limit=400)}")
    elif not quiet:
        print_ranking(result, top=top, per_class=per_class)
    if not quiet:
        console.warn(result.warnings, saved=out is not None)
        for path in filter(None, (out, csv)):
            console.note(f"saved {console.printable(path)}")
    if result.check is not None and result.check["verdict"] == "differs":
        console.note("error: " + console.check_line(result.check) + "; see `onnxtaylor check`")
        raise typer.Exit(1)


def print_ranking(result: TaylorResult, *, top: int, per_class: bool = False) -> None:
    """The head of the ranking of every response, and what was analyzed."""
    from onnxtaylor.results.ranking import class_groups

    groups = [result.groups[0]] * len(result.outputs)
    if per_class:
        groups = class_groups(result)
    console.show(console.summary(result))
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
    result: TaylorResult, files: Sequence[Path], data: Sequence[Path]
) -> TaylorResult:
    """The result, without the name of the file that stdin was spooled to."""
    sources = options.sources_named(result.data.sources, options.spooled(files, data))
    return replace(result, data=replace(result.data, sources=sources))


def _interrupted(resume: Path | None) -> str:
    if resume is None:
        return "interrupted: no result was written (--resume FOLDER keeps unfinished work)"
    return f"interrupted: the same call continues from the sums in {console.printable(resume)}"
