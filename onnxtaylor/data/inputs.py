"""Finds the inputs of a model among the columns, arrays and lists of a table, by their names.

An input is fed, in this order of preference, by the array or column of lists of its name; by the
column of its name, if it takes one number; or by the columns whose names begin with its name, if
their number is that of its elements. Numbers in these names order them; names without numbers stay
in the order of the table. Where neither tells the order, the input is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

from onnxtaylor.data.columns import Block, Columns, choose_columns
from onnxtaylor.data.formats import Table
from onnxtaylor.data.request import ColumnRequest, ContextColumn, InputRequest
from onnxtaylor.errors import DataError, join_names, name_hint, printable

__all__ = ["choose_inputs", "find_present", "numbered_columns"]

ADVICE = (
    "name the columns of all features with feature_names=…, or give a dictionary or .npz with one"
    " array per input"
)


def choose_inputs(table: Table, request: ColumnRequest) -> Columns:
    """Chooses what feeds each input of a request.

    The features of a single input may also be counted: all columns that are left, if their number
    is that of its elements. They then keep the order of the table.

    Raises
    ------
    DataError
        An input is not found, a column is used twice, or the number of features is not the model's.
    """
    if not request.inputs:
        return choose_columns(table.file, table.names, table.candidates, request, table.hint)
    taken = {request.label, request.weight, *request.exclude, *request.beside.factors}
    taken |= {column.name for column in request.context}
    free = [name for name in table.names if name not in taken]
    found = {item.name: _found(table, free, item, request) for item in request.inputs}
    features = [item for item in request.inputs if not item.held_back]
    context = [item for item in request.inputs if item.held_back]
    widths = [item.width for item in features]
    count = None if None in widths else sum(width or 0 for width in widths)
    bare = table.positional and table.block is None and request.features is None
    if bare and not any(found.values()):
        return _counted(table, request, context, count)
    if absent := [item for item in context if found[item.name] is None]:
        raise _not_found(table, absent, free)
    held = [block for item in context if (block := found[item.name]) is not None]
    columns = [
        ContextColumn(name, item.text)
        for item, block in zip(context, held, strict=True)
        for name in block.columns
    ]
    request = replace(
        request,
        n_features=request.n_features if count is None else count,
        context=(*columns, *request.context),
    )
    free = [name for name in free if name not in {column.name for column in columns}]
    left = _without_lists(table.candidates, held)
    blocks, renamed = _choose_features(table, request, features, found, free, left)
    if blocks:
        named = tuple(name for block in blocks for name in block.columns)
        # their number has been found right, unless the user named them
        n_features = request.n_features if blocks == [Block(request.features or ())] else None
        request = replace(request, features=named, n_features=n_features)
    chosen = choose_columns(
        table.file, table.names, left, replace(request, offered=None), table.hint
    )
    if len(blocks) < 2 and not any(block.whole for block in blocks):
        blocks = [Block(chosen.features)]
    if request.context[len(columns) :]:
        held.append(Block(tuple(c.name for c in request.context[len(columns) :]), context=True))
    return replace(chosen, blocks=(*blocks, *held), renamed=renamed)


def _choose_features(
    table: Table,
    request: ColumnRequest,
    features: Sequence[InputRequest],
    found: Mapping[str, Block | None],
    free: Sequence[str],
    left: Sequence[str],
) -> tuple[list[Block], tuple[str, ...] | None]:
    """Chooses what feeds the features, and new names; nothing if they are to be counted."""
    given, count = request.features, request.n_features
    known = [block for item in features if (block := found[item.name]) is not None]
    complete = len(known) == len(features)
    new = given is None or not set(given) & {*table.names, *table.wholes}
    if new and complete and all(block.whole for block in known):
        return known, given
    if given is not None:
        return [Block(given)], None
    alone = len(features) == 1 and not features[0].columns
    if complete and not alone:
        return known, None
    if request.offered and _is_usable(request.offered, free, count):
        return [Block(request.offered)], None
    unused = [name for name in left if name in set(free) and name not in request.held]
    if complete and len(unused) != count:
        return known, None
    if known and not alone:
        raise _not_found(table, [item for item in features if found[item.name] is None], free)
    return [], None


def _without_lists(candidates: Sequence[str], held: Sequence[Block]) -> list[str]:
    """Columns that are no elements of lists which are read as a whole."""
    lists = tuple(f"{key}[" for block in held if block.whole for key in block.whole.keys)
    return [name for name in candidates if not name.startswith(lists)] if lists else [*candidates]


def numbered_columns(
    name: str, shape: Sequence[int], names: Sequence[str]
) -> tuple[str, ...] | None:
    """Orders the columns of one input, whose names begin with its name; None if it is not clear.

    >>> numbered_columns("pf", (11,), [f"pf_pt_{10 - k}" for k in range(11)])[8:]
    ('pf_pt_8', 'pf_pt_9', 'pf_pt_10')
    >>> numbered_columns("pf", (3, 2), [f"pf_{v}_{s}" for v in ("pt", "e") for s in range(3)])
    ('pf_pt_0', 'pf_e_0', 'pf_pt_1', 'pf_e_1', 'pf_pt_2', 'pf_e_2')
    """
    stems: dict[str, dict[tuple[int, ...], str]] = {}
    for column in names:
        rest = column[len(name) :]
        numbers = tuple(int(digits) for digits in re.findall(r"\d+", rest))
        stem = re.sub(r"\d+", "#", rest)
        if numbers in stems.setdefault(stem, {}):
            return None
        stems[stem][numbers] = column
    if len(stems) == 1:
        (columns,) = stems.values()
        return _in_grid(columns, shape)
    if len(shape) == 1:
        return tuple(names)
    ordered = [_in_grid(columns, (len(columns),)) for columns in stems.values()]
    width = len(next(iter(ordered)) or ())
    if len(shape) != 2 or shape[0] == shape[1]:
        return None
    if any(columns is None or len(columns) != width for columns in ordered):
        return None
    by_stem = [columns for columns in ordered if columns is not None]
    if tuple(shape) == (len(by_stem), width):
        return tuple(column for columns in by_stem for column in columns)
    if tuple(shape) == (width, len(by_stem)):
        return tuple(column for columns in zip(*by_stem, strict=True) for column in columns)
    return None


def _in_grid(columns: dict[tuple[int, ...], str], shape: Sequence[int]) -> tuple[str, ...] | None:
    """Columns in the order of the numbers in their names, which run from 0 or 1 without gaps."""
    numbers = list(zip(*columns, strict=True))
    varying = [k for k, values in enumerate(numbers) if len(set(values)) > 1]
    by_place = {tuple(key[k] for k in varying): column for key, column in columns.items()}
    if not numbers:
        return None
    for start in (0, 1):
        for sizes in (tuple(s for s in shape if s > 1), (len(columns),)):
            places = list(product(*(range(start, start + size) for size in sizes)))
            if set(places) == set(by_place):
                return tuple(by_place[place] for place in places)
    return None


def _found(
    table: Table, free: Sequence[str], item: InputRequest, request: ColumnRequest
) -> Block | None:
    """Finds what feeds an input; None if nothing has its name."""
    name, context = item.name, item.held_back
    if item.columns:
        return _of_parts(table, free, item)
    if name in table.wholes:
        features = [other for other in request.inputs if not other.held_back]
        if name == table.block and features == [item] and len(item.shape) == 1:
            return None  # a table whose columns have names of their own, or none
        return Block(context=context, whole=item)
    if item.single and name in free:
        return Block((name,), context)
    own = _named_like(item, free, request)
    if item.width is None or len(own) != item.width:
        return None
    sizes = [size for size in item.shape if isinstance(size, int)]
    columns = numbered_columns(name, sizes, own)
    return None if columns is None else Block(columns, context)


def _of_parts(table: Table, free: Sequence[str], item: InputRequest) -> Block:
    """Finds the columns, arrays or lists that an input names itself, one for each variable."""
    size = item.shape[item.variable] if item.variable < len(item.shape) else None
    if isinstance(size, int) and size != len(item.columns):
        raise DataError(
            f"the input {item.described} takes {size} variables along axis {item.variable + 1}, but"
            f" has {len(item.columns)} columns: name one for each"
        )
    for name in item.columns:
        if name not in free and name not in table.wholes:
            hint = name_hint(name, (*table.wholes, *free))
            raise DataError(
                f"{table.file} has no column '{printable(name, 60)}', which feeds the input"
                f" {item.described}{hint}"
            )
    if len(item.shape) == 1 and all(name in free for name in item.columns):
        return Block(item.columns, item.held_back)
    return Block(context=item.held_back, whole=item)


def _named_like(item: InputRequest, free: Sequence[str], request: ColumnRequest) -> tuple[str, ...]:
    """Columns whose names begin with an input's name, and not with that of a longer one."""
    others = [other.name for other in request.inputs if len(other.name) > len(item.name)]
    return tuple(
        name
        for name in free
        if _begins(name, item.name) and not any(o == name or _begins(name, o) for o in others)
    )


