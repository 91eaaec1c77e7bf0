"""Joints: points at which two pieces of an operator meet, where slope or value may jump.

A rule's derivative is that of one piece. At a joint another piece begins, and a response that is
written in pieces may still be smooth there: abs(x)·abs(x), or x·log 3 where x ≠ 0 and 0 elsewhere.
So events on a joint are found here, and the engine evaluates the derivative on both sides of them.

An entry of ``JOINTS`` tests for each element of a node whether it lies exactly on a joint. A new
piecewise operator needs one line, such as ``on_joint("Abs", at(0.0))``. Only nodes whose first
input is floating-point are tested: whole numbers never lie on the border of a piece.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from onnx import TensorProto

from onnxtaylor.rules.bundle import Shape, broadcast_shape
from onnxtaylor.rules.reductions import reduced_axes
from onnxtaylor.rules.rule import Context, Node

__all__ = ["JOINTS", "Flags", "JointTest", "is_polynomial", "on_joint"]


@dataclass(frozen=True)
class Flags:
    """A tensor that marks the elements on a joint, and its shape.

    It is Boolean, true on a joint. A ``distance`` holds numbers instead, 0 on a joint: onnxruntime
    finds the smallest number faster than it casts and combines truth values.
    """

    name: str
    shape: Shape
    distance: bool = False


JointTest = Callable[[Context, Node], Flags | None]

JOINTS: dict[str, JointTest] = {}


def on_joint(kinds: str, test: JointTest) -> None:
    """Registers the joints of operators.

    Parameters
    ----------
    kinds
        Names of operators, separated by spaces.
    test
        Writes the test for a node: a function of context and node that returns ``Flags``, or None
        where the node has no joint.
    """
    JOINTS.update(dict.fromkeys(kinds.split(), test))


def at(*places: float | Callable[[Node], float]) -> JointTest:
    """The test x = p for given numbers p, or for p computed from the attributes of the node."""

    def test(c: Context, node: Node) -> Flags:
        x = node.inputs[0]
        numbers = [place(node) if callable(place) else place for place in places]
        if numbers == [0.0]:
            return Flags(c.e.op("Abs", x), c.shape(x), distance=True)
        return _any(c, [_equals(c, x, _number(c, x, number)) for number in numbers], c.shape(x))

    return test


def _number(c: Context, like: str, value: float) -> str:
    """Writes a number in the format of a tensor."""
    return c.e.constant(np.float64(value), c.format(like))


def _equals(c: Context, a: str, b: str) -> str:
    """a = b, element by element."""
    return c.e.op("Equal", a, b)


def _any(c: Context, tests: list[str], shape: Shape) -> Flags:
    """Combines tests of one shape by Or."""
    name = tests[0]
    for other in tests[1:]:
        name = c.e.op("Or", name, other)
    return Flags(name, shape)


def _inputs_equal(c: Context, node: Node) -> Flags:
    """Joint of Max, Min and comparisons: x = y for the two inputs."""
    a, b = node.inputs[:2]
    return Flags(_equals(c, a, b), broadcast_shape(c.shape(a), c.shape(b)))


def _clip(c: Context, node: Node) -> Flags | None:
    """Joints of Clip: x = lower limit, or x = upper limit."""
    x, limits = node.inputs[0], [name for name in node.inputs[1:3] if name]
    return _any(c, [_equals(c, x, limit) for limit in limits], c.shape(x)) if limits else None


def _hard_sigmoid(c: Context, node: Node) -> Flags:
    """Joints of HardSigmoid: αx + β = 0 or 1."""
    x, shape = node.inputs[0], c.shape(node.inputs[0])
    alpha, beta = float(node.get("alpha", np.float32(0.2))), float(node.get("beta", 0.5))
    line = c.e.op("Add", c.e.op("Mul", x, _number(c, x, alpha)), _number(c, x, beta))
    return _any(c, [_equals(c, line, _number(c, x, end)) for end in (0.0, 1.0)], shape)


def _whole(offset: float) -> JointTest:
    """The test whether x + offset is a whole number."""

    def test(c: Context, node: Node) -> Flags:
        x = node.inputs[0]
        moved = c.e.op("Add", x, _number(c, x, offset)) if offset else x
        return Flags(_equals(c, moved, c.e.op("Floor", moved)), c.shape(x))

    return test


def _cast(c: Context, node: Node) -> Flags | None:
    """Jumps of Cast: at every whole number except 0 to whole numbers, at 0 to truth values."""
    x, y = node.inputs[0], node.outputs[0]
    if c.format(y) is not None:
        return None
    zero = _equals(c, x, _number(c, x, 0.0))
    if int(node.get("to", 0)) == TensorProto.BOOL:
        return Flags(zero, c.shape(x))
    # cutting towards 0 sends all of (−1, 1) to 0, so nothing jumps at 0 itself
    whole = _equals(c, x, c.e.op("Floor", x))
    return Flags(c.e.op("And", whole, c.e.op("Not", zero)), c.shape(x))


def _remainder(c: Context, node: Node) -> Flags:
    """Joints of Mod: x is a multiple of y."""
    z = node.outputs[0]
    return Flags(_equals(c, z, _number(c, z, 0.0)), c.shape(z))


def _axes(c: Context, node: Node) -> list[int]:
    """The axes along which a node searches the largest or smallest element."""
    rank = len(c.shape(node.inputs[0]))
    if node.kind == "GlobalMaxPool":
        return list(range(2, rank))
    if node.kind in ("ArgMax", "ArgMin", "Hardmax"):
        return [int(node.get("axis", -1 if node.kind == "Hardmax" else 0)) % rank]
    return reduced_axes(c, node)


def _ties(c: Context, node: Node) -> Flags | None:
    """Joints of ReduceMax and similar: ties at the extreme value, unless at a common floor."""
    x, e = node.inputs[0], c.e
    shape, axes = c.shape(x), _axes(c, node)
    if prod(shape[k] for k in axes) < 2:
        return None
    kind = "ReduceMin" if node.kind in ("ReduceMin", "ArgMin") else "ReduceMax"
    places = e.constant(axes)
    extreme = e.op(kind, x, places, keepdims=1)
    equal = e.op("Cast", _equals(c, x, extreme), to=1)
    several = e.op("Greater", e.op("ReduceSum", equal, places, keepdims=1), e.constant(1.5, "f4"))
    kept = tuple(1 if k in axes else d for k, d in enumerate(shape))
    return _above_floor(c, node, Flags(several, kept), extreme)


def _above_floor(c: Context, node: Node, ties: Flags, value: str) -> Flags:
    """Removes ties at the input's floor, such as 0 behind Relu, where every slope is 0."""
    floor = c.floor(node.inputs[0])
    if floor is None:
        return ties
    off = c.e.op("Not", _equals(c, value, _number(c, value, floor)))
    return Flags(c.e.op("And", ties.name, off), ties.shape)


