"""Choice of columns: features, label and weight of a table.

Features that are named are taken in the order named. Without names, every column that is neither
label nor weight nor excluded is a feature, and their number must be that of the model's inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from onnxtaylor.data.request import Beside, ColumnRequest, ContextColumn, InputRequest
from onnxtaylor.errors import DataError, join_ends, name_hint, printable

__all__ = [
    "Block",
    "Columns",
    "Places",
    "advise_exclusion",
    "choose_columns",
    "locate_columns",
    "quoted",
]


@dataclass(frozen=True)
class Block:
    """Part of a row: some columns, or one input that is read as a whole.

    Parameters
    ----------
    columns
        Names of columns; empty for an input that is read as a whole.
    context
        Whether it is context.
    whole
        Input that one array or column of lists holds, or one for each of its variables.
    """

    columns: tuple[str, ...] = ()
    context: bool = False
    whole: InputRequest | None = None


@dataclass(frozen=True)
class Columns:
    """Names of the used columns; ``counted`` if no names of features were given.

    ``features`` and ``context`` are single columns. ``blocks`` are the parts of a row in order,
    features before context; without blocks a row is all features, then all context. ``renamed``
    are other names for the features, ``beside`` what is read beside the row.
    """

    features: tuple[str, ...]
    label: str | None
    weight: str | None
    counted: bool = False
    context: tuple[ContextColumn, ...] = ()
    blocks: tuple[Block, ...] = ()
    renamed: tuple[str, ...] | None = None
    beside: Beside = field(default_factory=Beside)

    @property
    def wholes(self) -> tuple[InputRequest, ...]:
        """Inputs that are read as a whole."""
        return tuple(block.whole for block in self.blocks if block.whole is not None)


@dataclass(frozen=True)
class Places:
    """Positions of the used columns in one file, counted from 0.

    ``texts`` are the positions of context columns that hold texts, ``wholes`` the names of arrays
    or columns of lists that are read as a whole, and ``cells`` the number of their entries per
    event. ``beside`` are the positions of columns that are read beside the row, ``beside_texts``
    those of them that hold texts.
    """

    features: tuple[int, ...]
    label: int | None
    weight: int | None
    context: tuple[int, ...] = ()
    texts: frozenset[int] = frozenset()
    wholes: tuple[str, ...] = ()
    cells: int = 0
    beside: tuple[int, ...] = ()
    beside_texts: frozenset[int] = frozenset()

    @property
    def used(self) -> tuple[int, ...]:
        """All positions that have to be read, each once."""
        others = (place for place in (self.weight, self.label) if place is not None)
        return tuple(dict.fromkeys((*self.features, *self.context, *others, *self.beside)))

    @property
    def width(self) -> int:
        """Number of cells that are read for one event."""
        return len(self.used) + self.cells


def choose_columns(
    file: str,
    names: Sequence[str],
    candidates: Sequence[str],
    request: ColumnRequest,
    hint: str = "",
) -> Columns:
    """Chooses the columns of a table.

    Parameters
    ----------
    file
        Name of the table, for messages.
    names
        Names of all its columns.
    candidates
        Names of the columns that may be counted as features, in order: all columns, except in a
        ``.npz`` file with a 2-D array of features, where only that array's columns count.
    request
        The choice. The name of a column of lists stands for all its elements.
    hint
        Why columns may be missing, for the message.

    Raises
    ------
    DataError
        A name does not exist, a column is used twice, or the number of features is not that of the
        model's inputs.
    """
    request = replace(
        request,
        exclude=_with_elements(request.exclude, names),
        features=None if request.features is None else _with_elements(request.features, names),
    )
    for name in (*request.exclude, *(n for n in (request.label, request.weight) if n is not None)):
        _check_exists(file, names, name)
    if request.label is not None and request.label == request.weight:
        raise DataError(
            f"column {quoted(request.label)} is both the label and the weight: choose another with"
            " labels=… or weights=…"
        ).located(file)
    roles = {request.label: "the label", request.weight: "the weight"}
    roles |= dict.fromkeys(request.beside.factors, "a factor of the weight")
    roles |= dict.fromkeys(request.exclude, "excluded")
    roles.pop(None, None)
    _check_context(file, names, roles, request)
    roles = {**dict.fromkeys(request.beside.texts, "compared with a text"), **roles}
    roles |= {column.name: "context" for column in request.context}
    chosen = Columns(
        (), request.label, request.weight, context=request.context, beside=request.beside
    )
    if request.features is not None:
        return replace(chosen, features=_named_features(file, names, roles, request))
    offered = request.offered
    if offered and _is_usable(offered, names, roles, request.n_features):
        return replace(chosen, features=tuple(offered))
    left = tuple(name for name in candidates if name not in roles and name not in request.held)
    left = request.beside.leave(left, request.n_features)
    if request.n_features is not None and len(left) != request.n_features:
        raise DataError(_wrong_count(file, left, request.n_features, hint))
    if not left:
        raise DataError(f"{file} has no column left for features: exclude fewer columns")
    return replace(chosen, features=left, counted=True)


def locate_columns(file: str, names: Sequence[str], columns: Columns) -> Places:
    """Finds the positions of the used columns. Raises DataError for a missing or repeated name."""
    counts = Counter(names)
    place_of = {name: place for place, name in enumerate(names)}

    def position(name: str) -> int:
        if counts[name] != 1:
            raise _missing_or_repeated(file, names, name)
        return place_of[name]

    context = tuple(position(column.name) for column in columns.context)
    beside = {name: position(name) for name in columns.beside.names}
    return Places(
        tuple(map(position, columns.features)),
        None if columns.label is None else position(columns.label),
        None if columns.weight is None else position(columns.weight),
        context,
        frozenset(k for k, column in zip(context, columns.context, strict=True) if column.text),
        tuple(dict.fromkeys(key for whole in columns.wholes for key in whole.keys)),
        beside=tuple(beside.values()),
        beside_texts=frozenset(beside[name] for name in columns.beside.texts),
    )


def quoted(name: str) -> str:
    """A column's name between quotation marks, fit for one line."""
    return f"'{printable(name, 60)}'"


