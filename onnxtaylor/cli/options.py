"""Options and arguments that several commands have besides the declared ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from onnxtaylor.errors import OptionError

__all__ = [
    "Csv",
    "Data",
    "Group",
    "Json",
    "Model",
    "PerClass",
    "Plot",
    "Quiet",
    "Result",
    "Top",
    "file_option",
    "no_stdin",
]


def file_option(text: str, *flags: str) -> Any:
    """Returns an option for the file that something is saved in, None by default."""
    return typer.Option(*flags, metavar="FILE", help=text, show_default=False)


def no_stdin(parameter: typer.CallbackParam, path: Path | None) -> Path | None:
    """Checks a file that is not read from stdin. Raises OptionError for ``-``."""
    if path == Path("-"):
        name = parameter.opts[0] if parameter.opts[0].startswith("--") else str(parameter.metavar)
        raise OptionError(f"{name} -: is no file here: only DATA or RESULT is read from stdin")
    return path


Model = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="The ONNX file.", show_default=False, callback=no_stdin),
]
Data = Annotated[
    list[Path],
    typer.Argument(
        metavar="DATA",
        help="Events: .csv .tsv .txt (also .gz), .parquet, .arrow, .npy, .npz; - reads CSV from"
        " stdin.",
        show_default=False,
    ),
]
Result = Annotated[
    Path,
    typer.Argument(
        metavar="RESULT",
        help="A result of `onnxtaylor analyze -o`; - reads it from stdin.",
        show_default=False,
    ),
]
Csv = Annotated[Path | None, file_option("Saves the tidy table (CSV).")]
Plot = Annotated[Path | None, file_option("Saves the figure (.png, .pdf or .svg).")]
Top = Annotated[int, typer.Option(metavar="N", help="Rows of the table.", min=1)]
Group = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Class whose events count, or all (default).", show_default=False
    ),
]
PerClass = Annotated[
    bool,
    typer.Option(
        "--per-class",
        metavar="",
        help="Each response over the events of its own class (CMS convention). The class of a"
        " response is known from the result or from --classes.",
    ),
]
Json = Annotated[bool, typer.Option("--json", metavar="", help="JSON on stdout, for machines.")]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", metavar="", help="Neither progress nor table.")
]