def _top_k(c: Context, node: Node) -> Flags | None:
    """Joints of TopK: two chosen elements are equal, or the last one equals one not chosen."""
    x, y, e = node.inputs[0], node.outputs[0], c.e
    shape, taken = c.shape(x), c.shape(y)
    axis = int(node.get("axis", -1)) % len(shape)
    if taken[axis] < 1:
        return None
    kind = "ReduceMin" if int(node.get("largest", 1)) else "ReduceMax"
    place = e.constant([axis])
    last = e.op(kind, y, place, keepdims=1)

    def count(name: str) -> str:
        return e.op("ReduceSum", e.op("Cast", _equals(c, name, last), to=1), place, keepdims=1)

    kept = tuple(1 if k == axis else d for k, d in enumerate(shape))
    cut = _above_floor(c, node, Flags(e.op("Greater", count(x), count(y)), kept), last)
    if taken[axis] < 2:
        return cut
    ends = ((0, taken[axis] - 1), (1, taken[axis]))
    first, second = (e.op("Slice", y, *(e.constant([k]) for k in end), place) for end in ends)
    # each pair is tested by itself: the last ones may lie at the floor when the first do not
    same = _above_floor(c, node, Flags(_equals(c, first, second), kept), first)
    total = e.op("ReduceMax", e.op("Cast", same.name, to=1), place, keepdims=1)
    return _any(c, [cut.name, e.op("Greater", total, e.constant(0.5, "f4"))], kept)


