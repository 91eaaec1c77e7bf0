"""Inputs held at a value: each becomes a constant, repeated for every event."""

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

LARGEST = 2**27  # elements of a held input, 1 GiB in double precision
TRUTH = {"true": True, "false": False}  # as typed on a command line

Value = npt.NDArray[Any]


def can_hold(port: Port) -> bool:
    """Whether an input can be held at a value: numbers, true and false, or text."""
    return port.type in {*FLOATS, *WHOLE, TensorProto.BOOL, TensorProto.STRING}


def read_value(
    port: Port, given: npt.ArrayLike, batch: int | str | None, symbols: Collection[str]
) -> Value:
    """Reads the value of a held input and checks it as far as that is possible without data.

    Parameters
    ----------
    port
        The input.
    given
        The value as the caller gave it: numbers, true and false may be given as text.
    batch
        Size or symbol of the batch axis of the features.
    symbols
        Symbols of the features' further free axes.

    Returns
    -------
    Value
        float64 for an input of floating-point numbers, objects for one of text, else the input's
        own format.

    Raises
    ------
    OptionError
        The value is of another kind, does not fit the input's format, or not its shape.
    """
    if not can_hold(port):
        raise _refused(port, f"cannot be held at a value: the input holds {port.type_name}")
    text = port.type == TensorProto.STRING
    try:
        if text:
            value = _texts(given)
        elif port.is_float:
            value = np.asarray(given, dtype=np.float64)
        else:
            value = _whole(given, helper.tensor_dtype_to_np_dtype(port.type))
    except OverflowError as error:
        raise _refused(port, f"must fit in {port.type_name}, got {error}") from None
    except (TypeError, ValueError):
        kind = "true, false" if port.type == TensorProto.BOOL else "a text" if text else "a number"
        raise _refused(
            port,
            f"must be {kind} or a list of them, got {printable(given)}: the input holds"
            f" {port.type_name}",
        ) from None
    if port.is_float:
        with np.errstate(all="ignore"):
            stored = value.astype(helper.tensor_dtype_to_np_dtype(port.type))
        if (np.isinf(stored) & np.isfinite(value)).any():
            raise _refused(port, f"must fit in {port.type_name}, got {_listed(value)}")
    dims, axis = port.shape, batch_axis(port, batch, symbols)
    if dims is not None and all(isinstance(d, int) for k, d in enumerate(dims) if k != axis):
        _shaped(port, value, axis, {})
    return value


def _texts(given: npt.ArrayLike) -> Value:
    """Array of text, as objects. Raises ValueError where there is anything but text."""
    value = np.asarray(given, dtype=object)
    for place, element in enumerate(value.flat):
        if isinstance(element, bytes):
            value.flat[place] = element.decode("utf-8")
        elif not isinstance(element, str):
            raise ValueError
    return value


def _whole(given: npt.ArrayLike, dtype: np.dtype[Any]) -> Value:
    """Whole numbers, or true and false, in a format.

    Raises ValueError for what is not a number, and OverflowError, with the numbers as its text,
    where the format cannot represent them.
    """
    value = np.asarray(given)
    if value.dtype.kind in "biuf":
        with np.errstate(all="ignore"):
            stored = value.astype(dtype)
        fits = np.array_equal(stored.astype(value.dtype), value)
    else:
        # text or large integers: as Python's own, since float64 has no 64 bits for whole numbers
        value = np.array([_number(v) for v in value.flat], dtype=object).reshape(value.shape)
        least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        fits = all(least <= v <= most and v == int(v) for v in value.flat)
        stored = value.astype(dtype) if fits else value
    if not fits:
        raise OverflowError(_listed(value))
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
    """Axis of a held input that counts events, or None.

    It is the axis with the batch symbol or the fixed batch of the features, else the first axis
    whose size is neither given nor that of another axis of the features.
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
    """Makes an input a constant of the graph, repeated along its batch axis for every event.

    Parameters
    ----------
    builder
        Builder of the graph, which is changed in place.
    port, value
        The input and its value, as ``read_value`` returns it.
    batch
        Size or symbol of the batch axis of the features.
    symbols
        Values of the free sizes that are known.
    features
        Name of the tensor whose first axis has the number of events.

    Raises
    ------
    OptionError
        The value does not fit the input's shape.
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
    """Value in the input's shape.

    The batch axis has size 1, unless every event of a fixed batch was given a value of its own.
    One free size that is not known otherwise follows from the number of values.
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
        raise _refused(
            port,
            f"is {printable(port.shape_text)}: at most {LARGEST} elements can be held",
        )
    if value.size == 1:
        return np.broadcast_to(value.reshape(()), shape)
    if value.size == prod(shape):
        return value.reshape(shape)
    if axis is not None and isinstance(dims[axis], int):
        shape[axis] = dims[axis] or 1
        if value.size == prod(shape):
            return value.reshape(shape)
    raise _refused(
        port,
        f"has {value.size} values, which do not fit the input's shape"
        f" {printable(port.shape_text)}: give one value, or {prod(d or 1 for d in sizes)}",
    )


def _refused(port: Port, why: str) -> OptionError:
    return OptionError(f"'{printable(port.name)}' {why}", option="fix")


def _listed(value: Value) -> str:
    shown = (f"{v:g}" if isinstance(v, float) else str(v) for v in value.ravel()[:8].tolist())
    return printable(", ".join(shown))
