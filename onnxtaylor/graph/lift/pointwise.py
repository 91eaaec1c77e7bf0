"""Operators that act element by element; several tensors are broadcast."""

from __future__ import annotations

import onnx

from onnxtaylor.graph.lift.lifter import Lifter, Rule, inputs_of
from onnxtaylor.graph.normalize.writer import Attributes

__all__ = ["RULES"]


def same(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Keeps the node: it acts on each element, or on the last axes. Other inputs are shared."""
    context.require_shared(node)
    context.keep(node)


def broadcast(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Aligns ranks by axes of size 1 behind N."""
    rank = max(map(context.rank, node.input))
    context.keep(node, [context.aligned(name, rank) for name in node.input])


def cast_like(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Keeps the node: of its second input it reads the format alone."""
    context.keep(node)


def clip(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Clip(x, l, h), with limits of each event min(max(x, l), h)."""
    x, low, high = inputs_of(node, 3)
    if not any(map(context.is_lifted, (low, high))):
        return context.keep(node)
    rank = context.rank(x)
    result = context.aligned(x, rank)
    for kind, limit in (("Max", low), ("Min", high)):
        if limit:
            result = context.op(kind, result, context.aligned(limit, rank))
    return context.finish(node, "Identity", result)


def prelu(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Repeats x for every event, since only the slope is broadcast."""
    x, slope = node.input
    rank = context.rank(x)
    context.keep(node, [context.everywhere(x), context.aligned(slope, rank)])


def dropout(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Keeps the node, which passes on its input unless it trains."""
    training = inputs_of(node, 3)[2]
    if training and context.value(training).any():
        raise ValueError("it is random: training_mode is set")
    same(context, node, a)


RULES: dict[str, Rule] = {
    "Abs": same,
    "Acos": same,
    "Acosh": same,
    "Add": broadcast,
    "And": broadcast,
    "Asin": same,
    "Asinh": same,
    "Atan": same,
    "Atanh": same,
    "BitShift": broadcast,
    "BitwiseAnd": broadcast,
    "BitwiseNot": same,
    "BitwiseOr": broadcast,
    "BitwiseXor": broadcast,
    "Cast": same,
    "CastLike": cast_like,
    "Ceil": same,
    "Celu": same,
    "Clip": clip,
    "Cos": same,
    "Cosh": same,
    "Det": same,
    "Div": broadcast,
    "Dropout": dropout,
    "Elu": same,
    "Equal": broadcast,
    "Erf": same,
    "Exp": same,
    "Floor": same,
    "Gelu": same,
    "Greater": broadcast,
    "GreaterOrEqual": broadcast,
    "HardSigmoid": same,
    "HardSwish": same,
    "Identity": same,
    "IsInf": same,
    "IsNaN": same,
    "LeakyRelu": same,
    "Less": broadcast,
    "LessOrEqual": broadcast,
    "Log": same,
    "Max": broadcast,
    "Mean": broadcast,
    "Min": broadcast,
    "Mish": same,
    "Mod": broadcast,
    "Mul": broadcast,
    "Neg": same,
    "Not": same,
    "Or": broadcast,
    "PRelu": prelu,
    "Pow": broadcast,
    "Reciprocal": same,
    "Relu": same,
    "Round": same,
    "Selu": same,
    "Shrink": same,
    "Sigmoid": same,
    "Sign": same,
    "Sin": same,
    "Sinh": same,
    "Softplus": same,
    "Softsign": same,
    "Sqrt": same,
    "Sub": broadcast,
    "Sum": broadcast,
    "Tan": same,
    "Tanh": same,
    "ThresholdedRelu": same,
    "Trilu": same,
    "Where": broadcast,
    "Xor": broadcast,
}
