"""Textual forms of options on the command line, by name: lists, NAME=VALUE, steps, files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnxtaylor.cli.read_files import NamesOfFile
from onnxtaylor.errors import OptionError, printable
from onnxtaylor.files.bounded import read_text
from onnxtaylor.options.missing import OTHERS

__all__ = ["FORMS", "Form", "form_of", "parse_held", "parse_names"]

LARGEST = 2**26  # bytes of a file of names


@dataclass(frozen=True)
class Form:
    """Form of an option's value: its type for typer, its parser, and its description in the help.

    ``parse`` gets the name of the option and the value, which is not None.
    """

    type: Any
    parse: Callable[[str, Any], Any] | None = None
    words: str = ""


def parse_names(option: str, text: str) -> list[str]:
    """Reads ``a,b,c``, or ``@FILE`` with one name a line, taken as it is. Raises OptionError."""
    if text.startswith("@"):
        try:
            content = read_text(text[1:], LARGEST, "utf-8-sig")
        except UnicodeDecodeError:
            raise OptionError(f"{printable(text)}: is not UTF-8 text", option=option) from None
        except OSError as error:
            reason = printable(error.strerror or error)
            raise OptionError(f"{printable(text)}: {reason}", option=option) from None
        lines = [line for line in content.split("\n") if line.strip()]
        names: list[str] = NamesOfFile(lines, text[1:])
    else:
        names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise OptionError(f"has no name in '{printable(text)}'", option=option)
    return names


def parse_held(option: str, pairs: Sequence[str]) -> dict[str, list[str]]:
    """Reads ``NAME=VALUE`` texts; the model says whether values are numbers or text."""
    held: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.rpartition("=")
        if not equals or not name or not value:
            raise OptionError(
                f"must be NAME=VALUE or NAME=V1,V2,…, got '{printable(pair)}'", option=option
            )
        if name in held:
            raise OptionError(f"is given twice for input '{printable(name)}'", option=option)
        held[name] = value.split(",")
    return held


def _parse_classes(option: str, texts: Sequence[str]) -> dict[str, list[str]]:
    """Reads ``CLASS=FILE`` texts as the files of each class, in the order of the call."""
    files: dict[str, list[str]] = {}
    for text in texts:
        label, equals, file = text.partition("=")
        if not equals or not label or not file:
            raise OptionError(f"must be CLASS=FILE, got '{printable(text)}'", option=option)
        if file == "-":
            raise OptionError("-: is no file here: only DATA is read from stdin", option=option)
        files.setdefault(label, []).append(file)
    return files


def _parse_steps(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Reads ``STEP`` and ``NAME=STEP`` texts as a mapping, ``*`` for all other features."""
    steps: dict[str, str] = {}
    for text in texts:
        name, equals, step = text.rpartition("=")
        name = name if equals else "*"
        if not name:
            raise OptionError(f"names no feature before =: '{printable(text)}'", option=option)
        if name in steps:
            which = "all other features" if name == "*" else f"'{printable(name)}'"
            raise OptionError(f"is given twice for {which}", option=option)
        steps[name] = step
    return steps


def _parse_by(option: str, texts: Sequence[str]) -> str | dict[str, list[str]]:
    """Reads a word such as ``variable``, or ``NAME=PATTERN,…`` texts as groups."""
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    groups: dict[str, list[str]] = {}
    for text in texts:
        name, equals, patterns = text.partition("=")
        if not equals or not name:
            raise OptionError(
                f"must be one word, or NAME=PATTERN,… for each group, got '{printable(text)}'",
                option=option,
            )
        if name in groups:
            raise OptionError(f"is given twice for group '{printable(name)}'", option=option)
        groups[name] = parse_names(option, patterns)
    return groups


def _parse_file(option: str, path: Path | list[Path]) -> Path | list[Path]:
    """Refuses ``-``: only DATA and RESULT are read from stdin."""
    if Path("-") in (path if isinstance(path, list) else [path]):
        raise OptionError(
            "-: is no file here: only DATA or RESULT is read from stdin", option=option
        )
    return path


def _parse_missing(option: str, texts: Sequence[str]) -> float | dict[str, float]:
    """Reads ``VALUE`` and ``NAME=VALUE`` texts: a number, or numbers by feature or ``*``."""
    values: dict[str, float] = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        name = name if equals else OTHERS
        try:
            number = float(value)
        except ValueError:
            number = None
        if number is None or not name:
            raise OptionError(
                f"must be a number, or NAME=NUMBER, got '{printable(text)}'", option=option
            )
        if name in values:
            which = "all other features" if name == OTHERS else f"'{printable(name)}'"
            raise OptionError(f"is given twice for {which}", option=option)
        values[name] = number
    return values[OTHERS] if [*values] == [OTHERS] else values


LIST = "a,b,c, or @FILE with one name a line"
REPEATED = Form(list[str], words="May be repeated")
FORMS = {
    "files_by_class": Form(list[str], _parse_classes, "May be repeated, also for one class"),
    "feature_names": Form(str, parse_names, f"Write {LIST}; names with commas need a file"),
    "features": Form(str, parse_names, f"Write {LIST}"),
    "output_names": Form(str, parse_names, f"Write {LIST}"),
    "classes": Form(str, parse_names, f"Write {LIST}"),
    "labels": Form(str),
    "weights": Form(str),
    "observed_weights": Form(str),
    "fix": Form(list[str], parse_held, "NAME=V1,V2,… holds several values. May be repeated"),
    "mask": Form(list[str], parse_held, "MASK=A,B flags several inputs. May be repeated"),
    "inputs": Form(Path, _parse_file),
    "missing": Form(
        list[str], _parse_missing, "NAME=VALUE is for one feature, or a pattern. May be repeated"
    ),
    "finite_step": Form(list[str], _parse_steps, "NAME=STEP is for one feature. May be repeated"),
    "curvature_step": Form(
        list[str], _parse_steps, "NAME=STEP is for one feature. May be repeated"
    ),
    "by": Form(
        list[str],
        _parse_by,
        "NAME=PATTERN,PATTERN,… is a group of features, by names or patterns (*.pt). May be"
        " repeated",
    ),
    "resume": Form(Path),
    "survey": Form(Path, _parse_file),
    "baseline": Form(list[Path], _parse_file, "May be repeated"),
    "reference": Form(Path, _parse_file),
    "gof": Form(Path, _parse_file),
}
PLAIN = {  # by the annotation of their fields
    "bool": Form(bool),
    "float": Form(float),
    "int": Form(int),
    "str": Form(str),
    "Sequence[str]": REPEATED,
    "str | Sequence[str]": REPEATED,
}


def form_of(name: str, kind: str) -> Form:
    """Returns the form of an option; ``kind`` is the annotation of its field.

    >>> form_of("bootstrap", "int | None").type
    <class 'int'>
    """
    return FORMS.get(name) or PLAIN[kind.removesuffix(" | None")]
