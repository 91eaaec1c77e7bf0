"""Files that commands read and write: checked before the work, stdin spooled."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxtaylor.errors import OnnxTaylorError, OptionError, ResultError, printable

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = [
    "STDIN",
    "data_files",
    "figure_format",
    "load_result",
    "sources_named",
    "spooled",
    "writable",
]

STDIN = "<stdin>"


def writable(targets: Mapping[str, Path | None], inputs: Sequence[Path] = ()) -> None:
    """Makes sure, before the work, that files can be written at its end. Raises OptionError.

    ``targets`` are the files by their option, which may end in a colon: ``--report html:``. None
    of them may be one of the ``inputs``, or the target of another option.
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
            # tried, since permissions say nothing about read-only and virtual file systems
            with tempfile.TemporaryFile(dir=path.parent):
                pass
        except OSError as error:
            reason = printable(error.strerror or error)
            raise OptionError(f"{where}: no file can be created in {folder}: {reason}") from None
        place = os.path.realpath(path)
        if place in taken:
            raise OptionError(f"{where}: {taken[place]}: name another file")
        taken[place] = f"is the file of {option.rstrip(':')}, too"


def figure_format(option: str, path: Path) -> None:
    """Raises OptionError for a figure's file name that ends in none of the formats."""
    from onnxtaylor.views.plot.files import FORMATS

    if path.suffix[1:].lower() not in FORMATS:
        raise OptionError(
            f"{option} {printable(path)}: its name must end in .{', .'.join(FORMATS)}"
        )


@contextmanager
def data_files(data: Sequence[Path]) -> Iterator[list[Path]]:
    """Yields the files of the DATA arguments; ``-`` is spooled to a temporary file.

    Messages name that ``<stdin>``. Raises OptionError where ``-`` is given twice.
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
            raise _with_stdin_named(error, printable(spool)) from error


def _with_stdin_named(error: OnnxTaylorError, spool: str) -> OnnxTaylorError:
    """Returns an error that names stdin in place of the temporary file; its option is kept."""
    renamed = copy(error)
    renamed.message = error.message.replace(spool, STDIN)
    renamed.where = tuple(where.replace(spool, STDIN) for where in error.where)
    return renamed


def spooled(files: Sequence[Path], data: Sequence[Path]) -> frozenset[str]:
    """Returns those files of ``data_files`` that stdin was spooled to."""
    return frozenset(str(f) for f, given in zip(files, data, strict=True) if f != given)


def sources_named(sources: Sequence[str], spooled: Collection[str]) -> tuple[str, ...]:
    """Returns the sources of a result, with ``<stdin>`` for a file that it was spooled to."""
    return tuple(STDIN if name in spooled else name for name in sources)


def load_result(path: Path, **names: Any) -> TaylorResult:
    """Loads a saved result; ``-`` reads it from stdin.

    ``names`` are those of the responses and of their classes: see ``TaylorResult.renamed``. Raises
    ResultError, and OptionError for names that do not fit.
    """
    return _read_result(path).renamed(**names)


def _read_result(path: Path) -> TaylorResult:
    """Loads a saved result, without renaming anything."""
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
