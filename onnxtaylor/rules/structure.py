"""Operators that rearrange or repeat elements at constant places: all are linear.

They act on the axes of a bundle after the leading one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from onnxtaylor.rules.bundle import Bundle, expand, sum_to
from onnxtaylor.rules.rule import Bundles, Context, Node, refusal, register
from onnxtaylor.rules.verbs import linear

__all__ = [
    "axis_of",
    "first_of",
    "list_input",
    "reshape",
    "transpose",
]

REAL = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)


def first_of(bundles: Bundles) -> Bundle:
    """The first bundle, which must not be zero (None)."""
    bundle = bundles[0]
    assert bundle is not None
    return bundle


def axis_of(node: Node, c: Context, default: int = 0, place: int = 0) -> int:
    """The node's ``axis``, counted from the front of input ``place``."""
    axis = int(node.get("axis", default))
    return axis + len(c.shape(node.inputs[place])) if axis < 0 else axis


def list_input(c: Context, node: Node, place: int, attribute: str) -> list[int] | None:
    """A list of whole numbers, given as an input or, in older opsets, as an attribute.

    None where the node has neither. Raises ModelError where the input depends on the data.
    """
    if node.get(attribute) is not None:
        return [int(i) for i in node.get(attribute)]
    if not node.input(place):
        return None
    value = c.value(node.input(place))
    if value is None:
        raise refusal(node, f"its {attribute} depend on the data")
    return [int(i) for i in np.atleast_1d(value)]


# --- the same elements in the same order ---------------------------------------------------------


def reshape(c: Context, bundle: Bundle, shape: tuple[int, ...]) -> Bundle:
    """Reshapes a bundle to (L, *shape); the events keep their order."""
    if any(d < -1 for d in (*bundle.shape, *shape)):
        # m·N elements of an axis cannot be made of m by broadcasting
        bundle = c.repeat_events(bundle)
    result = Bundle("", bundle.lead, shape, bundle.varies)
    return result.with_tensor(c.e.op("Reshape", bundle.name, c.e.constant(result.reshape_target)))


def _reshape(c: Context, node: Node, t: Bundle) -> Bundles:
    return [reshape(c, t, c.shape(node.outputs[0]))]


def _reshape_adjoint(c: Context, node: Node, a: Bundles) -> Bundle:
    return reshape(c, first_of(a), c.shape(node.inputs[0]))


register("Reshape Flatten Squeeze Unsqueeze", linear(_reshape, _reshape_adjoint))


def _identity(c: Context, node: Node, t: Bundle) -> Bundles:
    return [t, *[None] * (len(node.outputs) - 1)]


def _cast(c: Context, node: Node, bundle: Bundle) -> Bundle | None:
    """Casts a tangent to the output's format; None for whole numbers: such a cast is a step."""
    own, to = c.format(node.inputs[0]), c.format(node.outputs[0])
    if to is None:
        if node.get("to") in REAL:
            raise refusal(node, "its format is not known")
        return None
    return bundle if own is None else c.cast(bundle, own, to)


def _cast_adjoint(c: Context, node: Node, bundle: Bundle) -> Bundle | None:
    """Casts an adjoint to the input's format; None where input or output are whole numbers."""
    own, to = c.format(node.inputs[0]), c.format(node.outputs[0])
    return None if own is None or to is None else c.cast(bundle, to, own)


register("Identity Dropout", linear(_identity, lambda c, n, a: first_of(a)))
register(
    "Cast CastLike",
    linear(
        lambda c, n, t: [_cast(c, n, t)],
        lambda c, n, a: _cast_adjoint(c, n, first_of(a)),
    ),
)


def transpose(c: Context, bundle: Bundle, order: Sequence[int]) -> Bundle:
    """Brings the axes of a bundle, without the lead, into another order."""
    shape = tuple(bundle.shape[k] for k in order)
    name = c.e.op("Transpose", bundle.name, perm=[0, *(k + 1 for k in order)])
    return bundle.with_tensor(name, shape)


def _order(c: Context, node: Node) -> list[int]:
    """The order of axes of a Transpose: reversed if the node gives none."""
    rank = len(c.shape(node.inputs[0]))
    return list(node.get("perm") or range(rank)[::-1])


register(
    "Transpose",
    linear(
        lambda c, n, t: [transpose(c, t, _order(c, n))],
        lambda c, n, a: transpose(c, first_of(a), [int(k) for k in np.argsort(_order(c, n))]),
    ),
)


# --- repeated ------------------------------------------------------------------------------------


def _expand(c: Context, node: Node, t: Bundle) -> Bundles:
    return [expand(c.e, t, c.shape(node.outputs[0]))]


register("Expand", linear(_expand, lambda c, n, a: sum_to(c.e, first_of(a), c.shape(n.inputs[0]))))
