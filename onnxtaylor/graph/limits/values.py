"""Small tensors that follow from constants and shapes: with NumPy, a table of few operators.

Sizes of tensors are computed from such values. What is larger than 4096 numbers is not computed, so
that no value takes memory or time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["MOST_NUMBERS", "divides_badly", "small_constant", "value_of"]

MOST_NUMBERS = 4096

Array = npt.NDArray[Any]
Attributes = Mapping[str, Any]


def small_constant(tensor: TensorProto) -> Array | None:
    """Returns the value of a stored tensor; None for a large one, and for texts."""
    if prod(tensor.dims) > MOST_NUMBERS or tensor.data_type == TensorProto.STRING:
        return None
    return np.asarray(numpy_helper.to_array(tensor))


def value_of(node: onnx.NodeProto, given: Sequence[Array | None]) -> Array | None:
    """Returns the only output of a node whose inputs are ``given``, None where it is not known.

    An input that is left out, or not known, is None. Whole numbers are cut to 64 bits, as the
    kernels do.
    """
    compute = _TABLE.get(node.op_type)
    known = [x for x in given if x is not None]
    if compute is None or len(known) < len([name for name in node.input if name]) or not known:
        return None
    a = {x.name: helper.get_attribute_value(x) for x in node.attribute}
    try:
        with np.errstate(all="ignore"):
            value = compute(a, *given)
    except (ValueError, LookupError, TypeError, OverflowError, ArithmeticError):
        return None  # the node fails, or is another version of its operator
    return None if value is None or value.size > MOST_NUMBERS else np.asarray(value)


def divides_badly(node: onnx.NodeProto, given: Sequence[Array | None]) -> str:
    """Returns what is wrong with a division of whole numbers, empty where nothing is known to be.

    A processor ends the process at a division by 0, and at that of the least number by −1.
    """
    if node.op_type not in ("Div", "Mod") or len(given) != 2 or given[1] is None:
        return ""
    above, below = given[0], given[1]
    if below.dtype.kind not in "iu":
        return ""
    if (below == 0).any():
        return "divides whole numbers by 0"
    if above is None or above.dtype.kind != "i":
        return ""
    least = np.iinfo(above.dtype).min
    try:
        badly = bool(((above == least) & (below == -1)).any())
    except ValueError:  # shapes that do not fit: the node fails
        return ""
    return f"divides {least} by -1, which has no result in {above.dtype}" if badly else ""


def _axes(a: Attributes, axes: Array | None) -> tuple[int, ...] | None:
    given = axes if axes is not None else a.get("axes")
    return None if given is None else tuple(int(k) for k in np.ravel(given))


def _unsqueeze(a: Attributes, x: Array, axes: Array | None = None) -> Array:
    return np.expand_dims(x, _axes(a, axes) or ())


def _squeeze(a: Attributes, x: Array, axes: Array | None = None) -> Array:
    return np.squeeze(x, _axes(a, axes))


def _reshape(a: Attributes, x: Array, shape: Array) -> Array:
    return x.reshape([x.shape[k] if d == 0 else int(d) for k, d in enumerate(shape.tolist())])


def _slice(
    a: Attributes,
    x: Array,
    starts: Array | None = None,
    ends: Array | None = None,
    axes: Array | None = None,
    steps: Array | None = None,
) -> Array:
    begin = np.ravel(a["starts"] if starts is None else starts).tolist()
    end = np.ravel(a["ends"] if ends is None else ends).tolist()
    along = _axes(a, axes) or tuple(range(len(begin)))
    step = [1] * len(begin) if steps is None else np.ravel(steps).tolist()
    places = [slice(None)] * x.ndim
    for axis, b, e, s in zip(along, begin, end, step, strict=True):
        places[axis] = slice(b, None if s < 0 and e < -x.shape[axis] else e, s)
    return x[tuple(places)]


def _divide(a: Attributes, x: Array, y: Array) -> Array | None:
    if x.dtype.kind not in "iu":
        return np.asarray(x / y)
    if (y == 0).any():
        return None
    return np.asarray(np.sign(x) * np.sign(y) * (np.abs(x) // np.abs(y)))


def _range(a: Attributes, start: Array, limit: Array, step: Array) -> Array | None:
    count = np.ceil((float(limit) - float(start)) / float(step))
    if not 0 <= count <= MOST_NUMBERS:
        return None
    return np.asarray(start + step * np.arange(int(count)), start.dtype)


def _filled(a: Attributes, shape: Array) -> Array | None:
    dims = [int(d) for d in shape.tolist()]
    if not 0 <= prod(dims) <= MOST_NUMBERS:
        return None
    number = small_constant(a["value"]) if "value" in a else np.zeros(1, np.float32)
    return None if number is None else np.full(dims, number.ravel()[0], number.dtype)


def _cast(a: Attributes, x: Array) -> Array:
    return x.astype(helper.tensor_dtype_to_np_dtype(a["to"]))


def _product(a: Attributes, x: Array, axes: Array | None = None) -> Array:
    return np.asarray(np.prod(x, axis=_axes(a, axes), keepdims=bool(a.get("keepdims", 1))))


def _sum(a: Attributes, x: Array, axes: Array | None = None) -> Array:
    return np.asarray(np.sum(x, axis=_axes(a, axes), keepdims=bool(a.get("keepdims", 1))))


_TABLE: dict[str, Callable[..., Array | None]] = {
    "Abs": lambda a, x: np.abs(x),
    "Add": lambda a, x, y: x + y,
    "Cast": _cast,
    "Ceil": lambda a, x: np.ceil(x),
    "Concat": lambda a, *x: np.concatenate(x, axis=a["axis"]),
    "ConstantOfShape": _filled,
    "Div": _divide,
    "Equal": lambda a, x, y: x == y,
    "Floor": lambda a, x: np.floor(x),
    "Gather": lambda a, x, k: np.take(x, k, axis=a.get("axis", 0)),
    "Identity": lambda a, x: x,
    "Max": lambda a, x, y: np.maximum(x, y),
    "Min": lambda a, x, y: np.minimum(x, y),
    "Mul": lambda a, x, y: x * y,
    "Neg": lambda a, x: -x,
    "Pow": lambda a, x, y: np.power(x, y),
    "Range": _range,
    "ReduceProd": _product,
    "ReduceSum": _sum,
    "Reshape": _reshape,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Sub": lambda a, x, y: x - y,
    "Unsqueeze": _unsqueeze,
    "Where": lambda a, c, x, y: np.asarray(np.where(c, x, y)),
}
