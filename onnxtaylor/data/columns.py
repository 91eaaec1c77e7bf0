"""Which columns of a table are features, label and weight.

Features that are named are taken in the order named. Without names, every column that is neither
label nor weight nor excluded is a feature, and their number must be the model's number of inputs.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from onnxtaylor.errors import DataError, listed, nearest, printable

__all__ = ["ColumnRequest", "Columns", "Places", "choose", "locate", "quoted"]


@dataclass(frozen=True)
class ColumnRequest:
    """What is asked of a table.

    ``n_features`` is the number of the model's inputs, None where it takes any number.
    ``features`` are names asked for by the user: each must exist. ``offered`` are names that the
    model's metadata offers: used if all of them are columns, else the columns are counted.
    ``held`` are names of the model's inputs that are held at a value: columns called so are not
    counted. ``missing`` is the value that stands for a missing entry: NaN in a feature is an error
    unless it is NaN.
    """

    n_features: int | None
    features: tuple[str, ...] | None = None
    label: str | None = None
    weight: str | None = None
    exclude: tuple[str, ...] = ()
    offered: tuple[str, ...] | None = None
    held: tuple[str, ...] = ()
    missing: float | None = None


@dataclass(frozen=True)
class Columns:
    """The names of the columns that are used; ``counted`` when nobody named the features."""

    features: tuple[str, ...]
    label: str | None
    weight: str | None
    counted: bool = False


@dataclass(frozen=True)
class Places:
    """The positions of the used columns in one file."""

    features: tuple[int, ...]
    label: int | None
    weight: int | None

    @property
    def numeric(self) -> tuple[int, ...]:
        """Features, then the weight if there is one."""
        return self.features if self.weight is None else (*self.features, self.weight)

    @property
    def used(self) -> tuple[int, ...]:
        """All positions that have to be read."""
        return self.numeric if self.label is None else (*self.numeric, self.label)


def choose(
    file: str,
    names: Sequence[str],
    candidates: Sequence[str],
    request: ColumnRequest,
    hint: str = "",
) -> Columns:
    """The columns that a request means in a table with these names.

    ``candidates`` are the columns that may be counted as features, in order: all of them, but for
    a ``.npz`` with a block of features only the block's. The name of a column of lists stands for
    all its elements. ``hint`` says why columns may be missing. Raises DataError for names that do
    not exist or are used twice, and for a count that is not the model's.
    """
    request = replace(
        request,
        exclude=_with_elements(request.exclude, names),
        features=None if request.features is None else _with_elements(request.features, names),
    )
    for name in (*request.exclude, *(n for n in (request.label, request.weight) if n is not None)):
        _exists(file, names, name)
    if request.label is not None and request.label == request.weight:
        raise DataError(f"{file}: column {quoted(request.label)} is both the label and the weight")
    taken = {request.label: "the label", request.weight: "the weight"}
    taken |= dict.fromkeys(request.exclude, "excluded")
    taken.pop(None, None)
    if request.features is not None:
        return Columns(_named(file, names, taken, request), request.label, request.weight)
    offered = request.offered
    if offered and _usable(offered, names, taken, request.n_features):
        return Columns(tuple(offered), request.label, request.weight)
    left = tuple(name for name in candidates if name not in taken and name not in request.held)
    if request.n_features is not None and len(left) != request.n_features:
        raise DataError(_miscounted(file, left, request.n_features, hint))
    if not left:
        raise DataError(f"{file} has no column left for features: exclude fewer")
    return Columns(left, request.label, request.weight, counted=True)


def locate(file: str, names: Sequence[str], columns: Columns) -> Places:
    """The positions of the used columns. Raises DataError for a missing or ambiguous name."""
    return Places(
        tuple(_place(file, names, name) for name in columns.features),
        None if columns.label is None else _place(file, names, columns.label),
        None if columns.weight is None else _place(file, names, columns.weight),
    )


def quoted(name: str) -> str:
    """A column's name between quotes, fit for one line."""
    return f"'{printable(name, 60)}'"


def option(name: str) -> str:
    """A column's name as it is typed behind an option."""
    return shlex.quote(printable(name, 60))


def _named(
    file: str, names: Sequence[str], taken: dict[str | None, str], request: ColumnRequest
) -> tuple[str, ...]:
    features = request.features or ()
    for place, name in enumerate(features):
        _exists(file, names, name)
        if name in features[:place]:
            raise DataError(f"feature {quoted(name)} is named twice")
        if name in taken:
            raise DataError(
                f"{file}: column {quoted(name)} is named as a feature and is {taken[name]}: "
                "it can be only one of them"
            )
    if request.n_features is not None and len(features) != request.n_features:
        raise DataError(
            f"{_counted(len(features), 'feature')} named, the model has "
            f"{_counted(request.n_features, 'input', '')}: name one column for each"
        )
    return tuple(features)


def _usable(
    offered: Sequence[str], names: Sequence[str], taken: dict[str | None, str], n: int | None
) -> bool:
    known = set(names)
    return len(set(offered)) == len(offered) == (n or len(offered)) and all(
        name in known and name not in taken for name in offered
    )


def _exists(file: str, names: Sequence[str], name: str) -> None:
    if name not in names:
        raise DataError(f"{file} has no column {quoted(name)}{nearest(name, names)}")


def _place(file: str, names: Sequence[str], name: str) -> int:
    _exists(file, names, name)
    places = [place for place, other in enumerate(names) if other == name]
    if len(places) > 1:
        raise DataError(
            f"{file}: {len(places)} columns are named {quoted(name)} (columns "
            + ", ".join(str(place + 1) for place in places[:4])
            + "): rename them, or drop them with --exclude"
        )
    return places[0]


def _with_elements(wanted: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """The names, with those of the elements in place of a column of lists."""
    found: list[str] = []
    for name in wanted:
        elements = [] if name in names else [n for n in names if n.startswith(f"{name}[")]
        found += [n for n in elements if n[len(name) + 1 : -1].isdecimal()] or [name]
    return tuple(found)


def _miscounted(file: str, left: Sequence[str], n_features: int, hint: str) -> str:
    wanted = _counted(n_features, "input", "")
    found = f"{len(left)} column{'s' * (len(left) != 1)} left for features"
    if len(left) > n_features:
        out = "name them with --features or drop some with --exclude"
    else:
        out = hint or "is this the right file, or is a feature given as label, weight or excluded?"
    return f"{file} has {found}, the model has {wanted}: {out}; columns: {listed(left) or 'none'}"


def _counted(count: int, noun: str, verb: str = "is") -> str:
    """``1 feature is`` or ``3 features are``; without verb ``3 features``."""
    one = count == 1
    words = [str(count), noun if one else noun + "s", verb if one or not verb else "are"]
    return " ".join(word for word in words if word)
