"""Dependence of the responses on the features: smooth, in steps, or none.

A response that depends on the features only through operators that are constant almost everywhere
(trees, rounding, quantization, comparisons) is a step function: its derivatives are 0 or undefined.
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
# which output is whole numbers or labels, of operators whose other outputs are smooth
STEP_OUTPUTS = {"TopK": 1, "MaxPool": 1, "LinearClassifier": 0, "SVMClassifier": 0}
# operators that read nothing of their input but its shape
SHAPES = frozenset({"Shape", "Size", "EyeLike", "RandomNormalLike", "RandomUniformLike"})
# operators of ai.onnx.ml whose output is float32, whatever the format of their input
SINGLE = frozenset(
    {"LinearRegressor", "LinearClassifier", "SVMRegressor", "SVMClassifier"}
    | {"Scaler", "Normalizer", "FeatureVectorizer"}
)


@dataclass(frozen=True)
class Dependence:
    """Dependence of the responses on the features.

    Attributes
    ----------
    smooth
        Some path from features to responses has no step operator.
    connected
        Some path exists at all.
    steps
        Step operators where smooth paths end, as (operator, name of the node, its first input).
    formats
        Floating-point formats that the features are cast to on the way.
    """

    smooth: bool
    connected: bool
    steps: tuple[tuple[str, str, str], ...]
    formats: frozenset[str]


def find_dependence(proto: onnx.ModelProto, varied: str | None = None) -> Dependence:
    """Follows the one input of a sorted graph, or the tensor ``varied``, to its one output.

    Subgraphs count as smooth; functions of the model are inlined first.
    """
    if proto.functions:
        # a function that cannot be inlined counts as smooth
        with suppress(Exception):
            proto = inliner.inline_local_functions(proto)
    graph = proto.graph
    connected = {varied or graph.input[0].name}
    smooth = set(connected)
    steps: list[tuple[str, str, str]] = []
    formats: set[str] = set()
    for node in graph.node:
        read = set(read_names(node))
        if node.op_type in SHAPES:
            continue
        if read & connected:
            connected.update(node.output)
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
    return Dependence(response in smooth, response in connected, tuple(steps), frozenset(formats))


def _is_step(node: onnx.NodeProto) -> bool:
    if node.op_type == "Cast":
        return _cast_to(node) not in FLOATS
    return node.op_type in TREES | QUANTIZED | STEPS


def _cast_to(node: onnx.NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "to"), 0)


def _formats(node: onnx.NodeProto) -> set[str]:
    """Formats that a node, or any node inside its subgraphs, casts to."""
    formats = (
        {FLOATS[_cast_to(node)]} if node.op_type == "Cast" and _cast_to(node) in FLOATS else set()
    )
    if node.domain == "ai.onnx.ml" and node.op_type in SINGLE:
        formats.add("float32")
    return formats.union(*(_formats(n) for graph in subgraphs(node) for n in graph.node))
