"""The four Gaussian toys, whose ideal response and Taylor coefficients are known in closed form.

For two classes of equal prior, s = N(μ_s, Σ_s) and b = N(μ_b, Σ_b), the ideal response is

    p(x) = N(x; s) / (N(x; s) + N(x; b)) = sigmoid(g(x)),    g(z) = zᵀA z + bᵀz + c

with g the logarithm of the likelihood ratio, a quadratic. By the chain rule of the sigmoid,
p′ = p(1−p) and p″ = p(1−p)(1−2p),

    t_i = p′ ∂_i g,    t_ii = ½ (p″ (∂_i g)² + p′ ∂_ii g),    t_ij = p″ ∂_i g ∂_j g + p′ ∂_ij g

with ∂g = 2Az + b and ∂∂g = 2A. No network and no training take part, so these numbers judge any
derivative code. NumPy and onnx only. The scenarios are those of Wunsch, Friese, Wolf, Quast,
Comput. Softw. Big Sci. 2 (2018) 5, arXiv:1803.08782.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

__all__ = [
    "COEFFICIENTS",
    "SCENARIOS",
    "Scenario",
    "closed_form",
    "expected_scores",
    "oracle_model",
    "quadratic",
    "sample",
    "sigmoid",
]

Floats = npt.NDArray[np.float64]

COEFFICIENTS = ("t_1", "t_2", "t_11", "t_12", "t_22")


@dataclass(frozen=True, eq=False)
class Scenario:
    """Two Gaussian classes of equal prior; means have shape (2,), covariances (2, 2)."""

    name: str
    signal_mean: Floats
    signal_covariance: Floats
    background_mean: Floats
    background_covariance: Floats

    def pooled(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the two classes taken together, each of shape (2,).

        Mean ½(μ_s + μ_b), variance ½(σ_s² + σ_b²) + ¼(μ_s − μ_b)².
        """
        within = np.diag(self.signal_covariance + self.background_covariance) / 2
        between = (self.signal_mean - self.background_mean) ** 2 / 4
        return (self.signal_mean + self.background_mean) / 2, np.sqrt(within + between)


def correlated(rho: float, variance: float = 1.0) -> Floats:
    """Covariance [[v, ρv], [ρv, v]]."""
    return variance * np.array([[1.0, rho], [rho, 1.0]])


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("A", np.full(2, 0.5), correlated(0.0), np.full(2, -0.5), correlated(0.0)),
        Scenario("B", np.zeros(2), correlated(0.5), np.zeros(2), correlated(-0.5)),
        Scenario("C", np.full(2, 0.5), correlated(0.5), np.full(2, -0.5), correlated(-0.5)),
        Scenario("D", np.zeros(2), correlated(0.0, 0.5), np.zeros(2), correlated(0.0, 3.0)),
    )
}


