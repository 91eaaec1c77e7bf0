"""Models of ai.onnx.ml: lengths of their tables must fit together, or kernels read beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import helper

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.limits.place import node_phrase
from onnxtaylor.graph.limits.trees import TREE_FAULTS
from onnxtaylor.graph.walk import nodes_of_model

__all__ = ["require_tables"]

DOMAIN = "ai.onnx.ml"
Attributes = Mapping[str, Any]


def require_tables(proto: onnx.ModelProto, where: str) -> None:
    """Raises ModelError for the first classical model whose tables contradict one another."""
    if not any(entry.domain == DOMAIN for entry in proto.opset_import):
        return
    for node in nodes_of_model(proto):
        look = _FAULTS.get(node.op_type) if node.domain == DOMAIN else None
        if look is None:
            continue
        fault = look({a.name: helper.get_attribute_value(a) for a in node.attribute})
        if fault:
            raise ModelError(
                f"{node_phrase(node, where)}: {printable(fault)}: the model is damaged; export it"
                " again"
            )


def _linear(a: Attributes) -> str:
    """Coefficients of a linear model: as many for each response."""
    weights = len(a.get("coefficients", ()))
    biases = len(a.get("intercepts", ()))
    responses = a.get("targets", 1) if "targets" in a else biases or 1
    if not 1 <= responses <= max(weights, 1):
        return f"{weights} coefficients for {responses} responses"
    if weights % responses:
        return f"{weights} coefficients do not share out among {responses} responses"
    if "targets" in a and biases not in (0, responses):
        return f"{biases} intercepts for {responses} responses"
    return ""


def _support(a: Attributes) -> str:
    """Support vectors and their coefficients."""
    parameters = len(a.get("kernel_params", ()))
    if parameters not in (0, 3):
        return f"kernel_params has {parameters} numbers, where 3 are needed"
    vectors, per_class = len(a.get("support_vectors", ())), list(a.get("vectors_per_class", ()))
    if any(not 0 <= n <= vectors for n in per_class):
        return "vectors_per_class has numbers that no table has"
    number = sum(per_class) if per_class else int(a.get("n_supports", 0))
    if number < 0 or (vectors and (not number or vectors % number)):
        return f"{vectors} numbers of support vectors do not share out among {number}"
    weights, classes = len(a.get("coefficients", ())), len(per_class)
    needed = number * max(classes - 1, 1)
    if number and weights < needed:
        return f"{weights} coefficients, where {needed} are needed"
    for name in ("prob_a", "prob_b"):
        pairs = classes * (classes - 1) // 2
        if classes and len(a.get(name, ())) not in (0, pairs):
            return f"{name} has {len(a[name])} numbers, where {pairs} pairs of classes are"
    return ""


def _encoder(a: Attributes) -> str:
    """Keys of a table and as many values."""
    keys = [len(v) for k, v in a.items() if k.startswith("keys_") and isinstance(v, list)]
    values = [len(v) for k, v in a.items() if k.startswith("values_") and isinstance(v, list)]
    if keys and values and keys[:1] != values[:1]:
        return f"{keys[0]} keys and {values[0]} values"
    return ""


_FAULTS = {
    **TREE_FAULTS,
    "LinearClassifier": _linear,
    "LinearRegressor": _linear,
    "SVMClassifier": _support,
    "SVMRegressor": _support,
    "LabelEncoder": _encoder,
}
