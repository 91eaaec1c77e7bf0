"""Options that several commands share, and what they mean to the library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from onnxtaylor.errors import OptionError, printable

__all__ = [
    "Data",
    "Exclude",
    "Features",
    "Fix",
    "Input",
    "Json",
    "Label",
    "Link",
    "Missing",
    "Model",
    "Output",
    "Provider",
    "Quiet",
    "Result",
    "Threads",
    "Weight",
    "parse_features",
    "parse_fixed",
    "writable",
]

COLUMNS, MODEL, RUN = "Data", "Model", "Run"

Model = Annotated[Path, typer.Argument(help="The ONNX file.", show_default=False)]
Data = Annotated[
    list[Path],
    typer.Argument(
        help="Events: .csv .tsv .txt (also .gz), .parquet, .arrow, .npy, .npz.", show_default=False
    ),
]
Result = Annotated[
    Path, typer.Argument(help="A result of `onnxtaylor analyze -o`.", show_default=False)
]
Features = Annotated[
    str | None,
    typer.Option(
        help="Columns that are features, in the order of the model's input: a,b,c or @FILE with"
        " one a line. Default: the names in the model's metadata, else all columns that are left.",
        rich_help_panel=COLUMNS,
        show_default=False,
    ),
]
Label = Annotated[
    str | None,
    typer.Option(help="Column of class labels: one group each.", rich_help_panel=COLUMNS),
]
Weight = Annotated[
    str | None, typer.Option(help="Column of event weights.", rich_help_panel=COLUMNS)
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        help="Column that is no feature; may be repeated.",
        rich_help_panel=COLUMNS,
        show_default=False,
    ),
]
Missing = Annotated[
    float | None,
    typer.Option(
        help="The value of missing entries, such as -999: counted, and left out of mean and σ.",
        rich_help_panel=COLUMNS,
        show_default=False,
    ),
]
Input = Annotated[
    list[str] | None,
    typer.Option(
        help="Input of the model that holds features; may be repeated.",
        rich_help_panel=MODEL,
        show_default=False,
    ),
]
Fix = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME=VALUE or NAME=V1,V2,…: holds a further input; may be repeated.",
        rich_help_panel=MODEL,
        show_default=False,
    ),
]
Output = Annotated[
    list[str] | None,
    typer.Option(
        help="Output, inner tensor or response node to analyze; may be repeated."
        " Default: the first output that holds floating-point numbers.",
        rich_help_panel=MODEL,
        show_default=False,
    ),
]
Link = Annotated[
    str,
    typer.Option(
        help="identity, or logit or log of the response.", rich_help_panel=MODEL
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        help="Threads; 0 takes all processors.", rich_help_panel=RUN, show_default=False
    ),
]
Provider = Annotated[str, typer.Option(help="auto, cpu or cuda.", rich_help_panel=RUN)]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for machines.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress and no table.")]


def parse_features(text: str | None) -> list[str] | None:
    """``a,b,c``, or ``@FILE`` with one name a line. Raises OptionError."""
    if text is None:
        return None
    if text.startswith("@"):
        try:
            lines = Path(text[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(
                f"--features {printable(text)}: {printable(getattr(error, 'strerror', None) or error)}"
            ) from None
        names = [line.strip() for line in lines if line.strip()]
    else:
        names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise OptionError(f"--features {printable(text)}: no name in it")
    return names


def parse_fixed(pairs: Sequence[str] | None) -> dict[str, list[float]]:
    """``NAME=VALUE`` options as a mapping. Raises OptionError."""
    fixed: dict[str, list[float]] = {}
    for pair in pairs or ():
        name, equals, value = pair.rpartition("=")
        try:
            fixed[name] = [float(part) for part in value.split(",")]
        except ValueError:
            equals = ""
        if not equals or not name:
            raise OptionError(
                f"--fix {printable(pair)}: it takes NAME=VALUE or NAME=V1,V2,… with numbers"
            )
    return fixed


def writable(path: Path | None, option: str) -> None:
    """Finds out before the work whether a file can be written at its end. Raises OptionError."""
    if path is None:
        return
    import os

    where = f"{option} {printable(path)}"
    if path.is_dir():
        raise OptionError(f"{where}: is a directory: name a file in it")
    if not path.parent.is_dir():
        raise OptionError(f"{where}: there is no folder {printable(path.parent)}: make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OptionError(f"{where}: the folder {printable(path.parent)} is not writable")
