"""Layout of one row of features in the model's inputs.

An input [batch, …] takes as many columns as the product of its further sizes, in C order. An input
[n] of a fixed size n > 1 is one event without a batch axis; an input [batch] takes one column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.ports import Port

__all__ = [
    "Layout",
    "batch_of",
    "can_lay_out",
    "feature_count",
    "lay_out",
    "sizes_after_batch",
    "with_sizes",
]


@dataclass(frozen=True)
class Layout:
    """Sizes of all inputs that hold features.

    ``batch`` is the number of events that the graph is fixed to (0: any), ``sizes`` are those of
    each input after its batch axis, ``batchless`` says which have no batch axis, ``symbols``
    are the sizes that free symbols stand for.
    """

    batch: int
    sizes: tuple[tuple[int, ...], ...]
    batchless: tuple[bool, ...]
    symbols: dict[str, int]

    @property
    def n_features(self) -> int:
        """Number of columns that all inputs take together."""
        return sum(map(prod, self.sizes))

    def target(self, place: int) -> tuple[int, ...]:
        """Shape of the input at a place, batch first; the batch is -1 where it is free."""
        sizes = self.sizes[place]
        return sizes if self.batchless[place] else (self.batch or -1, *sizes)


def feature_count(port: Port) -> int | None:
    """Number of columns that an input takes; None if one of its sizes is free."""
    dims = sizes_after_batch(port)
    known = [d for d in dims if isinstance(d, int)]
    return prod(known) if len(known) == len(dims) else None


def batch_of(port: Port) -> int | str | None:
    """Size or symbol of the batch axis of an input that holds features; None if unknown."""
    if _is_batchless(port):
        return 1
    return port.shape[port.batch_axis or 0] if port.shape else None


def lay_out(ports: Sequence[Port], where: str, n_columns: int | None) -> Layout:
    """Finds the layout of inputs that hold features.

    Parameters
    ----------
    ports
        The inputs, in the order of the data's columns.
    where
        Name of the model's file, for messages.
    n_columns
        Number of the data's columns, from which one free size follows; None without data.

    Returns
    -------
    Layout
        Batch and sizes of all inputs.

    Raises
    ------
    ModelError
        The batch is not the first axis, or a size does not follow from the number of columns.
    """
    batches = {b for p in ports if isinstance(b := batch_of(p), int)}
    if len(batches) > 1:
        raise ModelError(
            f"{where}: the inputs {_shown(ports)} are fixed to different batch sizes: export the"
            " model with a free batch"
        )
    for p in ports:
        later = [d for d in p.sizes if isinstance(d, str)]
        if (
            p.batch_axis is not None
            and batches
            and any(d.lower().startswith("batch") or d in ("N", "B") for d in later)
        ):
            raise ModelError(
                f"{where}: input {_shown([p])} does not have its batch on the first axis: export"
                " the model with the batch first"
            )
    symbols = _free_sizes(ports, where, n_columns)
    every = all(map(_is_batchless, ports))
    return Layout(
        batch=max(batches, default=0),
        sizes=tuple(
            tuple(d if isinstance(d, int) else symbols[_symbol(p, k)] for k, d in _numbered(p))
            for p in ports
        ),
        batchless=tuple(p.batch_axis is None or every for p in ports),
        symbols=symbols,
    )


def with_sizes(port: Port, where: str, sizes: tuple[int, ...] | None) -> Port:
    """Returns an input with the sizes after its batch axis that its data have.

    Raises ModelError where they are not those of the model.
    """
    if sizes is None:
        return port
    declared = sizes_after_batch(port)
    if port.shape is not None and (
        len(declared) != len(sizes)
        or any(isinstance(d, int) and d != s for d, s in zip(declared, sizes, strict=True))
    ):
        raise ModelError(
            f"{where}: the data of input {_shown([port])} have shape"
            f" [events, {', '.join(map(str, sizes))}] and do not fit"
        )
    dims: list[int | str | None] = list(sizes)
    if not _is_batchless(port):
        dims.insert(port.batch_axis or 0, batch_of(port))
    return replace(port, shape=tuple(dims))


def can_lay_out(ports: Sequence[Port]) -> bool:
    """Whether inputs can hold features together, for some number of columns."""
    known = sum(feature_count(p) or 0 for p in ports)
    rest = sum(
        prod(d for _, d in _numbered(p) if isinstance(d, int))
        for p in ports
        if feature_count(p) is None
    )
    try:
        lay_out(ports, "", known + rest)
    except ModelError:
        return False
    return True


def _free_sizes(ports: Sequence[Port], where: str, n_columns: int | None) -> dict[str, int]:
    """Solves n_columns = Σ known + s·Σ rest for the one free size s."""
    free = {
        p.name: [_symbol(p, k) for k, d in _numbered(p) if not isinstance(d, int)] for p in ports
    }
    names = {symbol for symbols in free.values() for symbol in symbols}
    if not names:
        return {}
    shown = _shown([p for p in ports if free[p.name]])
    if len(names) > 1 or any(len(symbols) > 1 for symbols in free.values()):
        raise ModelError(
            f"{where}: more than one size of input {shown} is free, and the number of columns"
            " determines only one: fix the sizes in the file"
            " (python -m onnxruntime.tools.make_dynamic_shape_fixed)"
        )
    if n_columns is None:
        raise ModelError(
            f"{where}: the size of input {shown} is free and follows from the number of columns:"
            " name a file of events, too"
        )
    known = sum(feature_count(p) or 0 for p in ports if not free[p.name])
    rest = sum(
        prod(d for _, d in _numbered(p) if isinstance(d, int)) for p in ports if free[p.name]
    )
    columns = n_columns - known
    if columns < 1 or columns % rest:
        raise ModelError(
            f"{where}: input {shown} takes a multiple of {rest} columns"
            + (f", the other inputs {known}" if known else "")
            + f", but the data have {n_columns}: choose them with feature_names=…"
        )
    return {names.pop(): columns // rest}


def _is_batchless(port: Port) -> bool:
    """Whether an input is one event [n]; [1] is one event with one feature and a fixed batch."""
    if port.batch_axis is None:
        return True
    dims = port.shape
    return dims is not None and len(dims) == 1 and isinstance(dims[0], int) and dims[0] > 1


def sizes_after_batch(port: Port) -> tuple[int | str | None, ...]:
    """Returns the sizes and symbols of one event in an input."""
    if port.shape is None:  # an input of unknown rank is taken as [batch, n] with n free
        return (None,)
    return port.shape if _is_batchless(port) else port.sizes


def _numbered(port: Port) -> list[tuple[int, int | str | None]]:
    return list(enumerate(sizes_after_batch(port)))


def _symbol(port: Port, place: int) -> str:
    """Name of a free size; sizes without a symbol differ from all others."""
    symbol = sizes_after_batch(port)[place]
    return symbol if isinstance(symbol, str) else f"{port.name}?{place}"


def _shown(ports: Sequence[Port]) -> str:
    return ", ".join(f"'{printable(p.name)}' {printable(p.shape_text)}" for p in ports)
