"""Pipelines of scikit-learn as skl2onnx exports them, from the data that trained them.

Derivatives against those of the fitted numbers, written in PyTorch in float64.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import ModelError
from onnxtaylor.options import ModelOptions

pd = pytest.importorskip("pandas", reason="pipelines take data frames")
torch = pytest.importorskip("torch", reason="PyTorch differentiates the fitted numbers")
pytest.importorskip("sklearn", reason="scikit-learn makes the pipelines")
skl2onnx = pytest.importorskip("skl2onnx", reason="scikit-learn exports through skl2onnx")

from skl2onnx.common import data_types as kinds  # noqa: E402
from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.neural_network import MLPClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402
from sklearn.svm import SVC  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")
NUMBERS, WHOLE, TEXTS = ["age", "income", "debt"], ["children"], ["city", "job"]
UNITS = {"scale": "unit", "bootstrap": 0, "output": "probabilities"}


@cache
def people():
    """A data frame with text, whole and missing numbers, and what is to be predicted."""
    random, n = np.random.default_rng(0), 240
    frame = pd.DataFrame(
        {
            "job": random.choice(["a", "b"], n),
            "age": random.normal(40, 10, n).astype("f4"),
            "income": random.exponential(size=n).astype("f4"),
            "city": random.choice(["Rome", "Oslo", "Paris"], n),
            "debt": random.normal(size=n).astype("f4"),
            "children": random.integers(0, 5, n),
        }
    )
    score = (frame.age - 40) / 10 + frame.debt * (frame.city == "Oslo") + frame.children / 3
    frame.loc[random.random(n) < 0.1, "income"] = np.nan
    return frame, np.asarray(score + random.normal(size=n) / 3 > 0.7)


def network(**more):
    return MLPClassifier((6,), activation="tanh", max_iter=300, random_state=0, **more)


@cache
def pipeline():
    frame, label = people()
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer(
        [("n", numbers, NUMBERS), ("w", StandardScaler(), WHOLE), ("t", OneHotEncoder(), TEXTS)]
    )
    return make_pipeline(columns, network()).fit(frame, label)


def pipeline_model():
    types = [(name, kinds.FloatTensorType([None, 1])) for name in NUMBERS]
    types += [(name, kinds.Int64TensorType([None, 1])) for name in WHOLE]
    types += [(name, kinds.StringTensorType([None, 1])) for name in TEXTS]
    more = {"options": {"zipmap": False}, "target_opset": 17}
    return skl2onnx.convert_sklearn(pipeline(), initial_types=types, **more)


def respond(net, z):
    """σ(tanh(z W + b) v + c) of rows z, with the numbers of a fitted network."""
    (w, v), (b, c) = ([torch.from_numpy(a) for a in part] for part in (net.coefs_, net.intercepts_))
    return torch.sigmoid(torch.tanh(z @ w + b) @ v + c)[..., 0]


def derivatives(f, x):
    """Gradient (B, n) and Hessian (B, n, n) of f at events."""
    rows = [torch.from_numpy(np.asarray(row, np.float64)) for row in x]
    jacobian = [torch.autograd.functional.jacobian(f, row).numpy() for row in rows]
    hessian = [torch.autograd.functional.hessian(f, row).numpy() for row in rows]
    return np.stack(jacobian), np.stack(hessian)


def apart(found, wanted):
    assert found.shape == wanted.shape
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


def of_people(frame):
    """Derivatives of the pipeline's second class by NUMBERS; by missing ones they are 0."""
    columns, net = pipeline().named_steps.values()
    imputer, scaler = columns.named_transformers_["n"].named_steps.values()
    rest = columns.transform(frame)[:, len(NUMBERS) :]
    x = frame[NUMBERS].to_numpy(np.float64)
    filled = np.where(np.isnan(x), imputer.statistics_, x)
    parts = []
    for row, others in zip(filled, rest, strict=True):
        tail = torch.from_numpy(others)

        def f(row, tail=tail):
            z = (row - torch.from_numpy(scaler.mean_)) / torch.from_numpy(scaler.scale_)
            return respond(net, torch.cat([z, tail]))

        parts.append(derivatives(f, row[None]))
    jacobian, hessian = (np.concatenate(part) for part in zip(*parts, strict=True))
    there = ~np.isnan(x)
    return jacobian * there, hessian * there[:, :, None] * there[:, None]


def test_a_pipeline_works_from_the_frame_that_trained_it():
    """Texts and whole numbers are found by their names, whatever the order of the columns."""
    frame = people()[0]
    result = ot.analyze(
        pipeline_model(), frame, missing=float("nan"), curvature="pointwise", **UNITS
    )
    jacobian, hessian = of_people(frame)
    first, second = np.triu_indices(3)
    terms = np.where(first == second, 0.5, 1.0) * hessian[:, first, second]
    expected = np.abs(np.concatenate([jacobian, terms], axis=1)).mean(axis=0)
    np.testing.assert_allclose(result.score[0, -1], expected, rtol=5e-6)
    assert [feature.name for feature in result.data.features] == NUMBERS
    roles = {entry["name"]: entry["role"] for entry in result.options["inputs"]}
    assert roles == dict.fromkeys(NUMBERS, "features") | dict.fromkeys(WHOLE + TEXTS, "context")
    assert result.check["verdict"] == "agrees"
    assert result.model.engine == "exact"


