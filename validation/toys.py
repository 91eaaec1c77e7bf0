"""The Gaussian toys, whose ideal response and Taylor coefficients are known in closed form.

For two classes of equal prior, s = N(μ_s, Σ_s) and b = N(μ_b, Σ_b), the ideal response is

    p(x) = N(x; s) / (N(x; s) + N(x; b)) = sigmoid(g(x)),    g(z) = zᵀA z + bᵀz + c

with g the logarithm of the likelihood ratio, a quadratic. By the chain rule of the sigmoid,
p′ = p(1−p) and p″ = p(1−p)(1−2p),

    t_i = p′ ∂_i g,    t_ii = ½ (p″ (∂_i g)² + p′ ∂_ii g),    t_ij = p″ ∂_i g ∂_j g + p′ ∂_ij g

with ∂g = 2Az + b and ∂∂g = 2A. No network and no training take part, so these numbers judge any
derivative code. They hold for any number of inputs. NumPy and onnx only. The scenarios are those of
Wunsch, Friese, Wolf, Quast, Comput. Softw. Big Sci. 2 (2018) 5, arXiv:1803.08782, A to D of two
inputs, and E of three.
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
    "THREE_INPUTS",
    "Scenario",
    "closed_form",
    "coefficient_names",
    "expected_scores",
    "oracle_model",
    "quadratic",
    "sample",
    "sigmoid",
    "with_noise",
]

Floats = npt.NDArray[np.float64]


def coefficient_names(n: int) -> tuple[str, ...]:
    """t_1 … t_n, then the upper triangle t_11, t_12, … row by row.

    >>> coefficient_names(2)
    ('t_1', 't_2', 't_11', 't_12', 't_22')
    """
    first = [f"t_{i + 1}" for i in range(n)]
    second = [f"t_{i + 1}{j + 1}" for i in range(n) for j in range(i, n)]
    return (*first, *second)


COEFFICIENTS = coefficient_names(2)
GRID = 2_600_000  # points of the sum that stands for an integral


@dataclass(frozen=True, eq=False)
class Scenario:
    """Two Gaussian classes of equal prior; means have shape (n,), covariances (n, n)."""

    name: str
    signal_mean: Floats
    signal_covariance: Floats
    background_mean: Floats
    background_covariance: Floats

    @property
    def inputs(self) -> int:
        """Their number n."""
        return len(self.signal_mean)

    def pooled(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the two classes taken together, each of shape (n,).

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

THREE_INPUTS = Scenario(
    "E",
    np.array([0.5, 0.5, 0.0]),
    np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.7], [0.0, 0.7, 1.0]]),
    np.array([-0.5, -0.5, 0.0]),
    np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -0.7], [0.0, -0.7, 1.0]]),
)


def with_noise(scenario: Scenario) -> Scenario:
    """The scenario beside one more input, last: N(0, 1) in either class, related to nothing."""

    def wider(covariance: Floats) -> Floats:
        n = len(covariance)
        return np.block([[covariance, np.zeros((n, 1))], [np.zeros((1, n)), np.ones((1, 1))]])

    return Scenario(
        f"{scenario.name} and noise",
        np.append(scenario.signal_mean, 0.0),
        wider(scenario.signal_covariance),
        np.append(scenario.background_mean, 0.0),
        wider(scenario.background_covariance),
    )


def sample(
    scenario: Scenario, events: int, rng: np.random.Generator
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Events x, shape (events, n), and labels, 1 for signal; half of either, signal first.

    An odd event more goes to the background.
    """
    labels = (np.arange(events) < events // 2).astype(np.int64)
    x = rng.standard_normal((events, scenario.inputs))
    for label, mean, covariance in (
        (1, scenario.signal_mean, scenario.signal_covariance),
        (0, scenario.background_mean, scenario.background_covariance),
    ):
        chosen = labels == label
        x[chosen] = mean + x[chosen] @ np.linalg.cholesky(covariance).T
    return x, labels


def quadratic(scenario: Scenario, mean: Floats, std: Floats) -> tuple[Floats, Floats, float]:
    """A (n, n), b (n,), c of g(z) = zᵀA z + bᵀz + c in standardized inputs z = (x − mean)/std.

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
    """t_1, …, t_n, t_11, t_12, …, t_nn of p = sigmoid(g) at each event, each of shape (events,)."""
    z, n = x_standardized, len(b)
    p = sigmoid(np.einsum("ki,ij,kj->k", z, A, z) + z @ b + c)
    first = p * (1 - p)
    second = first * (1 - 2 * p)
    slope = (2 * z @ A + b).T
    values = [first * slope[i] for i in range(n)]
    for i in range(n):
        for j in range(i, n):
            derivative = second * slope[i] * slope[j] + first * 2 * A[i, j]
            values.append(derivative / 2 if i == j else derivative)
    return dict(zip(coefficient_names(n), values, strict=True))


def expected_scores(
    scenario: Scenario, points: int | None = None, reach: float | None = None
) -> Floats:
    """∫ |t_α(z(x))| ½(N(x; s) + N(x; b)) dx in the order of ``coefficient_names``.

    What ⟨t⟩ tends to for ever more events, standardized with the mean and standard deviation of
    the pooled population. A sum over a grid of pointsⁿ on [−reach, reach]ⁿ: 2.6 million in all,
    7.5 of the largest standard deviation beyond the farthest mean, unless told otherwise. The grid
    is rotated: kinks of |t| along its axes would leave errors of 1e-3 for three inputs. So they
    are 3e-6 at most, and 2e-5 for three (against ten and six times the points).
    """
    n = scenario.inputs
    if points is None:
        points = int(GRID ** (1 / n))
    if reach is None:
        widest = max(scenario.signal_covariance.max(), scenario.background_covariance.max())
        farthest = max(abs(scenario.signal_mean).max(), abs(scenario.background_mean).max())
        reach = float(farthest + 7.5 * np.sqrt(widest))
    axis = np.linspace(-reach, reach, points)
    rotation = np.linalg.qr(np.vander(np.sqrt(np.arange(2.0, n + 2)), increasing=True))[0]
    rest = np.stack(np.meshgrid(*[axis] * (n - 1), indexing="ij"), axis=-1).reshape(-1, n - 1)
    mean, std = scenario.pooled()
    form = quadratic(scenario, mean, std)
    sums, total = np.zeros(n * (n + 3) // 2), 0.0
    for value in axis:  # slice by slice: a grid of three inputs would fill the memory
        x = np.column_stack([np.full(len(rest), value), rest]) @ rotation
        density = normal(x, scenario.signal_mean, scenario.signal_covariance)
        density += normal(x, scenario.background_mean, scenario.background_covariance)
        t = closed_form((x - mean) / std, *form)
        sums += [abs(values) @ density for values in t.values()]
        total += density.sum()
    return np.asarray(sums / total)


def normal(x: Floats, mean: Floats, covariance: Floats) -> Floats:
    """N(x; μ, Σ) of rows x, shape (events,)."""
    d = x - mean
    exponent = np.einsum("ki,ij,kj->k", d, np.linalg.inv(covariance), d) / -2
    return np.asarray(np.exp(exponent) / np.sqrt(np.linalg.det(2 * np.pi * covariance)))


def oracle_model(
    A: Floats, b: Floats, c: float, dtype: npt.DTypeLike = np.float64
) -> onnx.ModelProto:
    """p = sigmoid(zᵀA z + bᵀz + c) as an ONNX graph: ``x`` [events, n] → ``p`` [events, 1].

    Of operators that onnxruntime's CPU has for float32 and float64 both.
    """
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    constants = {
        "A": A,
        "b": np.reshape(b, (-1, 1)),
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
        [helper.make_tensor_value_info("x", element, ["events", len(b)])],
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
