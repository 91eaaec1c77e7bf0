"""Operators of ai.onnx.ml written out give what onnxruntime's own kernels give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from onnxtaylor.compiler import missing_rules
from onnxtaylor.graph.normalize.classical import expand_classical
from tests.graph.passes import Array, kinds, model, same
from tests.rules.reference import function_of

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(6, 4)).astype(np.float32)
GAPS = X.copy()
GAPS[1, 2], GAPS[2, 1], GAPS[3] = np.nan, -999, 0
KERNELS = ["LINEAR", "RBF", "POLY", "SIGMOID"]


def some(*shape: int) -> list[float]:
    return RANDOM.normal(size=int(np.prod(shape))).astype(np.float32).tolist()


def expanded(kind: str, x: Array = X, constants: Any = None, **attributes: Any) -> None:
    """The node is gone, the values are the same, and every node that is there has a rule."""
    constants = constants or {}
    outputs = ["label", "y"] if kind.endswith("Classifier") else ["y"]
    inputs = ["x", *constants]
    proto = model(f"ai.onnx.ml:{kind}", x, constants, inputs, outputs, **attributes)
    after = same(proto, expand_classical, x)
    assert kind not in kinds(after)
    assert missing_rules(function_of(after)) == []


def kept(kind: str, **attributes: Any) -> None:
    outputs = ["label", "y"] if kind.endswith("Classifier") else ["y"]
    proto = model(f"ai.onnx.ml:{kind}", X, {}, ["x"], outputs, **attributes)
    assert expand_classical(proto) is proto


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaler(size: int, dtype: type):
    expanded("Scaler", X.astype(dtype), offset=some(size), scale=some(size))


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_normalizer_and_a_row_of_zeros(norm: str):
    expanded("Normalizer", np.nan_to_num(GAPS), norm=norm)


@pytest.mark.parametrize("missing", [float("nan"), -999.0])
@pytest.mark.parametrize("size", [1, 4])
def test_imputer(missing: float, size: int):
    x = GAPS if np.isnan(missing) else np.nan_to_num(GAPS)
    expanded("Imputer", x, imputed_value_floats=some(size), replaced_value_float=missing)


def test_features_chosen_and_joined():
    expanded("ArrayFeatureExtractor", constants={"places": np.array([2, 0, 0])})
    expanded("FeatureVectorizer", inputdimensions=[4])


@pytest.mark.parametrize("how", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize(("classes", "rows"), [(3, 3), (2, 2), (2, 1)])
def test_linear_classifier(how: str, classes: int, rows: int):
    expanded(
        "LinearClassifier",
        classlabels_ints=list(range(classes)),
        coefficients=some(rows, 4),
        intercepts=some(rows),
        post_transform=how,
    )


@pytest.mark.parametrize("how", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("targets", [1, 2])
def test_linear_regressor(how: str, targets: int):
    weights = {"coefficients": some(targets, 4), "intercepts": some(targets)}
    expanded("LinearRegressor", targets=targets, post_transform=how, **weights)


def machine(classes: int) -> dict[str, Any]:
    per_class = [2, 3, 2][:classes]
    count = sum(per_class)
    return {
        "classlabels_ints": list(range(classes)),
        "vectors_per_class": per_class,
        "coefficients": some(classes - 1, count),
        "support_vectors": some(count, 4),
        "rho": some(classes * (classes - 1) // 2),
        "kernel_params": [0.3, 0.2, 3.0],
    }


@pytest.mark.parametrize("kernel", KERNELS)
def test_support_vector_regressor(kernel: str):
    expanded(
        "SVMRegressor",
        n_supports=5,
        coefficients=some(5),
        support_vectors=some(5, 4),
        rho=some(1),
        kernel_type=kernel,
        kernel_params=[0.3, 0.2, 3.0],
    )


@pytest.mark.parametrize("how", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kernel", KERNELS)
def test_support_vector_classifier(kernel: str, classes: int, how: str):
    expanded("SVMClassifier", kernel_type=kernel, post_transform=how, **machine(classes))


def test_what_is_iterated_or_a_step_is_left_as_it_is():
    kept("SVMClassifier", kernel_type="RBF", prob_a=[0.4], prob_b=[0.1], **machine(2))
    linear = {"coefficients": some(4), "intercepts": some(1)}
    kept("LinearRegressor", post_transform="PROBIT", **linear)


def test_a_label_that_is_read_is_kept():
    proto = model(
        "ai.onnx.ml:LinearClassifier",
        X,
        {},
        ["x"],
        ["label", "y"],
        ["label", "y"],
        ranks={"label": 1},
        classlabels_ints=[4, 7],
        coefficients=some(2, 4),
        intercepts=some(2),
    )
    after = same(proto, expand_classical, X)
    assert "MatMul" in kinds(after)
