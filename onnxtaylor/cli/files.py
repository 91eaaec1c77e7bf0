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

from onnxtaylor.cli.read_files import external_weights, files_of_options
from onnxtaylor.errors import OnnxTaylorError, OptionError, ResultError, printable
from onnxtaylor.files.names import tables_of
from onnxtaylor.supervision.work import removed_after

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = [
    "STDIN",
    "data_files",
    "event_files",
    "figure_format",
    "load_result",
    "sources_named",
    "spooled",
    "writable",
]

STDIN = "<stdin>"


def writable(
    targets: Mapping[str, Path | None],
    inputs: Sequence[str | Path] = (),
    results: Collection[str] = (),
    options: Mapping[str, Any] | None = None,
) -> None:
    """Makes sure, before the work, that files can be written at its end. Raises OptionError.

    ``targets`` are the files by their option, which may end in a colon: ``--report html:``. None
    of them may be one of the ``inputs``, a file that ``options`` name or in which a model of the
    inputs keeps its weights, or the target of another option; nor the coefficients of a saved
    result, which lie beside it. ``results`` are the options whose file is a result.
    """
    named = [*inputs, *files_of_options(options or {})]
    read = [one.place for one in tables_of(named) if not one.remote]
    taken = {os.path.realpath(path): "is read by this call" for path in read}
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
        if place in external_weights(inputs, path):
            raise OptionError(f"{where}: has weights of the model: name another file")
        if place in taken:
            raise OptionError(f"{where}: {taken[place]}: name another file")
        taken[place] = f"is the file of {option.rstrip(':')}, too"
        _spare_coefficients(where, path, taken, saves=option in results)


def _spare_coefficients(where: str, path: Path, taken: dict[str, str], *, saves: bool) -> None:
    """Raises OptionError where the coefficients of a saved result would be lost."""
    from onnxtaylor.results.coefficient_file import ENDING, companion

    if path.name.endswith(ENDING) and path.exists():
        raise OptionError(f"{where}: holds the coefficients of a saved result: name another file")
    beside = companion(path)
    if not saves or not beside.exists():
        return
    if os.path.realpath(beside) in taken:
        raise OptionError(
            f"{where}: a large result has its coefficients in {printable(beside)}, which"
            f" {taken[os.path.realpath(beside)]}: name another file"
        )
    if not path.exists():
        raise OptionError(
            f"{where}: {printable(beside)} exists already, and may belong to a result of another"
            " name: name another file, or delete it"
        )


def figure_format(option: str, path: Path) -> None:
    """Raises OptionError for a figure's file name that ends in none of the formats."""
    from onnxtaylor.views.plot.files import FORMATS

    if path.suffix[1:].lower() not in FORMATS:
        raise OptionError(
            f"{option} {printable(path)}: its name must end in .{', .'.join(FORMATS)}"
        )


def event_files(data: Sequence[str] | None, options: Mapping[str, Any]) -> list[str]:
    """Lists the files of the events that a call names: DATA, and those by class."""
    by_class = options.get("files_by_class") or {}
    return [*(data or ()), *(name for files in by_class.values() for name in files)]


@contextmanager
def data_files(data: Sequence[str]) -> Iterator[list[str]]:
    """Yields the files of the DATA arguments; ``-`` is spooled to a temporary file.

    Messages name that ``<stdin>``. Raises OptionError where ``-`` is given twice.
    """
    if "-" not in data:
        yield list(data)
        return
    if data.count("-") > 1:
        raise OptionError("DATA -: stdin can be read only once")
    if sys.stdin is None:
        raise OptionError("DATA -: stdin is closed")
    with tempfile.TemporaryDirectory(prefix="onnxtaylor-") as folder, removed_after(folder):
        spool = Path(folder) / "stdin.csv"
        with spool.open("wb") as stream:
            shutil.copyfileobj(sys.stdin.buffer, stream)
        try:
            yield [str(spool) if name == "-" else name for name in data]
        except OnnxTaylorError as error:
            raise _with_stdin_named(error, printable(spool)) from error


def _with_stdin_named(error: OnnxTaylorError, spool: str) -> OnnxTaylorError:
    """Returns an error that names stdin in place of the temporary file; its option is kept."""
    renamed = copy(error)
    renamed.message = error.message.replace(spool, STDIN)
    renamed.where = tuple(where.replace(spool, STDIN) for where in error.where)
    return renamed


def spooled(files: Sequence[str], data: Sequence[str]) -> frozenset[str]:
    """Returns those files of ``data_files`` that stdin was spooled to."""
    return frozenset(f for f, given in zip(files, data, strict=True) if f != given)


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
    from onnxtaylor.files.bounded import read_stream
    from onnxtaylor.results.documents import LARGEST

    try:
        text = read_stream(sys.stdin.buffer, LARGEST).decode("utf-8")
    except OSError as error:
        reason = printable(error.strerror or error)
        raise ResultError(f"{STDIN}: cannot be read: {reason}") from None
    except UnicodeDecodeError:
        raise ResultError(f"{STDIN}: cannot be read as a result: it is not UTF-8 text") from None
    return TaylorResult.from_json(text, STDIN)
