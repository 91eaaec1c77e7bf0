"""Declarations of options: a field of a frozen dataclass with its meaning, limits and choices.

    @dataclass(frozen=True, kw_only=True)
    class NoiseOptions:
        level: float = option(0.1, "relative noise of the responses", minimum=0, metavar="X")

The command line's options and their help, the keys of a policy and its schema, the keywords of
Python functions and the messages about wrong values all follow from this one line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from onnxtaylor.errors import OptionError, printable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "Option",
    "alternatives",
    "check_options",
    "declaration",
    "flag_name",
    "option",
    "take_fields",
]

_Options = TypeVar("_Options", bound="DataclassInstance")


@dataclass(frozen=True)
class Option:
    """Declaration of an option, besides its type and default.

    Parameters
    ----------
    meaning
        What it is or does, in a sentence without its full stop; `name` is another option.
    minimum, maximum
        Limits of a number, themselves allowed.
    choices
        All values that the option can have, if they are few.
    metavar
        Placeholder of the value in help texts.
    flag
        Name on the command line and in policies; None: the name of the field, with dashes.
    form
        Regular expression that each of its texts must match, and its description in words.
    required
        Whether it has no default.
    """

    meaning: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()
    metavar: str = ""
    flag: str | None = None
    form: tuple[str, str] | None = None
    required: bool = False

    @property
    def sentence(self) -> str:
        """Meaning of the option, with its choices unless they are named; no full stop."""
        named = set(re.findall(r"\w+", self.meaning))
        if named.issuperset(map(str, self.choices)):
            return self.meaning
        return f"{self.meaning}: {alternatives(self.choices)}"


def option(default: Any, meaning: str, **further: Any) -> Any:
    """Declares a field that is an option; ``...`` as default makes it one that must be given.

    ``further`` are the other fields of ``Option``.
    """
    metadata = {"option": Option(meaning, required=default is ..., **further)}
    if default is ...:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def declaration(declared: Field[Any]) -> Option:
    """Returns the declaration of a field; an empty one for a field without ``option``."""
    return declared.metadata.get("option") or Option("", required=declared.default is MISSING)


def flag_name(declared: Field[Any]) -> str:
    """Returns the name of an option on the command line and in policies: ``batch-size``."""
    return declaration(declared).flag or declared.name.replace("_", "-")


def take_fields(kind: type[_Options], keywords: Mapping[str, Any]) -> _Options:
    """Makes a dataclass from the keywords that are its fields; the others have their defaults.

    Raises OptionError as the dataclass does.
    """
    return kind(**{f.name: keywords[f.name] for f in fields(kind) if f.name in keywords})


def check_options(options: DataclassInstance) -> None:
    """Raises OptionError for the first option of a dataclass beyond its limits or choices."""
    for declared in fields(options):
        limits, value = declaration(declared), getattr(options, declared.name)
        if value is None or value is declared.default:
            continue
        # not "value < minimum": a NaN is within no limits
        if limits.choices and value not in limits.choices:
            allowed = alternatives(limits.choices)
        elif limits.minimum is not None and not value >= limits.minimum:
            allowed = f"at least {limits.minimum:g}"
        elif limits.maximum is not None and not value <= limits.maximum:
            allowed = f"at most {limits.maximum}"
        else:
            continue
        raise OptionError(f"must be {allowed}, got {_shown(value)}", option=declared.name)


def alternatives(choices: Sequence[object]) -> str:
    """Returns the choices as a phrase.

    >>> alternatives(["auto", "exact", "differences"])
    'auto, exact or differences'
    """
    words = [str(choice) for choice in choices]
    return " or ".join([", ".join(words[:-1]), words[-1]]) if words[1:] else words[0]


def _shown(value: object) -> str:
    """Returns a value as a message shows it: texts in quotes."""
    return f"'{printable(value)}'" if isinstance(value, str) else printable(value)
