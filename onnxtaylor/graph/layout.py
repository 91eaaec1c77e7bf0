"""How one row of features is laid out in the model's inputs.

An input [batch, …] takes the product of its further sizes in columns, in C order. One that is a
single row [n] of a fixed size holds one event and no batch axis; [batch] holds one column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.ports import Port

__all__ = ["Layout", "batch_of", "can_lay_out", "feature_count", "lay_out"]


@dataclass(frozen=True)
class Layout:
    """Of all feature inputs: ``batch`` (0: free), the sizes of each input behind the batch axis,
    None for the batch axis of an input that has none, and the sizes found for free symbols.
    """

    batch: int
    sizes: tuple[tuple[int, ...], ...]
    batchless: bool
    symbols: dict[str, int]

    @property
    def n_features(self) -> int:
        """Columns of all inputs together."""
        return sum(map(prod, self.sizes))

    def target(self, place: int) -> tuple[int, ...]:
        """The shape of the input at a place; the batch is -1 where it is free."""
        return self.sizes[place] if self.batchless else (self.batch or -1, *self.sizes[place])


def feature_count(port: Port) -> int | None:
    """Π of all dimensions behind the batch; None if one of them is free."""
    dims = _behind_batch(port)
    known = [d for d in dims if isinstance(d, int)]
    return prod(known) if len(known) == len(dims) else None


def batch_of(port: Port) -> int | str | None:
    """The size, symbol, or None that stands for the batch in an input of features."""
    if _is_batchless(port):
        return 1
    return port.shape[0] if port.shape else None


def lay_out(ports: Sequence[Port], where: str, n_columns: int | None) -> Layout:
    """The layout of the inputs; one free size is told by the number of the data's columns.

    Raises ModelError where the batch is not the first axis or a size cannot be told.
    """
    batches = {b for p in ports if isinstance(b := batch_of(p), int)}
    if len(batches) > 1:
        raise ModelError(
            f"{where}: the inputs {_shown(ports)} are fixed to different batches: export the model"
            " with a free batch"
        )
    for p in ports:
        later = [d for d in (p.shape or ())[1:] if isinstance(d, str)]
        if batches and any(d.lower().startswith("batch") or d in ("N", "B") for d in later):
            raise ModelError(
                f"{where}: input {_shown([p])} does not have its batch on the first axis: export"
                " the model with the batch first"
            )
    symbols = _free_sizes(ports, where, n_columns)
    return Layout(
        batch=max(batches, default=0),
        sizes=tuple(
            tuple(d if isinstance(d, int) else symbols[_symbol(p, k)] for k, d in _numbered(p))
            for p in ports
        ),
        batchless=all(map(_is_batchless, ports)),
        symbols=symbols,
    )


def can_lay_out(ports: Sequence[Port]) -> bool:
    """Whether a row of features can be laid out in these inputs, of some number of columns."""
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
    """The one free size s from n_columns = Σ known + s·Σ rest."""
    free = {
        p.name: [_symbol(p, k) for k, d in _numbered(p) if not isinstance(d, int)] for p in ports
    }
    names = {symbol for symbols in free.values() for symbol in symbols}
    if not names:
        return {}
    shown = _shown([p for p in ports if free[p.name]])
    if len(names) > 1 or any(len(symbols) > 1 for symbols in free.values()):
        raise ModelError(
            f"{where}: more than one size of input {shown} is free, which columns cannot tell: fix"
            " the sizes in the file (python -m onnxruntime.tools.make_dynamic_shape_fixed)"
        )
    if n_columns is None:
        raise ModelError(
            f"{where}: the size of input {shown} is free, and only data can tell it: name a file"
            " of events, too"
        )
    known = sum(feature_count(p) or 0 for p in ports if not free[p.name])
    rest = sum(
        prod(d for _, d in _numbered(p) if isinstance(d, int)) for p in ports if free[p.name]
    )
    columns = n_columns - known
    if columns < 1 or columns % rest:
        raise ModelError(
            f"{where}: input {shown} takes a multiple of {rest} columns"
            + (f" beside the {known} of the other inputs" if known else "")
            + f", the data have {n_columns}: choose them with --features"
        )
    return {names.pop(): columns // rest}


def _is_batchless(port: Port) -> bool:
    dims = port.shape
    return dims is not None and len(dims) == 1 and isinstance(dims[0], int) and dims[0] > 1


def _behind_batch(port: Port) -> tuple[int | str | None, ...]:
    if _is_batchless(port):
        return port.shape or ()
    return (None, None)[1:] if port.shape is None else port.shape[1:]


def _numbered(port: Port) -> list[tuple[int, int | str | None]]:
    return list(enumerate(_behind_batch(port)))


def _symbol(port: Port, place: int) -> str:
    """The name of a free size; sizes without one are different from all others."""
    symbol = _behind_batch(port)[place]
    return symbol if isinstance(symbol, str) else f"{port.name}?{place}"


def _shown(ports: Sequence[Port]) -> str:
    return ", ".join(f"'{printable(p.name)}' {printable(p.shape_text)}" for p in ports)