def sample(
    scenario: Scenario, events: int, rng: np.random.Generator
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Events x, shape (events, 2), and labels, 1 for signal; half of either, signal first.

    An odd event more goes to the background.
    """
    labels = (np.arange(events) < events // 2).astype(np.int64)
    x = rng.standard_normal((events, 2))
    for label, mean, covariance in (
        (1, scenario.signal_mean, scenario.signal_covariance),
        (0, scenario.background_mean, scenario.background_covariance),
    ):
        chosen = labels == label
        x[chosen] = mean + x[chosen] @ np.linalg.cholesky(covariance).T
    return x, labels


def quadratic(scenario: Scenario, mean: Floats, std: Floats) -> tuple[Floats, Floats, float]:
    """A (2, 2), b (2,), c of g(z) = zᵀA z + bᵀz + c in standardized inputs z = (x − mean)/std.

    With precisions P = Σ⁻¹, in x:  A = ½(P_b − P_s),  b = P_s μ_s − P_b μ_b,
    c = ½(μ_bᵀP_b μ_b − μ_sᵀP_s μ_s + log(det Σ_b / det Σ_s)).
    """
    s, b = scenario.signal_mean, scenario.background_mean
    precision_s = np.linalg.inv(scenario.signal_covariance)
    precision_b = np.linalg.inv(scenario.background_covariance)
    curvature = (precision_b - precision_s) / 2
    slope = precision_s @ s - precision_b @ b
    log_det = np.linalg.slogdet(scenario.background_covariance)[1]
    log_det -= np.linalg.slogdet(scenario.signal_covariance)[1]
    constant = (b @ precision_b @ b - s @ precision_s @ s + log_det) / 2
    return (
        std[:, None] * curvature * std,
        std * (2 * curvature @ mean + slope),
        float(mean @ curvature @ mean + slope @ mean + constant),
    )


def sigmoid(g: Floats) -> Floats:
    """1/(1 + exp(−g)), without overflow."""
    small = np.exp(-abs(g))
    return np.asarray(np.where(g >= 0, 1.0, small) / (1 + small))


def closed_form(x_standardized: Floats, A: Floats, b: Floats, c: float) -> dict[str, Floats]:
    """t_1, t_2, t_11, t_12, t_22 of p = sigmoid(g) at each event, each of shape (events,)."""
    z = x_standardized
    p = sigmoid(np.einsum("ki,ij,kj->k", z, A, z) + z @ b + c)
    first = p * (1 - p)
    second = first * (1 - 2 * p)
    g_1, g_2 = (2 * z @ A + b).T
    return {
        "t_1": first * g_1,
        "t_2": first * g_2,
        "t_11": (second * g_1**2 + first * 2 * A[0, 0]) / 2,
        "t_12": second * g_1 * g_2 + first * 2 * A[0, 1],
        "t_22": (second * g_2**2 + first * 2 * A[1, 1]) / 2,
    }


def expected_scores(scenario: Scenario, points: int = 1601, reach: float = 13.0) -> Floats:
    """∫ |t_α(z(x))| ½(N(x; s) + N(x; b)) dx in the order of COEFFICIENTS, shape (5,).

    What ⟨t⟩ tends to for ever more events, standardized with the mean and standard deviation of
    the pooled population. A sum over a grid of points × points on [−reach, reach]²; the kinks of
    |t| leave an error of about 1e-5 (half the points change the result by up to 2.5e-5).
    """
    axis = np.linspace(-reach, reach, points)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    density = normal(x, scenario.signal_mean, scenario.signal_covariance)
    density += normal(x, scenario.background_mean, scenario.background_covariance)
    mean, std = scenario.pooled()
    t = closed_form((x - mean) / std, *quadratic(scenario, mean, std))
    return np.asarray(np.array([abs(t[name]) @ density for name in COEFFICIENTS]) / density.sum())


def normal(x: Floats, mean: Floats, covariance: Floats) -> Floats:
    """N(x; μ, Σ) of rows x, shape (events,)."""
    d = x - mean
    exponent = np.einsum("ki,ij,kj->k", d, np.linalg.inv(covariance), d) / -2
    return np.asarray(np.exp(exponent) / (2 * np.pi * np.sqrt(np.linalg.det(covariance))))


def oracle_model(
    A: Floats, b: Floats, c: float, dtype: npt.DTypeLike = np.float64
) -> onnx.ModelProto:
    """p = sigmoid(zᵀA z + bᵀz + c) as an ONNX graph: ``x`` [events, 2] → ``p`` [events, 1].

    Of operators that onnxruntime's CPU has for float32 and float64 both.
    """
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    constants = {
        "A": A,
        "b": np.reshape(b, (2, 1)),
        "c": np.reshape(c, (1, 1)),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "A"], ["xA"]),
        helper.make_node("Mul", ["xA", "x"], ["products"]),
        helper.make_node("ReduceSum", ["products", "axis"], ["quadratic"], keepdims=1),
        helper.make_node("MatMul", ["x", "b"], ["linear"]),
        helper.make_node("Add", ["quadratic", "linear"], ["homogeneous"]),
        helper.make_node("Add", ["homogeneous", "c"], ["g"]),
        helper.make_node("Sigmoid", ["g"], ["p"]),
    ]
    graph = helper.make_graph(
        nodes,
        "oracle",
        [helper.make_tensor_value_info("x", element, ["events", 2])],
        [helper.make_tensor_value_info("p", element, ["events", 1])],
        [
            *(numpy_helper.from_array(value.astype(dtype), k) for k, value in constants.items()),
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
        ],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=10,
        producer_name="onnxtaylor validation.toys",
    )
    onnx.checker.check_model(model, full_check=True)
    return model
