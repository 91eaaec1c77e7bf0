"""How an option is declared: a field of a frozen dataclass with its meaning, limits and choices.

    @dataclass(frozen=True, kw_only=True)
    class NoiseOptions:
        level: float = option(0.1, "relative noise of the responses", minimum=0, metavar="X")

The command line's options and their help, the keys of a policy and its schema, the keywords of
Python functions and the messages about wrong values all follow from this one line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from onnxtaylor.errors import OptionError, printable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Option", "alternatives", "check_options", "declaration", "option"]


@dataclass(frozen=True)
class Option:
    """What is known of an option besides its type and default.

    Parameters
    ----------
    meaning
        What it is or does, in a sentence without its full stop.
    minimum, maximum
        Limits of a number, themselves allowed.
    choices
        All values that it can have, where these are few.
    metavar
        What stands for its value in help texts.
    flag
        Name on the command line and in policies; None: the name of the field, with dashes.
    form
        Regular expression that each of its texts matches, and the same in words.
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


def option(default: Any, meaning: str, **known: Any) -> Any:
    """Declares a field that is an option; ``...`` as default makes it one that must be given.

    ``known`` are the other fields of ``Option``.
    """
    made = Option(meaning, required=default is ..., **known)
    if default is ...:
        return field(metadata={"option": made})
    if isinstance(default, Mapping):
        return field(default_factory=lambda: dict(default), metadata={"option": made})
    return field(default=default, metadata={"option": made})


def declaration(declared: Field[Any]) -> Option:
    """The declaration behind a field that ``option`` made."""
    found: Option = declared.metadata["option"]
    return found


def check_options(options: DataclassInstance) -> None:
    """Raises OptionError for the first option of a dataclass beyond its limits or choices."""
    for declared in fields(options):
        if "option" not in declared.metadata:
            continue
        known, value = declaration(declared), getattr(options, declared.name)
        if value is None or value is declared.default:
            continue
        if known.choices and value not in known.choices:
            raise OptionError(
                f"must be {alternatives(known.choices)}, got {_shown(value)}", option=declared.name
            )
        if known.minimum is not None and not value >= known.minimum:
            raise OptionError(
                f"must be at least {known.minimum:g}, got {_shown(value)}", option=declared.name
            )
        if known.maximum is not None and not value <= known.maximum:
            raise OptionError(
                f"must be at most {known.maximum:g}, got {_shown(value)}", option=declared.name
            )


def alternatives(choices: Sequence[object]) -> str:
    """Choices in words.

    >>> alternatives(["auto", "exact", "differences"])
    'auto, exact or differences'
    """
    words = [str(choice) for choice in choices]
    return " or ".join([", ".join(words[:-1]), words[-1]]) if words[1:] else words[0]


def _shown(value: object) -> str:
    return f"'{printable(value)}'" if isinstance(value, str) else printable(value)
