"""Whether the responses are a step function of the features, and in which formats they are kept.

A response that depends on the features only through operators that are constant almost everywhere
(trees, rounding, quantization, comparisons) has no derivative worth the name.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import onnx
from onnx import inliner

from onnxtaylor.graph.ports import FLOATS
from onnxtaylor.graph.prune import read_names, subgraphs

__all__ = ["Dependence", "find_dependence"]

TREES = frozenset({"TreeEnsemble", "TreeEnsembleRegressor", "TreeEnsembleClassifier"})
QUANTIZED = frozenset(
    {"QuantizeLinear", "DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"}
)
STEPS = (
    frozenset({"Round", "Floor", "Ceil", "Sign", "ArgMax", "ArgMin", "Hardmax", "NonZero"})
    | frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "IsNaN", "IsInf"})
    | frozenset({"Not", "And", "Or", "Xor"})
    | frozenset({"Binarizer", "LabelEncoder", "OneHot", "OneHotEncoder", "CategoryMapper"})
)
# Outputs that are whole numbers or labels beside others that are smooth.
STEP_OUTPUTS = {"TopK": 1, "MaxPool": 1, "LinearClassifier": 0, "SVMClassifier": 0}
# These read of their input no more than its shape.
SHAPES = frozenset({"Shape", "Size", "EyeLike", "RandomNormalLike", "RandomUniformLike"})
# Operators of ai.onnx.ml that answer in float32 whatever they are given.
SINGLE = frozenset({"LinearRegressor", "LinearClassifier", "SVMRegressor", "SVMClassifier"}) | {
    "Scaler",
    "Normalizer",
    "FeatureVectorizer",
}


@dataclass(frozen=True)
class Dependence:
    """How the features reach the responses.

    ``smooth``: along a path without step operators; ``steps``: the step nodes on the way, as
    (operator, node name, its first input); ``connected``: at all; ``formats``: the floating-point
    formats that the features are cast to on the way.
    """

    smooth: bool
    connected: bool
    steps: tuple[tuple[str, str, str], ...]
    formats: frozenset[str]


def find_dependence(proto: onnx.ModelProto) -> Dependence:
    """Follows the one input of a sorted graph to its one output, once along smooth operators and
    once along all. Subgraphs count as smooth; local functions are looked into.
    """
    if proto.functions:
        # what cannot be inlined counts as smooth; onnxruntime has its own say
        with suppress(Exception):
            proto = inliner.inline_local_functions(proto)
    graph = proto.graph
    touched = {graph.input[0].name}
    smooth = set(touched)
    steps: list[tuple[str, str, str]] = []
    formats: set[str] = set()
    for node in graph.node:
        read = set(read_names(node))
        if node.op_type in SHAPES:
            continue
        if read & touched:
            touched.update(node.output)
        if not read & smooth:
            continue
        if _is_step(node):
            steps.append((node.op_type, node.name or node.output[0], node.input[0]))
            continue
        formats |= _formats(node)
        kept = list(node.output)
        if node.op_type in STEP_OUTPUTS and len(kept) > STEP_OUTPUTS[node.op_type]:
            label = kept.pop(STEP_OUTPUTS[node.op_type])
            if label:
                steps.append((node.op_type, node.name or label, node.input[0]))
        smooth.update(kept)
    response = graph.output[0].name
    return Dependence(response in smooth, response in touched, tuple(steps), frozenset(formats))


def _is_step(node: onnx.NodeProto) -> bool:
    if node.op_type == "Cast":
        return _cast_to(node) not in FLOATS
    return node.op_type in TREES | QUANTIZED | STEPS


def _cast_to(node: onnx.NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "to"), 0)


def _formats(node: onnx.NodeProto) -> set[str]:
    """The formats that a node, or any inside its subgraphs, casts to."""
    found = (
        {FLOATS[_cast_to(node)]} if node.op_type == "Cast" and _cast_to(node) in FLOATS else set()
    )
    if node.domain == "ai.onnx.ml" and node.op_type in SINGLE:
        found.add("float32")
    return found.union(*(_formats(n) for graph in subgraphs(node) for n in graph.node))
