"""Replaces smooth operators of ai.onnx.ml by elementary operators of the default domain.

Scaler, Normalizer, Imputer, ArrayFeatureExtractor, FeatureVectorizer, the linear models, and
support vector machines with their kernels K(x, s):

    linear x·s        poly (γ x·s + c)^d        rbf exp(−γ |x − s|²)        sigmoid tanh(γ x·s + c)

The conventions are those of onnxruntime's kernels. Class labels have no derivative: where they are
read, the node is kept for them alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from onnxtaylor.graph.normalize.writer import Writer, replace_nodes

__all__ = ["expand_classical"]

DOMAIN = "ai.onnx.ml"
Array = npt.NDArray[Any]


def expand_classical(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Ensures: of the operators above only those with attributes that are not supported are left.

    Requires: an import of the default domain, opset 13 or later.
    """
    read = {name for node in proto.graph.node for name in node.input}
    read.update(o.name for o in proto.graph.output)

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        write = WRITERS.get(node.op_type) if node.domain == DOMAIN else None
        if write is None:
            return False
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        score = write(w, node, attributes)
        if score is None:
            return False
        place = 1 if node.op_type.endswith("Classifier") else 0
        if place == 1 and node.output[0] in read:
            kept = onnx.NodeProto()
            kept.CopyFrom(node)
            kept.output[1] = w.unused(node.output[1])
            w.nodes.append(kept)
        if len(node.output) > place and node.output[place]:
            w.write("Identity", [score], node.output[place])
        return True

    return replace_nodes(proto, rewrite)


def _floats(values: Any) -> Array:
    return np.asarray(values, dtype=np.float32)


def _text(a: dict[str, Any], name: str, default: str) -> str:
    value = a.get(name, default.encode())
    return value.decode() if isinstance(value, bytes) else str(value)


def _input(w: Writer, name: str) -> str:
    """Input in single precision, in which these operators compute."""
    return name if w.kind(name) == TensorProto.FLOAT else w.op("Cast", name, to=TensorProto.FLOAT)


def _one(w: Writer, value: float) -> str:
    return w.constant(np.float32(value))


# --- features ------------------------------------------------------------------------------------


