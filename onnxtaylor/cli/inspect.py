"""``onnxtaylor inspect``: what a model offers, and what an analysis would do with it."""

from __future__ import annotations

import json as encoder
import shlex
from typing import Annotated, Any

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import takes
from onnxtaylor.cli.flags import as_flags, as_words
from onnxtaylor.cli.options import Json, Model
from onnxtaylor.errors import OnnxTaylorError
from onnxtaylor.options import DataOptions, ModelOptions
from onnxtaylor.options.declare import take_fields

__all__ = ["inspect"]


@takes(DataOptions, ModelOptions, without=("fold", "events", "sample"))
def inspect(
    model: Model,
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA",
            help="Events at which the model is probed; - reads CSV from stdin.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Shows inputs, outputs and features of a model, and which engine would analyze it.

    With data, a short measurement says what an analysis of each order would cost. Without data the
    model is probed at random numbers.

    Example:

    onnxtaylor inspect model.onnx events.parquet --label Label
    """
    from onnxtaylor.run.inspect import inspect_model

    with files.data_files(data or ()) as paths:
        report = inspect_model(
            model,
            paths or None,
            take_fields(ModelOptions, options),
            take_fields(DataOptions, options),
            cost=True,
        )
    if report["problem"]:
        report["problem"] = as_flags(str(report["problem"]))
    else:
        named = data or ([] if "files_by_class" in options else ["DATA"])
        words = ["onnxtaylor", "analyze", str(model), *named, *as_words(options)]
        report["command"] = shlex.join(words)
    if json:
        console.document(encoder.dumps(report, indent=1, ensure_ascii=False) + "\n")
    else:
        _print(report)
    if report["problem"]:
        # stdout has what could be learned; the rest is an error like any other
        raise OnnxTaylorError(str(report["problem"]))


def _print(report: dict[str, object]) -> None:
    """Prints the report as a table of two columns."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in report.items():
        if key == "problem":
            continue
        lines = value if isinstance(value, list) else [value]
        text = "\n".join(console.library_text(line) for line in lines)
        table.add_row(key, Text(text or "–"))
    console.show(table)