def _begins(column: str, name: str) -> bool:
    return column.startswith(name) and len(column) > len(name) and not column[len(name)].isalpha()


def _is_usable(offered: Sequence[str], free: Sequence[str], count: int | None) -> bool:
    unused = set(free)
    fits = len(offered) == len(set(offered)) and count in (None, len(offered))
    return fits and all(name in unused for name in offered)


def _counted(
    table: Table, request: ColumnRequest, context: Sequence[InputRequest], count: int | None
) -> Columns:
    """Columns of a table without names: features first, then context, by their number alone."""
    names = list(table.candidates)
    taken = {request.label, request.weight, *request.exclude, *request.beside.factors}
    left = [name for name in names if name not in taken]
    columns: list[ContextColumn] = []
    if context:
        width = sum(item.width or 0 for item in context)
        if count is None or any(item.width is None for item in context):
            raise _not_found(table, context, names)
        if len(left) != count + width:
            raise DataError(
                f"{table.file} has {len(left)} columns without names, but the model takes {count}"
                f" features and {width} columns of context: {ADVICE}"
            )
        texts = [item.text for item in context for _ in range(item.width or 0)]
        columns = [ContextColumn(n, t) for n, t in zip(left[count:], texts, strict=True)]
    n_features = request.n_features if count is None else count
    flat = replace(
        request,
        inputs=(),
        n_features=n_features,
        context=(*columns, *request.context),
    )
    used = {column.name for column in columns}
    candidates = [name for name in names if name not in used]
    return choose_columns(table.file, table.names, candidates, flat, table.hint)


