"""Inputs that are held at a value: they become constants, repeated for every event."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.graph.builder import Builder
from onnxtaylor.graph.ports import FLOATS, WHOLE, Port

__all__ = ["Value", "can_hold", "hold", "read_value"]

LARGEST = 2**27  # elements
TRUTH = {"true": True, "false": False}  # as it is typed

Value = npt.NDArray[Any]


def can_hold(port: Port) -> bool:
    """Whether a value for this input can be given: numbers, true and false, or text."""
    return port.type in {*FLOATS, *WHOLE, TensorProto.BOOL, TensorProto.STRING}


def read_value(
    port: Port, given: npt.ArrayLike, batch: int | str | None, symbols: Collection[str]
) -> Value:
    """The value for an input, checked as far as that can be done without data.

    Floating-point numbers come as float64; whole numbers, true and false in the input's format;
    text as Python objects. Numbers, true and false may be given as text. ``batch`` is the size or
    symbol of the features' batch axis, ``symbols`` are those of their further axes. Raises
    OptionError.
    """
    where = f"--fix {printable(port.name)}"
    if not can_hold(port):
        raise OptionError(f"{where}: the input holds {port.type_name}, which cannot be given")
    kind = "text" if port.type == TensorProto.STRING else "number"
    kind = "true or false" if port.type == TensorProto.BOOL else kind
    try:
        if kind == "text":
            value = _texts(given)
        elif port.is_float:
            value = np.asarray(given, dtype=np.float64)
        else:
            value = _whole(given, helper.tensor_dtype_to_np_dtype(port.type))
    except OverflowError as error:
        raise OptionError(f"{where}: {error} cannot be held as {port.type_name}") from None
    except (TypeError, ValueError):
        raise OptionError(
            f"{where}: {printable(given)} is no {kind} or list of them: the input holds"
            f" {port.type_name}"
        ) from None
    if port.is_float:
        with np.errstate(all="ignore"):
            stored = value.astype(helper.tensor_dtype_to_np_dtype(port.type))
        if (np.isinf(stored) & np.isfinite(value)).any():
            raise OptionError(f"{where}: {_listed(value)} cannot be held as {port.type_name}")
    dims = port.shape
    axis = batch_axis(port, batch, symbols)
    if dims is not None and all(isinstance(d, int) for k, d in enumerate(dims) if k != axis):
        _shaped(port, value, axis, {})
    return value


def _texts(given: npt.ArrayLike) -> Value:
    """Raises ValueError where there is anything but text."""
    value = np.asarray(given, dtype=object)
    for place, element in enumerate(value.flat):
        if isinstance(element, bytes):
            value.flat[place] = element.decode("utf-8")
        elif not isinstance(element, str):
            raise ValueError
    return value


def _whole(given: npt.ArrayLike, dtype: np.dtype[Any]) -> Value:
    """Whole numbers, or true and false, in a format. Raises ValueError for what is none, and
    OverflowError, naming the numbers, for what the format cannot hold.
    """
    found = np.asarray(given)
    if found.dtype.kind in "biuf":
        with np.errstate(all="ignore"):
            stored = found.astype(dtype)
        fits = np.array_equal(stored.astype(found.dtype), found)
    else:
        # one by one, and whole numbers to the last digit
        found = np.array([_number(v) for v in found.flat], dtype=object).reshape(found.shape)
        least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        fits = all(least <= v <= most and v == int(v) for v in found.flat)
        stored = found.astype(dtype) if fits else found
    if not fits:
        raise OverflowError(_listed(found))
    return np.asarray(stored)


def _number(element: Any) -> int | float:
    if isinstance(element, str):
        text = element.strip().lower()
        if text in TRUTH:
            return int(TRUTH[text])
        try:
            return int(text)
        except ValueError:
            return float(text)
    return element if isinstance(element, int) else float(element)


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
    value: Value,
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


def _shaped(port: Port, value: Value, axis: int | None, symbols: Mapping[str, int]) -> Value:
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


def _listed(value: Value) -> str:
    shown = (f"{v:g}" if isinstance(v, float) else str(v) for v in value.ravel()[:8].tolist())
    return printable(", ".join(shown))
