"""``onnxtaylor schema``: the JSON Schemas of the files that are read and written."""

from __future__ import annotations

from typing import Annotated

import typer

from onnxtaylor.cli import console
from onnxtaylor.errors import OptionError, name_hint

__all__ = ["schema"]


def schema(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="SCHEMA",
            help="Name, such as result; without it, all schemas are listed.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Prints the JSON Schema of a file that onnxtaylor writes or reads, or the list of them.

    Example:

    onnxtaylor schema result > result.schema.json
    """
    import json
    from importlib.resources import files

    # result-1.json: its name, and the version of the documents that it describes
    schemas = {
        path.name.rpartition("-")[0]: path
        for path in sorted((files("onnxtaylor") / "schemas").iterdir(), key=lambda p: p.name)
        if path.name.endswith(".json")
    }
    if name is None:
        for known, path in schemas.items():
            title = json.loads(path.read_text(encoding="utf-8"))["title"]
            console.show(f"{known:<12}{title}")
        return
    if name not in schemas:
        raise OptionError(f"no schema '{console.printable(name)}'{name_hint(name, list(schemas))}")
    console.document(schemas[name].read_text(encoding="utf-8"))
