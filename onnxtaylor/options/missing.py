"""Values of missing entries: one for all features, or some by the names of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from math import nan
from typing import TYPE_CHECKING

from onnxtaylor.errors import OptionError, name_hint, printable

if TYPE_CHECKING:  # the command line's help need not wait for NumPy
    import numpy as np
    import numpy.typing as npt

__all__ = ["OTHERS", "Missing", "missing_of", "missing_values", "read_missing", "usual_missing"]

Missing = float | Mapping[str, float]

OTHERS = "*"  # in a mapping: all features that it does not name


def read_missing(missing: Missing | None) -> float | dict[str, float] | None:
    """Reads the option: a number, or numbers by the names or patterns of features.

    Raises OptionError for an empty mapping, and for what is no number.

    >>> read_missing({"pt": -999, "*": -1}), read_missing(-999.0)
    ({'pt': -999.0, '*': -1.0}, -999.0)
    """
    if not isinstance(missing, Mapping):
        return missing
    if not missing:
        raise OptionError("names no feature: write a number, or NAME=NUMBER", option="missing")
    values: dict[str, float] = {}
    for name, value in missing.items():
        try:
            values[str(name)] = float(value)
        except (TypeError, ValueError):
            raise OptionError(
                f"must be a number, or a number for each NAME, got {printable(value)} for"
                f" '{printable(name)}'",
                option="missing",
            ) from None
        if values[str(name)] != values[str(name)] and name != OTHERS:
            raise OptionError(
                f"of '{printable(name)}' must not be NaN: missing=nan is for all features",
                option="missing",
            )
    return values


def usual_missing(missing: Missing | None) -> float | None:
    """Returns the value of the features that are not named, None where there is none."""
    return missing.get(OTHERS) if isinstance(missing, Mapping) else missing


def missing_of(missing: object, name: str) -> float | str | None:
    """Returns the value of missing entries of one feature, by the option or a saved result's."""
    if not isinstance(missing, Mapping):
        return missing if isinstance(missing, int | float | str) else None
    own = [value for pattern, value in missing.items() if pattern != OTHERS and fits(name, pattern)]
    return own[-1] if own else missing.get(OTHERS)


def missing_values(
    missing: Missing | None, names: Sequence[str] | None
) -> float | npt.NDArray[np.float64] | None:
    """Returns the value of missing entries of all features, or of each, shape (n,).

    NaN stands for a feature without a value: NaN is no number in data, unless it is the value of
    all others. Names are those of the columns; without names only one value for all makes sense.

    Raises OptionError, which names it, for a name or pattern that no feature has.
    """
    if not isinstance(missing, Mapping):
        return missing
    import numpy as np

    named = [name for name in missing if name != OTHERS]
    if names is None and named:
        raise OptionError(
            f"names '{printable(named[0])}', but the data have no names: name the features with"
            " feature_names=…, or give one value for all",
            option="missing",
        )
    values = np.full(len(names or ()), missing.get(OTHERS, nan))
    for pattern in named:
        found = [i for i, name in enumerate(names or ()) if fits(name, pattern)]
        if not found:
            raise OptionError(
                f"names no feature '{printable(pattern)}'{name_hint(pattern, list(names or ()))}",
                option="missing",
            )
        values[found] = missing[pattern]
    return values


def fits(name: str, pattern: str) -> bool:
    """Whether a name is this one, or matches this pattern; brackets of names are no pattern."""
    return name == pattern or fnmatchcase(name, pattern.replace("[", "[[]"))
