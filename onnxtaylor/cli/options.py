"""Options that several commands share, and what they mean to the library."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from onnxtaylor.cli.names import parse_names
from onnxtaylor.errors import OnnxTaylorError, OptionError, ResultError, printable

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = [
    "STDIN",
    "Check",
    "Data",
    "Events",
    "Exclude",
    "Features",
    "FiniteStep",
    "Fix",
    "Group",
    "Input",
    "Json",
    "Label",
    "Link",
    "Missing",
    "Model",
    "Output",
    "Precision",
    "Provider",
    "Quiet",
    "Result",
    "Sample",
    "Scale",
    "Threads",
    "Top",
    "Weight",
    "data_files",
    "figure_format",
    "load_result",
    "no_stdin",
    "parse_features",
    "parse_fixed",
    "parse_steps",
    "sources_named",
    "spooled",
    "writable",
]

COLUMNS, MODEL, RUN = "Data", "Model", "Run"
STDIN = "<stdin>"
MAX_THREADS = 1024  # each has a session of its own


Files = TypeVar("Files", Path | None, list[Path] | None)


def no_stdin(parameter: typer.CallbackParam, path: Files) -> Files:
    """Of an option or argument that takes a file, or several. Raises OptionError for ``-``."""
    if Path("-") in (path if isinstance(path, list) else [path]):
        long = [word for word in parameter.opts if word.startswith("--")]
        name = long[0] if long else str(parameter.metavar)
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
Top = Annotated[int, typer.Option(metavar="N", help="Rows of the table.", min=1)]
Group = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Class, or all (default).", show_default=False),
]
Features = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Columns that are features, in the order of the model's input: a,b,c or @FILE with"
        " one a line (names with commas need a file). Default: the names in the model's metadata,"
        " else all columns that are left.",
        rich_help_panel=COLUMNS,
        show_default=False,
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Column of class labels: one group each.",
        rich_help_panel=COLUMNS,
        show_default=False,
    ),
]
Weight = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Column of event weights.",
        rich_help_panel=COLUMNS,
        show_default=False,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Column that is no feature; may be repeated.",
        rich_help_panel=COLUMNS,
        show_default=False,
    ),
]
Missing = Annotated[
    float | None,
    typer.Option(
        metavar="VALUE",
        help="The value of missing entries, such as -999: counted, and left out of mean and σ.",
        rich_help_panel=COLUMNS,
        show_default=False,
    ),
]
Input = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Input of the model that holds features; may be repeated.",
        rich_help_panel=MODEL,
        show_default=False,
    ),
]
Fix = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Holds a further input at a number, text, or true or false; NAME=V1,V2,… for several"
        " values; may be repeated.",
        rich_help_panel=MODEL,
        show_default=False,
    ),
]
Output = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Output, inner tensor or response node to analyze; may be repeated."
        " Default: the first output that holds floating-point numbers.",
        rich_help_panel=MODEL,
        show_default=False,
    ),
]
Link = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="identity, or logit or log of the response.", rich_help_panel=MODEL
    ),
]
Events = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Only the first N events.",
        min=1,
        rich_help_panel=COLUMNS,
        show_default=False,
    ),
]
Sample = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Only N events drawn at random.",
        min=1,
        rich_help_panel=COLUMNS,
        show_default=False,
    ),
]
Scale = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="sigma: per σ of each feature; unit: per unit of the input.",
        rich_help_panel=RUN,
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Threads; 0 takes all processors.",
        min=0,
        max=MAX_THREADS,
        rich_help_panel=RUN,
        show_default=False,
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="float64 evaluates the model in double precision, float32 as it is; auto takes double"
        " precision for differences, where the model allows it.",
        rich_help_panel=RUN,
    ),
]
FiniteStep = Annotated[
    list[str] | None,
    typer.Option(
        "--finite-step",
        metavar="STEP",
        help="Responses to finite steps in place of derivatives, for trees, quantized and integer"
        " models: r_i = \\[f(x+d) − f(x−d)]/2, per step. STEP is 0.5sigma, or a number in units of"
        " the input; NAME=STEP for one feature; may be repeated. Whole numbers move by whole steps,"
        " one-hot groups do not.",
        rich_help_panel=RUN,
        show_default=False,
    ),
]
Check = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Events at which both engines are compared, fewer where that takes long; 0 for none.",
        min=0,
        rich_help_panel=RUN,
    ),
]
Provider = Annotated[
    str, typer.Option(metavar="NAME", help="auto, cpu or cuda.", rich_help_panel=RUN)
]
Json = Annotated[bool, typer.Option("--json", metavar="", help="JSON on stdout, for machines.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", metavar="", help="No progress and no table.")]


def parse_features(text: str | None) -> list[str] | None:
    """The names of ``--features``: see ``parse_names``."""
    return parse_names("--features", text)


def parse_fixed(pairs: Sequence[str] | None) -> dict[str, list[str]]:
    """``NAME=VALUE`` options as a mapping; the model tells whether values are numbers or text.

    Raises OptionError.
    """
    fixed: dict[str, list[str]] = {}
    for pair in pairs or ():
        name, equals, value = pair.rpartition("=")
        where = f"--fix {printable(pair)}"
        if not equals or not name or not value:
            raise OptionError(f"{where}: it takes NAME=VALUE or NAME=V1,V2,…")
        if name in fixed:
            raise OptionError(f"{where}: {printable(name)} is held twice")
        fixed[name] = value.split(",")
    return fixed


def parse_steps(texts: Sequence[str] | None) -> dict[str, str] | None:
    """``STEP`` and ``NAME=STEP`` options as a mapping, ``*`` for all others. Raises OptionError."""
    steps: dict[str, str] = {}
    for text in texts or ():
        name, equals, step = text.rpartition("=")
        name = name if equals else "*"
        if name in steps or not name:
            what = "is given twice" if name else "names no feature before ="
            raise OptionError(f"--finite-step {printable(text)}: {what}")
        steps[name] = step
    return steps or None


def writable(targets: Mapping[str, Path | None], inputs: Sequence[Path] = ()) -> None:
    """Finds out before the work whether files can be written at its end. Raises OptionError.

    ``targets`` are the files by their option, which may end in a colon: ``--report html:``. None of
    them may be an input, or another of them.
    """
    taken = {os.path.realpath(path): "is read by this call" for path in inputs}
    for option, path in targets.items():
        if path is None:
            continue
        where = f"{option}{'' if option.endswith(':') else ' '}{printable(path)}"
        folder = printable(path.parent)
        if path == Path("-"):
            raise OptionError(f"{where}: name a file; --json prints to stdout")
        if path.is_dir():
            raise OptionError(f"{where}: is a directory: name a file in it")
        if not path.parent.is_dir():
            raise OptionError(f"{where}: there is no folder {folder}: make it first")
        if path.exists() and not path.is_file():
            continue  # /dev/stdout, or a pipe
        try:
            # permissions do not tell of read-only and of virtual file systems
            with tempfile.TemporaryFile(dir=path.parent):
                pass
        except OSError as error:
            reason = printable(error.strerror or error)
            raise OptionError(f"{where}: no file can be made in {folder}: {reason}") from None
        place = os.path.realpath(path)
        if place in taken:
            raise OptionError(f"{where}: {taken[place]}: name another file")
        taken[place] = f"is the file of {option.rstrip(':')}, too"


def figure_format(option: str, path: Path) -> None:
    """Raises OptionError for a figure's file name whose ending is none of the formats."""
    from onnxtaylor.views.plot.files import FORMATS

    if path.suffix[1:].lower() not in FORMATS:
        raise OptionError(
            f"{option} {printable(path)}: its name must end in .{', .'.join(FORMATS)}"
        )


