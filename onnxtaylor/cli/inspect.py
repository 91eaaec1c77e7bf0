"""``onnxtaylor inspect``: what a model offers, and what an analysis would do with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from onnxtaylor.cli import console, options

__all__ = ["inspect"]


def inspect(
    model: options.Model,
    data: Annotated[
        list[Path] | None,
        typer.Argument(help="Events to probe the model with.", show_default=False),
    ] = None,
    features: options.Features = None,
    label: options.Label = None,
    weight: options.Weight = None,
    exclude: options.Exclude = None,
    missing: options.Missing = None,
    input: options.Input = None,
    fix: options.Fix = None,
    output: options.Output = None,
    link: options.Link = "identity",
    json: options.Json = False,
) -> None:
    """Shows inputs, outputs and features of a model, and which engine would analyze it.

    Without data the model is probed at random numbers.

    Example: onnxtaylor inspect model.onnx events.parquet --label Label
    """
    from onnxtaylor.analysis import DataRequest
    from onnxtaylor.graph import ModelRequest
    from onnxtaylor.inspection import inspect_model

    names = options.parse_features(features)
    report = inspect_model(
        model,
        list(data or ()),
        ModelRequest(tuple(input or ()), tuple(output or ()), options.parse_fixed(fix), link),
        DataRequest(
            features=None if names is None else tuple(names),
            label=label,
            weight=weight,
            exclude=tuple(exclude or ()),
        ),
        missing=missing,
    )
    if json:
        import json as encoder

        print(encoder.dumps(report, indent=1, ensure_ascii=False))
    else:
        _print(report)
    if report["problem"]:
        if json:
            print(f"error: {report['problem']}", file=sys.stderr)
        raise typer.Exit(2)


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
    if report["problem"]:
        console.note(f"error: {report['problem']}")