def test_derivatives_of_a_pipeline_with_one_input_per_column():
    frame = people()[0].dropna().head(30)
    problem = ot.Problem.open(pipeline_model(), frame, ModelOptions(output="probabilities"))
    inputs = {name: frame[[name]].to_numpy() for name in NUMBERS + WHOLE + TEXTS}
    found = ot.differentiate(problem)(inputs)
    jacobian, hessian = of_people(frame)
    assert apart(found.jacobian[:, -1], jacobian) < 5e-6
    assert apart(found.hessian[:, -1], hessian) < 5e-6


def test_missing_numbers_are_named():
    with pytest.raises(ot.OnnxTaylorError, match=r"column 'income' in row \d+ is NaN.*missing=nan"):
        ot.analyze(pipeline_model(), people()[0], **UNITS)


@cache
def points():
    random = np.random.default_rng(1)
    x = random.normal(size=(200, 4))
    return x, x[:, 0] * x[:, 1] + x[:, 2] + random.normal(size=200) / 3 > 0


@pytest.mark.parametrize("double", [True, False])
def test_a_calibrated_network(double):
    x, label = points()
    kind = np.float64 if double else np.float32
    calibrated = CalibratedClassifierCV(network(), cv=2).fit(x, label)
    model = skl2onnx.to_onnx(
        calibrated, x[:1].astype(kind), options={"zipmap": False}, target_opset=17
    )
    x = x[:20].astype(kind)
    found = ot.differentiate(model, output="probabilities")(x)

    def f(row):
        parts = []
        for one in calibrated.calibrated_classifiers_:
            (slope,) = one.calibrators
            z = respond(one.estimator, row)
            parts.append(torch.sigmoid(-(slope.a_ * z + slope.b_)))
        return torch.stack(parts).mean()

    jacobian, hessian = derivatives(f, x)
    close = 1e-12 if double else 5e-6
    assert apart(found.jacobian[:, 1], jacobian) < close
    assert apart(found.hessian[:, 1], hessian) < close


@cache
def machine(probability: bool):
    x, label = points()
    fitted = SVC(gamma=0.3, random_state=0, probability=probability).fit(x, label)
    options = {"zipmap": False} | ({} if probability else {"raw_scores": True})
    first = x[:1].astype("f4")
    return fitted, skl2onnx.to_onnx(fitted, first, options=options, target_opset=17)


def decision(fitted, row):
    """Σ α exp(−γ |x − s|²) + b."""
    square = ((row - torch.from_numpy(fitted.support_vectors_)) ** 2).sum(1)
    weight = torch.from_numpy(fitted.dual_coef_[0])
    return (weight * torch.exp(-0.3 * square)).sum() + float(fitted.intercept_[0])


def test_a_support_vector_machine():
    x, (fitted, model) = points()[0][:20].astype("f4"), machine(probability=False)
    found = ot.differentiate(model, output=model.graph.output[1].name)(x)
    jacobian, hessian = derivatives(lambda row: decision(fitted, row), x)
    assert apart(found.jacobian[:, -1], jacobian) < 5e-6
    assert apart(found.hessian[:, -1], hessian) < 5e-6


def coupled(fitted, row):
    """Probability of the second class as LIBSVM and onnxruntime have it: a few steps towards
    p_0 : p_1 = r_01 : r_10, which end early.
    """
    r = torch.sigmoid(-(-decision(fitted, row) * fitted.probA_[0] + fitted.probB_[0]))
    r = torch.stack([r, 1 - r])
    q = torch.stack(
        [torch.stack([r[1] ** 2, -r[0] * r[1]]), torch.stack([-r[0] * r[1], r[0] ** 2])]
    )
    p = torch.tensor([0.5, 0.5], dtype=torch.float64)
    for _ in range(100):
        qp = q @ p
        pqp = p @ qp
        if (qp - pqp).abs().max() < 0.005 / 2:
            break
        for i in range(2):
            step = (pqp - qp[i]) / q[i, i]
            pqp = (pqp + step * (step * q[i, i] + 2 * qp[i])) / (1 + step) ** 2
            qp = (qp + step * q[i]) / (1 + step)
            p = (p + step * torch.eye(2, dtype=torch.float64)[i]) / (1 + step)
    return p[1]


def test_probabilities_of_a_support_vector_machine_are_differences():
    """They come from iterations that end early, and jump where one more is made."""
    x, (fitted, model) = points()[0][:40].astype("f4"), machine(probability=True)
    with pytest.raises(ModelError, match="SVMClassifier has no rule; use engine="):
        ot.analyze(model, x, engine="exact", order=1, **UNITS)
    result = ot.analyze(model, x, order=1, **UNITS)
    assert result.model.engine == "differences"
    rows = torch.from_numpy(x.astype(np.float64))
    gradients = [torch.autograd.functional.jacobian(lambda r: coupled(fitted, r), r) for r in rows]
    expected = torch.stack(gradients).abs().mean(0).numpy()
    off = np.abs(result.score[0, -1] - expected)
    assert (off <= result.numerical_error[0, -1]).all()
    assert (off < 0.03 * expected).all()