def _not_found(table: Table, absent: Sequence[InputRequest], free: Sequence[str]) -> DataError:
    known = (*table.wholes, *free)
    inputs = " and ".join(item.described for item in absent[:3])
    some = f" (+{len(absent) - 3} more)" if len(absent) > 3 else ""
    own = [name for name in free if _begins(name, absent[0].name)]
    if absent[0].name in known:
        hint = ": it has that name, but not in this shape"
    elif own:
        hint = f": {len(own)} columns begin with its name ({join_names(own, 3)})"
    else:
        hint = name_hint(absent[0].name, known)
    hint = hint.removesuffix("?") + ("?" if hint.endswith("?") else ";")
    return DataError(
        f"{table.file} has nothing that feeds the input{'s' * (len(absent) > 1)}"
        f" {inputs}{some}{hint} {ADVICE}"
    )


def find_present(names: Sequence[str], inputs: Sequence[InputRequest]) -> frozenset[str]:
    """Finds the inputs that data with columns, arrays or lists of these names can feed.

    >>> find_present(["jet", "pf_0", "pf_1"], [InputRequest("pf", (2,)), InputRequest("sv", (2,))])
    frozenset({'pf'})
    """
    known = set(names)
    request = ColumnRequest(None, inputs=tuple(inputs))
    return frozenset(
        item.name
        for item in inputs
        if item.name in known
        or (item.width is not None and len(_named_like(item, names, request)) == item.width)
    )