def advise_exclusion(name: str) -> str:
    """Text of the option that leaves a column out, for advice in a message.

    >>> advise_exclusion("event number")
    'exclude=["event number"]'
    """
    # a name that would have to be escaped, or is cut, cannot be copied from the message
    can_be_copied = printable(name, 60) == name and not {'"', "\\"} & set(name)
    return f'exclude=["{name}"]' if can_be_copied else "exclude=…"


def _named_features(
    file: str, names: Sequence[str], roles: dict[str | None, str], request: ColumnRequest
) -> tuple[str, ...]:
    features = request.features or ()
    for place, name in enumerate(features):
        _check_exists(file, names, name)
        if name in features[:place]:
            raise DataError(f"feature {quoted(name)} is named twice: name each column once")
        if name in roles:
            raise DataError(
                f"column {quoted(name)} is named as a feature, but it is {roles[name]}: "
                "it can be only one of them"
            ).located(file)
    if request.n_features is not None and len(features) != request.n_features:
        raise DataError(
            f"has {_counted(len(features), 'name')}, but the model has "
            f"{_counted(request.n_features, 'input')}: name one column for each input",
            option="feature_names",
        )
    return tuple(features)


def _check_context(
    file: str, names: Sequence[str], roles: dict[str | None, str], request: ColumnRequest
) -> None:
    """Raises DataError for a context column that does not exist or has another role."""
    for place, column in enumerate(request.context):
        _check_exists(file, names, column.name)
        role = roles.get(column.name)
        if role is None and column.name in [c.name for c in request.context[:place]]:
            role = "a context column already"
        if role is not None:
            raise DataError(
                f"column {quoted(column.name)} is to be context, but it is {role}: it can be only"
                " one of them"
            ).located(file)


def _is_usable(
    offered: Sequence[str], names: Sequence[str], roles: dict[str | None, str], n: int | None
) -> bool:
    """Whether the names in the model's metadata are distinct unused columns of the right number."""
    existing = set(names)
    return len(set(offered)) == len(offered) == (n or len(offered)) and all(
        name in existing and name not in roles for name in offered
    )


def _check_exists(file: str, names: Sequence[str], name: str) -> None:
    if name not in names:
        raise _missing(file, names, name)


def _missing(file: str, names: Sequence[str], name: str) -> DataError:
    return DataError(f"{file} has no column {quoted(name)}{name_hint(name, names)}")


def _missing_or_repeated(file: str, names: Sequence[str], name: str) -> DataError:
    """The error for a name that not exactly one column has."""
    places = [place for place, other in enumerate(names) if other == name]
    if not places:
        return _missing(file, names, name)
    return DataError(
        f"{len(places)} columns are named {quoted(name)} (columns "
        + ", ".join(str(place + 1) for place in places[:4])
        + f"): rename them, or leave them out with {advise_exclusion(name)}"
    ).located(file)


def _with_elements(requested: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """The requested names, with the elements' names in place of a column of lists."""
    expanded: list[str] = []
    for name in requested:
        elements = [] if name in names else [n for n in names if n.startswith(f"{name}[")]
        expanded += [n for n in elements if n[len(name) + 1 : -1].isdecimal()] or [name]
    return tuple(expanded)


def _wrong_count(file: str, left: Sequence[str], n_features: int, hint: str) -> str:
    if len(left) > n_features:
        advice = 'name the features with feature_names=…, or leave columns out: exclude=["NAME"]'
        advice += ", or labels=…, weights=…"
    else:
        advice = hint or "is this the right file, or is a feature label, weight or excluded?"
    shown = join_ends(left, limit=30) or "none"
    return (
        f"{file} has {_counted(len(left), 'column')} left for features, but the model has"
        f" {_counted(n_features, 'input')}: {advice}; columns left: {shown}"
    )


def _counted(count: int, noun: str) -> str:
    """``1 column`` or ``3 columns``."""
    return f"{count} {noun}{'s' * (count != 1)}"
