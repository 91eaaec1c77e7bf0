"""``onnxtaylor analyze``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onnxtaylor.cli import console, options

if TYPE_CHECKING:
    from onnxtaylor.result import TaylorResult

__all__ = ["analyze", "print_ranking"]

SHOWN_OUTPUTS = 6


def analyze(
    model: options.Model,
    data: options.Data,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Saves the result (JSON).", show_default=False),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Saves the tidy table (CSV).", show_default=False)
    ] = None,
    top: Annotated[int, typer.Option(help="Rows of the table.", min=1)] = 20,
    per_class: Annotated[
        bool,
        typer.Option(
            "--per-class", help="Ranks response c over the events of class c (CMS convention)."
        ),
    ] = False,
    features: options.Features = None,
    label: options.Label = None,
    weight: options.Weight = None,
    exclude: options.Exclude = None,
    missing: options.Missing = None,
    events: Annotated[
        int | None,
        typer.Option(help="Only the first N events.", min=1, rich_help_panel=options.COLUMNS),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(help="Only N events drawn at random.", min=1, rich_help_panel=options.COLUMNS),
    ] = None,
    input: options.Input = None,
    fix: options.Fix = None,
    output: options.Output = None,
    link: options.Link = "identity",
    order: Annotated[
        int, typer.Option(help="1, or 2 with all pairs.", rich_help_panel=options.RUN)
    ] = 2,
    scale: Annotated[
        str,
        typer.Option(
            help="unit: per unit of the input; sigma: per σ of each feature.",
            rich_help_panel=options.RUN,
        ),
    ] = "unit",
    engine: Annotated[
        str, typer.Option(help="auto or differences.", rich_help_panel=options.RUN)
    ] = "auto",
    accuracy: Annotated[
        int | None,
        typer.Option(
            help="Order of accuracy of the stencil, 2 or 4. Default: 4 in single precision.",
            rich_help_panel=options.RUN,
            show_default=False,
        ),
    ] = None,
    mixed: Annotated[
        str,
        typer.Option(
            help="Points per pair: two (n²+n+1 in all) or four (2n²+1, less round-off).",
            rich_help_panel=options.RUN,
        ),
    ] = "two",
    bootstrap: Annotated[
        int | None,
        typer.Option(
            help="Replicates for the rank intervals; 0 for none. Default: 200.",
            rich_help_panel=options.RUN,
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Of bootstrap and sample.", rich_help_panel=options.RUN)
    ] = 0,
    batch_size: Annotated[
        int | None,
        typer.Option(
            help="Events at a time. Default: what suits the engine.",
            min=1,
            rich_help_panel=options.RUN,
            show_default=False,
        ),
    ] = None,
    threads: options.Threads = 0,
    provider: options.Provider = "auto",
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the sums of unfinished work: the same call continues it.",
            rich_help_panel=options.RUN,
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Ranks inputs and pairs of inputs by their mean absolute Taylor coefficients ⟨t⟩.

    Example: onnxtaylor analyze higgs.onnx events.csv.gz --weight KaggleWeight --label Label
    --missing -999 --scale sigma -o result.json
    """
    options.writable(out, "-o")
    options.writable(csv, "--csv")
    with console.progress_bar(quiet) as progress:
        # numba, onnx and pyarrow are imported here, so that --help need not wait for them
        from onnxtaylor.analysis import analyze as run

        result = run(
            model,
            list(data),
            feature_names=options.parse_features(features),
            weights=weight,
            labels=label,
            exclude=exclude or (),
            order=order,
            engine=engine,
            input=input,
            output=output,
            fix=options.parse_fixed(fix),
            link=link,
            scale=scale,
            events=events,
            sample=sample,
            progress=progress,
            accuracy=accuracy,
            mixed=mixed,
            bootstrap=bootstrap,
            seed=seed,
            missing=missing,
            batch_size=batch_size,
            threads=threads,
            provider=provider,
            resume=resume,
        )
    if out is not None:
        result.save(out)
    if csv is not None:
        from onnxtaylor.ranking import write_csv

        write_csv(result, csv)
    if json:
        print(result.to_json(), end="")
    elif not quiet:
        print_ranking(result, top=top, per_class=per_class)
        for path in filter(None, (out, csv)):
            console.note(f"saved {path}")


def print_ranking(result: TaylorResult, *, top: int, per_class: bool = False) -> None:
    """The head of the ranking of every response, and what was analyzed."""
    from onnxtaylor.ranking import class_groups

    if per_class:
        places = list(enumerate(class_groups(result)))
    else:
        places = [(c, result.groups[0]) for c in range(len(result.outputs))]
    console.show(console.summary(result))
    for c, group in places[:SHOWN_OUTPUTS]:
        title = f"{console.printable(result.outputs[c])}"
        if group != result.groups[0]:
            title += f", events of {console.printable(group)}"
        rows = result.top(top, c, group)
        console.show(console.ranking_table(rows, title=title, total=len(result.indices)))
    if len(places) > SHOWN_OUTPUTS:
        console.note(
            f"{len(places) - SHOWN_OUTPUTS} more responses: choose with --output, or save with -o"
            " and look with `onnxtaylor rank`"
        )
