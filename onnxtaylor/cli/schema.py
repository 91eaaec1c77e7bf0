"""``onnxtaylor schema``: the JSON Schemas of what is written."""

from __future__ import annotations

from typing import Annotated

import typer

from onnxtaylor.cli import console
from onnxtaylor.errors import OptionError, nearest

__all__ = ["schema"]


def schema(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="SCHEMA", help="Such as result; without it, the list.", show_default=False
        ),
    ] = None,
) -> None:
    """Prints the JSON Schema of a file that onnxtaylor writes or reads, or the list of them.

    Example:

    onnxtaylor schema result > result.schema.json
    """
    import json
    from importlib.resources import files

    # result-1.json: the name and the version of what it describes
    found = {
        path.name.rpartition("-")[0]: path
        for path in sorted((files("onnxtaylor") / "schemas").iterdir(), key=lambda p: p.name)
        if path.name.endswith(".json")
    }
    if name is None:
        for known, path in found.items():
            title = json.loads(path.read_text(encoding="utf-8"))["title"]
            console.show(f"{known:<12}{title}")
        return
    if name not in found:
        raise OptionError(f"no schema '{console.printable(name)}'{nearest(name, list(found))}")
    console.document(found[name].read_text(encoding="utf-8"))
