"""Inputs that are held at a value: they become constants, repeated for every event."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import prod

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.graph.builder import Builder
from onnxtaylor.graph.ports import FLOATS, Port

__all__ = ["hold", "read_value"]

LARGEST = 2**27  # numbers
NUMBERS = {
    *FLOATS,
    *(TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64),
    *(TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64),
    TensorProto.BOOL,
}


def read_value(
    port: Port, given: npt.ArrayLike, batch: int | str | None, symbols: Collection[str]
) -> npt.NDArray[np.float64]:
    """The value for an input, checked as far as that can be done without data.

    ``batch`` is the size or symbol of the features' batch axis, ``symbols`` are those of their
    further axes. Raises OptionError.
    """
    name = printable(port.name)
    if port.type not in NUMBERS:
        raise OptionError(
            f"--fix {name}: the input holds {port.type_name}, only numbers can be held"
        )
    try:
        value = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise OptionError(
            f"--fix {name}: {printable(given)} is no number or list of them"
        ) from None
    with np.errstate(all="ignore"):
        stored = value.astype(helper.tensor_dtype_to_np_dtype(port.type)).astype(np.float64)
    beyond = bool((np.isinf(stored) & np.isfinite(value)).any())
    if beyond or (port.type not in FLOATS and not np.array_equal(stored, value)):
        raise OptionError(f"--fix {name}: {_listed(value)} cannot be held as {port.type_name}")
    dims = port.shape
    axis = batch_axis(port, batch, symbols)
    if dims is not None and all(isinstance(d, int) for k, d in enumerate(dims) if k != axis):
        _shaped(port, value, axis, {})
    return value


def batch_axis(port: Port, batch: int | str | None, symbols: Collection[str]) -> int | None:
    """The axis of a held input that counts events, or None.

    It is the axis with the features' own symbol or fixed batch, else the first one whose size is
    neither given nor that of another axis of the features.
    """
    dims = port.shape or ()
    if batch is not None and batch in dims:
        return dims.index(batch)
    return next(
        (k for k, d in enumerate(dims) if not isinstance(d, int) and d not in symbols), None
    )


def hold(
    builder: Builder,
    port: Port,
    value: npt.NDArray[np.float64],
    *,
    batch: int | str | None,
    symbols: Mapping[str, int],
    features: str,
) -> None:
    """Makes an input a constant; along its batch axis it is repeated as often as ``features`` is.

    ``symbols`` are the free sizes that are known. Raises OptionError where the value does not fit.
    """
    axis = batch_axis(port, batch, symbols)
    whole = _shaped(port, value, axis, symbols)
    whole = np.ascontiguousarray(whole, dtype=helper.tensor_dtype_to_np_dtype(port.type))
    if axis is None or whole.shape[axis] > 1:
        builder.graph.initializer.append(numpy_helper.from_array(whole, port.name))
        return
    source = builder.constant(whole)
    shape = builder.node("Shape", [features])
    events = builder.node("Gather", [shape, builder.constant(np.array([0]))], axis=0)
    pieces = [np.array(p, dtype=np.int64) for p in (whole.shape[:axis], whole.shape[axis + 1 :])]
    before, behind = ([builder.constant(p)] if p.size else [] for p in pieces)
    target = builder.node("Concat", [*before, events, *behind], axis=0)
    builder.node("Expand", [source, target], output=port.name)


def _shaped(
    port: Port, value: npt.NDArray[np.float64], axis: int | None, symbols: Mapping[str, int]
) -> npt.NDArray[np.float64]:
    """The value in the input's shape, with size 1 along the batch axis unless every event of a
    fixed batch was given its own. A free size that nothing else tells is that of the value.
    """
    if port.shape is None:
        return value
    dims = [symbols.get(d) if isinstance(d, str) else d for d in port.shape]
    sizes = [1 if k == axis else d for k, d in enumerate(dims)]
    unknown = [k for k, d in enumerate(sizes) if d is None]
    if unknown:
        known = prod(d for d in sizes if d is not None)
        fits = len(unknown) == 1 and value.size % known == 0
        for k in unknown:
            sizes[k] = value.size // known if fits and value.size > 1 else 1
    shape = [d or 1 for d in sizes]
    if prod(shape) > LARGEST:
        raise OptionError(f"input {printable(port.name)} {port.shape_text} is too large to be held")
    if value.size == 1:
        return np.broadcast_to(value.reshape(()), shape)
    if value.size == prod(shape):
        return value.reshape(shape)
    if axis is not None and isinstance(dims[axis], int):
        shape[axis] = dims[axis] or 1
        if value.size == prod(shape):
            return value.reshape(shape)
    raise OptionError(
        f"--fix {printable(port.name)}: {value.size} values do not fit the input's shape"
        f" {printable(port.shape_text)}: give one, or {prod(d or 1 for d in sizes)}"
    )


def _listed(value: npt.NDArray[np.float64]) -> str:
    return printable(", ".join(f"{v:g}" for v in value.ravel()[:8]))