@contextmanager
def data_files(data: Sequence[Path]) -> Iterator[list[Path]]:
    """The files of the DATA arguments; ``-`` is spooled to one that is deleted at the end.

    Messages name it ``<stdin>``. Raises OptionError where ``-`` is given twice.
    """
    if Path("-") not in data:
        yield list(data)
        return
    if data.count(Path("-")) > 1:
        raise OptionError("DATA -: stdin can be read only once")
    if sys.stdin is None:
        raise OptionError("DATA -: stdin is closed")
    with tempfile.TemporaryDirectory(prefix="onnxtaylor-") as folder:
        spool = Path(folder) / "stdin.csv"
        with spool.open("wb") as stream:
            shutil.copyfileobj(sys.stdin.buffer, stream)
        try:
            yield [spool if path == Path("-") else path for path in data]
        except OnnxTaylorError as error:
            raise type(error)(str(error).replace(printable(spool), STDIN)) from error


def spooled(files: Sequence[Path], data: Sequence[Path]) -> frozenset[str]:
    """Of the files of ``data_files``, those that stdin was spooled to."""
    return frozenset(str(f) for f, given in zip(files, data, strict=True) if f != given)


def sources_named(sources: Sequence[str], spooled: Collection[str]) -> tuple[str, ...]:
    """The sources of a result, ``<stdin>`` in place of the file that it was spooled to."""
    return tuple(STDIN if name in spooled else name for name in sources)


def load_result(path: Path) -> TaylorResult:
    """A saved result; ``-`` reads it from stdin. Raises ResultError."""
    from onnxtaylor.results.taylor import TaylorResult

    if path != Path("-"):
        return TaylorResult.load(path)
    if sys.stdin is None:
        raise ResultError(f"{STDIN}: closed")
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise ResultError(f"{STDIN}: cannot be read as a result: it is not UTF-8 text") from None
    return TaylorResult.from_json(text, STDIN)
