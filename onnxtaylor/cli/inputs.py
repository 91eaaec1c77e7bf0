"""``onnxtaylor inputs``: what the inputs of a model are, and their specification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onnxtaylor.cli import console
from onnxtaylor.cli.options import Model, no_stdin

__all__ = ["inputs"]


def inputs(
    model: Model,
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA",
            help="Events, of whose columns a guess takes names.",
            show_default=False,
        ),
    ] = None,
    specification: Annotated[
        Path | None,
        typer.Option(
            "--inputs",
            metavar="FILE",
            help="Specification to check against the model: inputs.toml, preprocess.json of weaver,"
            " or a network of lwtnn (JSON). Default: the model's metadata, else a guess.",
            show_default=False,
            callback=no_stdin,
        ),
    ] = None,
    init: Annotated[
        bool,
        typer.Option(
            "--init", metavar="", help="Prints a commented inputs.toml, to complete by hand."
        ),
    ] = False,
) -> None:
    """Shows the inputs of a model: features, context, masks, axes, variables.

    Example:

    onnxtaylor inputs model.onnx events.parquet --init > inputs.toml
    """
    from onnxtaylor.data import list_columns
    from onnxtaylor.run.describe_inputs import describe_inputs

    described = describe_inputs(model, specification, list_columns(data) if data else ())
    if init:
        console.document(described.to_toml())
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    rows = described.rows()
    for key in rows[0] if rows else ():
        table.add_column(key, overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    console.show(f"from {console.library_text(described.source)}", table)
    if described.source == "guess":
        name = console.printable(model.name)
        console.note(
            "the roles and axes are a guess, from types and shapes: `onnxtaylor inputs"
            f" {name} --init > inputs.toml` writes them with comments, to complete"
        )