def _scaler(w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> str:
    """(x − offset) · scale."""
    x = _input(w, node.input[0])
    moved = w.op("Sub", x, w.constant(_floats(a.get("offset", [0.0]))))
    return w.op("Mul", moved, w.constant(_floats(a.get("scale", [1.0]))))


def _normalizer(w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> str:
    """x over the maximum, Σ|x| or √Σx² of its row; a row whose norm is 0 stays as it is."""
    x, norm, last = _input(w, node.input[0]), _text(a, "norm", "MAX"), w.constant(np.array([-1]))
    if norm == "MAX":
        size = w.op("ReduceMax", x, last, keepdims=1)
    elif norm == "L1":
        size = w.op("ReduceSum", w.op("Abs", x), last, keepdims=1)
    else:
        size = w.op("Sqrt", w.op("ReduceSum", w.op("Mul", x, x), last, keepdims=1))
    empty = w.op("Equal", size, _one(w, 0.0))
    return w.op("Div", x, w.op("Where", empty, _one(w, 1.0), size))


def _imputer(w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> str | None:
    """A constant where x is missing, else x."""
    if "imputed_value_floats" not in a:
        return None
    x, missing = _input(w, node.input[0]), float(a.get("replaced_value_float", 0.0))
    where = w.op("IsNaN", x) if np.isnan(missing) else w.op("Equal", x, _one(w, missing))
    return w.op("Where", where, w.constant(_floats(a["imputed_value_floats"])), x)


def _extractor(w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> str | None:
    """x at places along the last axis."""
    places, shape = w.value(node.input[1]), w.shape(node.input[0])
    if places is None or shape is None or len(shape) < 2:
        return None
    return w.op("Gather", node.input[0], w.constant(places.reshape(-1)), axis=len(shape) - 1)


def _vectorizer(w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> str | None:
    """All inputs side by side."""
    if any(len(w.shape(name) or ()) != 2 for name in node.input):
        return None
    return w.op("Concat", *(_input(w, name) for name in node.input), axis=1)


# --- models --------------------------------------------------------------------------------------


def _transformed(w: Writer, scores: str, how: str) -> str | None:
    if how == "NONE":
        return scores
    if how == "LOGISTIC":
        return w.op("Sigmoid", scores)
    if how == "SOFTMAX":
        return w.op("Softmax", scores, axis=1)
    return None


def _two_classes(w: Writer, s: str, how: str, *, signed: bool) -> str | None:
    """Scores of two classes from the score s of the second one.

    (σ(−s), σ(s)) with a logistic transform, else (1 − s, s); (−s, s) where s is ``signed``, the
    distance from a boundary, and not transformed.
    """
    if how == "LOGISTIC":
        s = w.op("Sigmoid", s)
    elif how not in ("NONE", "SOFTMAX", "SOFTMAX_ZERO"):
        return None
    negative = signed and how == "NONE"
    other = w.op("Neg", s) if negative else w.op("Sub", _one(w, 1.0), s)
    return w.op("Concat", other, s, axis=1)


def _affine(w: Writer, x: str, weight: Array, bias: Any) -> str:
    product = w.op("MatMul", x, w.constant(_floats(weight)))
    return w.op("Add", product, w.constant(_floats(bias))) if len(bias) else product


def _classes(a: dict[str, Any]) -> int:
    return max(len(a.get("classlabels_ints") or []), len(a.get("classlabels_strings") or []))


def _linear_classifier(w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> str | None:
    """x·w_c + b_c for each class; a single score for two classes is that of the second one."""
    bias = list(a.get("intercepts") or [])
    count = len(bias) or _classes(a)
    coefficients = _floats(a["coefficients"])
    shape = w.shape(node.input[0])
    # onnxruntime reads as many coefficients as the input is wide, even if there are more
    width = shape[-1] if shape and shape[-1] > 0 else len(coefficients) // count
    if width * count > len(coefficients):
        return None
    weight = coefficients[: count * width].reshape(count, width).T
    scores = _affine(w, _input(w, node.input[0]), weight, bias)
    how = _text(a, "post_transform", "NONE")
    if count == 1 and _classes(a) == 2:
        return _two_classes(w, scores, how, signed=False)
    return _transformed(w, scores, how)


def _regression(w: Writer, scores: str, targets: int, how: str) -> str | None:
    """Scores of a regression, transformed where there are several; a single one is not."""
    if targets == 1:
        return None if how == "PROBIT" else scores
    return _transformed(w, scores, how)


def _linear_regressor(w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> str | None:
    """x·w_t + b_t for each target."""
    targets = int(a.get("targets", 1))
    weight = _floats(a["coefficients"]).reshape(targets, -1).T
    scores = _affine(w, _input(w, node.input[0]), weight, list(a.get("intercepts") or []))
    return _regression(w, scores, targets, _text(a, "post_transform", "NONE"))


def _kernel(w: Writer, x: str, a: dict[str, Any], vectors: Array) -> str:
    """K(x, s) for each support vector, (N, S)."""
    kind = _text(a, "kernel_type", "LINEAR")
    gamma, offset, degree = [*(a.get("kernel_params") or []), 0.0, 0.0, 0.0][:3]
    if kind == "RBF":
        # |x − s|² = |x|² − 2x·s + |s|², both measured from the mean of the support vectors so that
        # less cancels; the graph subtracts the mean, which is exact once it is promoted
        middle, last = w.constant(vectors.mean(axis=0)), w.constant(np.array([1]))
        x, near = w.op("Sub", x, middle), w.op("Sub", w.constant(vectors), middle)
        square = w.op("ReduceSum", w.op("Mul", x, x), last, keepdims=1)
        size = w.op("ReduceSum", w.op("Mul", near, near), last, keepdims=0)
        twice = w.op("Mul", w.op("Transpose", near, perm=[1, 0]), _one(w, -2.0))
        cross = w.op("Add", w.op("MatMul", x, twice), size)
        return w.op("Exp", w.op("Mul", w.op("Add", square, cross), _one(w, -gamma)))
    product = w.op("MatMul", x, w.constant(_floats(vectors.T)))
    if kind == "LINEAR":
        return product
    inner = w.op("Add", w.op("Mul", product, _one(w, gamma)), _one(w, offset))
    return w.op("Tanh", inner) if kind == "SIGMOID" else w.op("Pow", inner, _one(w, degree))


def _svm_regressor(w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> str | None:
    """Σ α_s K(x, s) + ρ."""
    count, coefficients = int(a.get("n_supports", 0)), _floats(a["coefficients"])
    if a.get("one_class") or not count:
        return None  # one_class puts out a sign; without vectors, onnxruntime does not run it
    vectors = _floats(a["support_vectors"]).reshape(count, -1)
    kernels = _kernel(w, _input(w, node.input[0]), a, vectors)
    score = _affine(w, kernels, coefficients.reshape(-1, 1), list(a["rho"])[:1])
    return _regression(w, score, 1, _text(a, "post_transform", "NONE"))


def _svm_classifier(w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> str | None:
    """Σ α^b_s K(x, s) + Σ α^a_s K(x, s) + ρ for each pair of classes a < b.

    The first sum is over the support vectors of a, the second over those of b. Nodes that put out
    probabilities stay as they are: onnxruntime computes these by iterations that end early.
    """
    how, per_class = _text(a, "post_transform", "NONE"), list(a.get("vectors_per_class") or [])
    classes = _classes(a)
    if not per_class or len(per_class) != classes or a.get("prob_a"):
        return None
    vectors = _floats(a["support_vectors"]).reshape(sum(per_class), -1)
    alphas = _floats(a["coefficients"]).reshape(classes - 1, -1)
    ends = np.cumsum([0, *per_class])
    pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
    weight = np.zeros((len(vectors), len(pairs)), dtype=np.float32)
    for p, (i, j) in enumerate(pairs):
        first, second = slice(ends[i], ends[i + 1]), slice(ends[j], ends[j + 1])
        weight[first, p], weight[second, p] = alphas[j - 1, first], alphas[i, second]
    kernels = _kernel(w, _input(w, node.input[0]), a, vectors)
    scores = _affine(w, kernels, weight, list(a["rho"])[: len(pairs)])
    if classes == 2:
        return _two_classes(w, scores, how, signed=True)
    return _transformed(w, scores, how)


WRITERS: dict[str, Callable[[Writer, onnx.NodeProto, dict[str, Any]], str | None]] = {
    "Scaler": _scaler,
    "Normalizer": _normalizer,
    "Imputer": _imputer,
    "ArrayFeatureExtractor": _extractor,
    "FeatureVectorizer": _vectorizer,
    "LinearClassifier": _linear_classifier,
    "LinearRegressor": _linear_regressor,
    "SVMRegressor": _svm_regressor,
    "SVMClassifier": _svm_classifier,
}
