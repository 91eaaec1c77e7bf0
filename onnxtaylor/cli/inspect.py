"""``onnxtaylor inspect``: what a model offers, and what an analysis would do with it."""

from __future__ import annotations

import json as encoder
from pathlib import Path
from typing import Annotated

import typer

from onnxtaylor.cli import console, options, responses
from onnxtaylor.cli.flags import as_flags
from onnxtaylor.errors import OnnxTaylorError

__all__ = ["inspect"]


def inspect(
    model: options.Model,
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DATA",
            help="Events to probe the model with; - reads CSV from stdin.",
            show_default=False,
        ),
    ] = None,
    features: options.Features = None,
    label: options.Label = None,
    weight: options.Weight = None,
    exclude: options.Exclude = None,
    missing: options.Missing = None,
    input: options.Input = None,
    fix: options.Fix = None,
    output: options.Output = None,
    output_names: responses.Names = None,
    classes: responses.Classes = None,
    link: options.Link = "identity",
    json: options.Json = False,
) -> None:
    """Shows inputs, outputs and features of a model, and which engine would analyze it.

    Without data the model is probed at random numbers.

    Example:

    onnxtaylor inspect model.onnx events.parquet --label Label
    """
    from onnxtaylor.options import DataOptions, ModelOptions
    from onnxtaylor.run.inspect import inspect_model

    with options.data_files(data or ()) as files:
        report = inspect_model(
            model,
            files or None,
            ModelOptions(
                input=input,
                output=output,
                fix=options.parse_fixed(fix),
                link=link,
                **responses.parsed(output_names, classes),
            ),
            DataOptions(
                feature_names=options.parse_features(features),
                labels=label,
                weights=weight,
                exclude=tuple(exclude or ()),
                missing=missing,
            ),
        )
    if report["problem"]:
        report["problem"] = as_flags(str(report["problem"]))
    if json:
        console.document(encoder.dumps(report, indent=1, ensure_ascii=False) + "\n")
    else:
        _print(report)
    if report["problem"]:
        # what could be told is on stdout; the rest is an error like any other
        raise OnnxTaylorError(str(report["problem"]))


def _print(report: dict[str, object]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in report.items():
        if key == "problem":
            continue
        lines = value if isinstance(value, list) else [value]
        text = "\n".join(console.printable(line, limit=400) for line in lines)
        table.add_row(key, Text(text or "–"))
    console.show(table)
