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


# of click, whether typer imports that or has a copy of it inside
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def file_option(text: str, *flags: str) -> Any:
    """Returns an option for the file that something is saved in, None by default."""
    return typer.Option(*flags, metavar="FILE", help=text, show_default=False)


def no_stdin(parameter: typer.CallbackParam, path: Path | None) -> Path | None:
    """Checks a file that is not read from stdin. Raises OptionError for ``-``."""
    if path == Path("-"):
        name = parameter.opts[0] if parameter.opts[0].startswith("--") else str(parameter.metavar)
        raise OptionError(f"{name} -: is no file here: only DATA or RESULT is read from stdin")
    return path


def some_data(ctx: typer.Context, data: list[Path] | None) -> list[Path]:
    """Makes sure that there are events. Raises the usual error about a missing argument."""
    # arguments come after the options of the call: the files by class are known
    if not data and not ctx.params.get("files_by_class") and not ctx.resilient_parsing:
        raise UsageError("Missing argument 'DATA'.", ctx)
    return data or []


Model = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="The ONNX file.", show_default=False, callback=no_stdin),
]
Data = Annotated[
    list[str] | None,  # no paths: those would make one slash of the two of an address
    typer.Argument(
        metavar="DATA",
        help="Events: .root, .h5, .parquet, .csv .tsv .txt (also .gz, .bz2, .zst), .arrow, .npy,"
        " .npz; FILE:TREE, a folder, a pattern in quotes, an address (s3://…); - reads CSV from"
        " stdin. None with --class.",
        show_default=False,
        callback=some_data,
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
