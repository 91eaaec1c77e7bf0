"""Messages of the library in words of the command line: ``engine="exact"`` → ``--engine exact``.

The library names options as Python writes them, since most of its users call it from there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from shlex import quote
from typing import Any

from onnxtaylor.errors import OnnxTaylorError
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.options.audit import AuditOptions
from onnxtaylor.options.declare import flag_name
from onnxtaylor.options.division import ClusterOptions, ShardOptions
from onnxtaylor.options.gof import GofDataOptions, GofOptions
from onnxtaylor.options.model import DerivativeOptions
from onnxtaylor.options.process import ProcessOptions
from onnxtaylor.options.selection import JoinOptions, SelectionOptions

__all__ = ["as_flags", "as_words", "error_text", "flag_of", "flags_in_help"]

# dataclasses whose fields are options of a command, under the names that the library uses
KINDS = (
    ModelOptions,
    DerivativeOptions,
    DataOptions,
    EngineOptions,
    StatisticsOptions,
    ShardOptions,
    ClusterOptions,
    GofDataOptions,
    GofOptions,
    AuditOptions,
    SelectionOptions,
    JoinOptions,
    ProcessOptions,
)
JOINED = ("classes", "feature_names", "output_names")  # their flags take a,b,c
FLAGS = {f.name: f"--{flag_name(f)}" for kind in KINDS for f in fields(kind)}

# names in quotes may have brackets themselves
_VALUE = r"""(?P<value>"[^"]*"|\[(?:"[^"]*"|[^\]"])*\]|\{(?:"[^"]*"|[^}"])*\}|…|[\w.+\-]+)"""
_OPTION = re.compile(rf"(?<![\w.'\"-])(?P<name>{'|'.join(FLAGS)})={_VALUE}")


def flag_of(option: str) -> str:
    """Returns the flag of an option.

    >>> flag_of("finite_step"), flag_of("labels")
    ('--finite-step', '--label')
    """
    return FLAGS.get(option) or "--" + option.replace("_", "-")


def as_flags(text: str) -> str:
    """Returns a message of the library with its options as flags.

    >>> as_flags('use engine="differences", or choose another with output=…')
    'use --engine differences, or choose another with --output …'
    >>> as_flags('say input=["a", "b"] and per_class=True')
    'say --input a --input b and --per-class'
    >>> as_flags('use mask={"x_mask": "x"}')
    'use --mask x_mask=x'
    """
    return _OPTION.sub(_flag, text)


def as_words(options: Mapping[str, Any]) -> list[str]:
    """Returns options as words of a command line, those at their defaults left out.

    >>> as_words({"input": ["a", "b"], "link": "identity", "mask": {"m": ["a", "b"]}})
    ['--input', 'a', '--input', 'b', '--mask', 'm=a,b']
    """
    defaults = {f.name: f.default for kind in KINDS for f in fields(kind)}
    words: list[str] = []
    for name, value in options.items():
        if value is None or value == defaults.get(name):
            continue
        if value is True:
            words.append(flag_of(name))
            continue
        if name == "files_by_class":
            texts = [f"{label}={file}" for label, files in value.items() for file in files]
        elif isinstance(value, Mapping):
            # without a name: of all that are not named
            texts = [("" if k == "*" else f"{k}=") + _listed(part) for k, part in value.items()]
        elif isinstance(value, list | tuple) and name not in JOINED:
            texts = [str(part) for part in value]
        else:
            texts = [_listed(value)]
        words += [word for text in texts for word in (flag_of(name), text)]
    return words


def _listed(value: object) -> str:
    """Returns a value, or several separated by commas."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def flags_in_help(text: str) -> str:
    """Returns the meaning of an option with other options as flags.

    >>> flags_in_help("Random seed of the bootstrap and of `sample`")
    'Random seed of the bootstrap and of --sample'
    """
    return re.sub(r"`(\w+)`", lambda named: flag_of(named[1]), text)


def error_text(error: OnnxTaylorError) -> str:
    """Returns the message of an error for the command line."""
    return as_flags(error.text(flag_of))


def _flag(named: re.Match[str]) -> str:
    """Returns ``--name value`` for ``name=value``, once for each item of a list or mapping."""
    flag, value = flag_of(named["name"]), named["value"]
    if value == "True":
        return flag
    if value[0] in "[{":
        items = re.findall(r'"([^"]*)"(?:: ?([^,}]+))?', value)
        if named["name"] in JOINED:
            return f"{flag} {','.join(quote(name) for name, _ in items)}"
        pairs = ((a, b.strip('"')) for a, b in items)
        return " ".join(f"{flag} {quote(a + (f'={b}' if b else ''))}" for a, b in pairs)
    text = value.strip('"')
    return f"{flag} {text if text == value else quote(text)}"
