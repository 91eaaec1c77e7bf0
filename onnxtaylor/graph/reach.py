"""Whether the responses are a step function of the features.

A response that depends on the features only through operators that are constant almost everywhere
(trees, rounding, quantization, comparisons) has no derivative worth the name.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from onnx import TensorProto

from onnxtaylor.graph.function import FEATURES, RESPONSES, GraphFunction
from onnxtaylor.graph.prune import read_names

__all__ = ["Reach", "reach"]

STEP_OPERATORS = frozenset(
    "TreeEnsemble TreeEnsembleRegressor TreeEnsembleClassifier Binarizer LabelEncoder OneHot"
    " OneHotEncoder CategoryMapper ArgMax ArgMin Hardmax Sign Round Floor Ceil NonZero Not And Or Xor"
    " Equal Greater GreaterOrEqual Less LessOrEqual IsNaN IsInf Shape Size"
    " QuantizeLinear DynamicQuantizeLinear".split()
)


@dataclass(frozen=True)
class Reach:
    """How the features reach the responses.

    ``smooth``: along a path without step operators; ``steps``: the step nodes that they reach, as
    (operator, node name); ``connected``: at all.
    """

    smooth: bool
    connected: bool
    steps: tuple[tuple[str, str], ...]


def reach(function: GraphFunction) -> Reach:
    """Follows the features through the graph, once along smooth operators and once along all."""
    smooth, touched = {FEATURES}, {FEATURES}
    steps = []
    for node in function.proto.graph.node:
        read = set(read_names(node))
        if read & touched:
            touched.update(node.output)
        if read & smooth:
            if _is_step(node):
                steps.append((node.op_type, node.name or node.output[0]))
            else:
                smooth.update(node.output)
    return Reach(RESPONSES in smooth, RESPONSES in touched, tuple(steps))


def _is_step(node: onnx.NodeProto) -> bool:
    if node.op_type == "Cast":
        to = next(a.i for a in node.attribute if a.name == "to")
        return to not in (
            TensorProto.FLOAT,
            TensorProto.DOUBLE,
            TensorProto.FLOAT16,
            TensorProto.BFLOAT16,
        )
    return node.op_type in STEP_OPERATORS