def _max_pool(c: Context, node: Node) -> Flags | None:
    """Joints of MaxPool: elements of a window share the largest value."""
    x, y, e = node.inputs[0], node.outputs[0], c.e
    sizes = [int(k) for k in node.get("kernel_shape", ())]
    if prod(sizes) < 2:
        return None
    rank = len(sizes)
    strides = [int(k) for k in node.get("strides", [1] * rank)]
    spread = [int(k) for k in node.get("dilations", [1] * rank)]
    pads = _pads(c, node, sizes, strides, spread)
    low = _number(c, x, -np.inf)
    wide = e.op("Pad", x, e.constant([0, 0, *pads[:rank], 0, 0, *pads[rank:]]), low)
    steps, axes = c.shape(y)[2:], e.constant(list(range(2, rank + 2)))
    total = ""
    for place in product(*map(range, sizes)):
        start = [p * d for p, d in zip(place, spread, strict=True)]
        end = [a + (n - 1) * s + 1 for a, n, s in zip(start, steps, strides, strict=True)]
        part = e.op("Slice", wide, e.constant(start), e.constant(end), axes, e.constant(strides))
        equal = e.op("Cast", _equals(c, part, y), to=1)
        total = e.op("Add", total, equal) if total else equal
    several = e.op("Greater", total, e.constant(1.5, "f4"))
    return _above_floor(c, node, Flags(several, c.shape(y)), y)


def _pads(
    c: Context, node: Node, sizes: list[int], strides: list[int], spread: list[int]
) -> list[int]:
    """The padding before all axes of the image, then behind them, that covers all windows."""
    images, steps = (c.shape(name)[2:] for name in (node.inputs[0], node.outputs[0]))
    auto, given = node.get("auto_pad", b"NOTSET"), node.get("pads", [0] * 2 * len(sizes))
    before, after = [], []
    for k, (image, count) in enumerate(zip(images, steps, strict=True)):
        reach = (count - 1) * strides[k] + (sizes[k] - 1) * spread[k] + 1
        missing = max(0, reach - image)
        first = int(given[k]) if auto == b"NOTSET" else missing // 2
        if auto == b"SAME_LOWER":
            first = missing - missing // 2
        before.append(first)
        after.append(max(0, reach - image - first))
    return before + after


def is_polynomial(c: Context, node: Node) -> bool:
    """Whether all exponents of a Pow are constant, whole and not negative."""
    power = c.e.constants.get(node.inputs[1])
    return power is not None and bool(((power >= 0) & (power == np.rint(power))).all())


def _singular_power(c: Context, node: Node) -> Flags | None:
    """Joint of Pow: x = 0 in x^y with y not whole, where a derivative is infinite."""
    return None if is_polynomial(c, node) else at(0.0)(c, node)


def _no_divisor(c: Context, node: Node) -> Flags | None:
    """Joint of Div: y = 0 in x/y."""
    divisor = node.inputs[1]
    if divisor in c.e.constants:
        return None
    return Flags(_equals(c, divisor, _number(c, divisor, 0.0)), c.shape(divisor))


on_joint("Abs Sign Relu LeakyRelu PRelu Elu Softsign", at(0.0))
# an infinite slope times a strong zero (see ``strong``) is 0, which may be wrong, as in (√s)²
on_joint("Sqrt Log Reciprocal", at(0.0))
on_joint("Pow", _singular_power)
on_joint("Div", _no_divisor)
on_joint("ThresholdedRelu", at(lambda node: float(node.get("alpha", 1.0))))
on_joint("HardSigmoid", _hard_sigmoid)
on_joint("Clip", _clip)
on_joint("Max Min Equal Less Greater LessOrEqual GreaterOrEqual", _inputs_equal)
on_joint("ReduceMax ReduceMin GlobalMaxPool ArgMax ArgMin Hardmax", _ties)
on_joint("MaxPool", _max_pool)
on_joint("TopK", _top_k)
on_joint("Mod", _remainder)
on_joint("Floor Ceil", _whole(0.0))
on_joint("Round", _whole(0.5))
on_joint("Cast CastLike", _cast)
