"""Messages of the library in words of the command line: ``engine="exact"`` → ``--engine exact``.

The library names options as Python writes them, since most of its users call it from there.
"""

from __future__ import annotations

import re
from shlex import quote

from onnxtaylor.errors import OnnxTaylorError

__all__ = ["as_flags", "error_text", "flag_of"]

JOINED = ("classes", "feature_names", "output_names")  # their flags take a,b,c
# what Python and the command line call by different names
RENAMED = {
    "feature_names": "features",
    "fraction": "top_fraction",
    "labels": "label",
    "weights": "weight",
}
OPTIONS = (
    "accuracy",
    "baseline",
    "batch_size",
    "bootstrap",
    "check",
    "classes",
    "count",
    "engine",
    "events",
    "exclude",
    "feature_names",
    "finite_step",
    "fix",
    "gof",
    "input",
    "key",
    "labels",
    "link",
    "missing",
    "mixed",
    "n_features",
    "order",
    "output",
    "output_names",
    "per_class",
    "precision",
    "provider",
    "reference",
    "resume",
    "sample",
    "scale",
    "seed",
    "strict",
    "threads",
    "threshold",
    "weights",
)

_VALUE = r"""(?P<value>"[^"]*"|\[[^\]]*\]|\{[^}]*\}|…|[\w.+\-]+)"""
_OPTION = re.compile(rf"(?<![\w.'\"-])(?P<name>{'|'.join(OPTIONS)})={_VALUE}")


def flag_of(option: str) -> str:
    """The flag of an option.

    >>> flag_of("finite_step"), flag_of("labels")
    ('--finite-step', '--label')
    """
    return "--" + RENAMED.get(option, option).replace("_", "-")


def as_flags(text: str) -> str:
    """A message of the library with its options as flags.

    >>> as_flags('use engine="differences", or choose another with output=…')
    'use --engine differences, or choose another with --output …'
    >>> as_flags('say input=["a", "b"] and per_class=True')
    'say --input a --input b and --per-class'
    """
    return _OPTION.sub(_flag, text)


def error_text(error: OnnxTaylorError) -> str:
    """What the command line says of an error."""
    return as_flags(error.text(flag_of))


def _flag(found: re.Match[str]) -> str:
    flag, value = flag_of(found["name"]), found["value"]
    if value == "True":
        return flag
    if value[0] in "[{":
        items = re.findall(r'"([^"]*)"(?:: ?([^,}]+))?', value)
        if found["name"] in JOINED:
            return f"{flag} {','.join(quote(name) for name, _ in items)}"
        return " ".join(f"{flag} {quote(a + (f'={b}' if b else ''))}" for a, b in items)
    text = value.strip('"')
    return f"{flag} {text if text == value else quote(text)}"
