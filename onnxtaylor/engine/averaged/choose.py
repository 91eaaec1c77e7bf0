"""Whether second order must be averaged over steps: whether kinks matter on the data.

Along a step of feature i, from l to u, the mean of ∂²f/∂x_i∂x_j with all kinks between is

    m = [∂_j f(u) − ∂_j f(l)] / (u − l)

and without kinks, by Simpson's rule from second derivatives at the ends and in the middle,

    s = [H_ij(l) + 4 H_ij(middle) + H_ij(u)] / 6.

Kinks matter if ⟨abs(m − s)⟩ over some events is more than 5 % of ⟨abs(m)⟩ for a coefficient that
is not small: a tenth of the largest of its response at least, in units of spread. A Where that
replaces −999 and a Clip beyond the data are never crossed, so there m = s, whatever the operator is
called.

These steps are a 16th as wide as those of averaged coefficients, in quantiles of the features,
which sentinels do not stretch. On the average kinks make the same share of steps of any width;
where H jumps, as behind an Elu, Simpson's rule is the better the narrower they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.engine.averaged.steps import CurvatureSteps
from onnxtaylor.engine.base import Engine
from onnxtaylor.errors import join_names

__all__ = ["CurvatureChoice", "Kinks", "find_kinks", "measure_kinks"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MATTERS = 0.05  # share of a coefficient that kinks make
SIZEABLE = 0.1  # of the response's largest coefficient of second order
LINEAR = 1e-3  # of its largest of first order: below is round-off of what is linear
STEPS, FEWEST_STEPS = 2**10, 16  # that are looked at
EVALUATIONS = 2**18  # of the model, where a coefficient takes many
NUMBERS = 2**24  # coefficients that are held at a time
MOST_NUMBERS = 2**28  # that are computed
NARROW = 2.0**-4  # of a half step
FAR = 10.0  # ranges between the quartiles
NORMAL = 0.6745  # half of the range between quartiles, in σ of a normal distribution
MOST_KINDS = 3  # operators that a line names

_SMOOTH = """
    Acos Acosh Add Asin Asinh Atan Atanh AveragePool BatchNormalization Cast Celu Concat Constant
    ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DepthToSpace Div Dropout Einsum Erf Exp
    Expand Flatten GRU Gather GatherElements Gelu Gemm GlobalAveragePool GroupNormalization
    Identity InstanceNormalization LayerNormalization Log LogSoftmax LSTM MatMul Mean Mish Mul Neg
    Pad Pow RMSNormalization Range Reciprocal ReduceLogSum ReduceLogSumExp ReduceMean ReduceProd
    ReduceSum ReduceSumSquare Reshape Shape Sigmoid Sin Sinh Size Slice Softmax Softplus Softsign
    SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tan Tanh Tile Transpose Unsqueeze
"""


@dataclass(frozen=True)
class CurvatureChoice:
    """Whether second order is averaged over steps, and why; None where it was asked for."""

    averaged: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Kinks:
    """Operators that may have kinks, in words, of one engine.

    ``evaluations`` are those of the model that one event takes.
    """

    words: str
    evaluations: int


def find_kinks(engine: Engine, proto: onnx.ModelProto) -> Kinks | None:
    """Finds operators with kinks on the way to the responses of an engine; None without any.

    The exact engine lists them. For the differences, all operators of the original graph ``proto``
    count that are not known to be smooth.
    """
    if engine.exact_responses.all():
        counted = engine.describe()["piecewise_linear"]
        assert isinstance(counted, dict)
        kinds = [f"{kind} ×{count}" for kind, count in counted.items()]
    else:
        kinds = sorted({n.op_type for n in _operators(proto.graph.node) if not _is_smooth(n)})
        kinds += [f.name for f in proto.functions][:MOST_KINDS]
    if not kinds:
        return None
    more = ", …" if len(kinds) > MOST_KINDS else ""
    return Kinks(join_names(kinds[:MOST_KINDS]) + more, engine.points)


def measure_kinks(
    engine: Engine, kinks: Kinks, steps: CurvatureSteps, x: Floats
) -> CurvatureChoice:
    """Measures at events x (S, n) of the data what kinks make of the second order.

    ``engine`` computes all pointwise coefficients up to second order. Raises ModelError where it
    fails.
    """
    x = _without_outliers(steps, x)
    share = _share_of_kinks(engine, _narrowed(steps, x), x, _number_of_steps(engine, kinks))
    percent = f"{100 * min(share, 1):.0f} %" if share >= 0.01 else "1 %"
    if share > MATTERS:
        reason = f"kinks of {kinks.words} make up to {percent} of a coefficient"
        return CurvatureChoice(True, reason)
    reason = f"kinks of {kinks.words} make at most {percent} of a coefficient"
    return CurvatureChoice(False, reason)


def _is_smooth(node: onnx.NodeProto) -> bool:
    """Whether the slope of an operator has no jump."""
    alpha = next((a.f for a in node.attribute if a.name == "alpha"), 1.0)
    return node.op_type in _SMOOTH.split() or (node.op_type == "Elu" and alpha == 1)


def _operators(nodes: Iterable[onnx.NodeProto]) -> Iterable[onnx.NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            yield from _operators(attribute.g.node)


def _number_of_steps(engine: Engine, kinks: Kinks) -> int:
    """Returns the number of steps that may be looked at, each with three events to evaluate."""
    size = len(engine.indices) * len(engine.exact_responses)
    most = min(EVALUATIONS // kinks.evaluations, MOST_NUMBERS // size) // 3
    return int(np.clip(most, FEWEST_STEPS, STEPS))


def _without_outliers(steps: CurvatureSteps, x: Floats) -> Floats:
    """Leaves out events with missing entries or values far from all others, if others are left.

    At a sentinel a response may jump: it is a point of its own, from which no step is taken.
    """
    absent = ~np.isfinite(x)
    if steps.absent is not None:
        absent |= steps.absent(x)
    values = np.where(absent, np.nan, x)
    values[:, absent.all(axis=0)] = 0.0
    low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=0)
    far = (high > low) & (np.abs(x - middle) > FAR * (high - low))
    kept = ~(absent | far)[:, steps.features].any(axis=1)
    return x[kept] if kept.sum() >= FEWEST_STEPS else x


def _narrowed(steps: CurvatureSteps, x: Floats) -> CurvatureSteps:
    """Shortens steps to a 16th of what they are on the events x, whatever their outliers."""
    low, high = np.nanquantile(np.where(np.isfinite(x), x, 0.0), [0.25, 0.75], axis=0)
    half = 0.35 * (high - low) / (2 * NORMAL)
    moves = steps.moves
    shorter = NARROW * np.where(half > 0, np.minimum(half, moves.steps), moves.steps)
    shorter = np.where(moves.whole, moves.steps, shorter)
    return replace(steps, moves=replace(moves, steps=shorter))


def _share_of_kinks(engine: Engine, steps: CurvatureSteps, x: Floats, number: int) -> float:
    """Computes the largest ⟨abs(m − s)⟩ / ⟨abs(m)⟩ of the coefficients that are not small."""
    own, outputs = steps.features, len(engine.exact_responses)
    n = len(steps.moves.features)
    random = np.random.default_rng(0)
    features = np.resize(random.permutation(len(own)), number)  # places among those that move
    events = random.integers(0, len(x), number)
    means, apart, slopes = (np.zeros((outputs, len(own), n)) for _ in range(3))
    counts = np.zeros(len(own))
    unit = np.where(steps.moves.steps > 0, steps.moves.steps, 0.0)[:n]
    size = max(1, NUMBERS // (3 * outputs * len(engine.indices)))
    table = _hessian_slots(engine)
    for start in range(0, number, size):
        part = slice(start, start + size)
        a, centres = features[part], x[events[part]]
        rows, widths = _rows(steps, centres, a)
        answer = engine.coefficients(rows.reshape(-1, x.shape[1]))
        terms = answer.terms.reshape(len(a), 3, outputs, -1)
        slots = table[own[a]][:, None, None]  # of t_ij of the stepped feature
        picked = np.take_along_axis(terms, slots, axis=3)
        twice = np.where(np.arange(n) == own[a][:, None], 2.0, 1.0)[:, None]
        smooth = (picked[:, 0] + 4 * picked[:, 1] + picked[:, 2]) / 6 * twice
        gradients = terms[..., :n]
        with np.errstate(invalid="ignore"):
            mean = (gradients[:, 2] - gradients[:, 0]) * widths[:, None, None]
            fine = np.isfinite(mean + smooth).all(axis=(1, 2)) & (widths > 0)
        for k in np.flatnonzero(fine):
            means[:, a[k]] += np.abs(mean[k])
            apart[:, a[k]] += np.abs(mean[k] - smooth[k])
            slopes[:, a[k]] += np.abs(gradients[k, 1])
            counts[a[k]] += 1
    used = counts > 0
    if not used.any():
        return 0.0
    means, apart, slopes = (
        table[:, used] / counts[used][:, None] * unit for table in (means, apart, slopes)
    )
    means, apart = (table * unit[own[used]][:, None] for table in (means, apart))
    floor = np.maximum(SIZEABLE * means.max(axis=(1, 2)), LINEAR * slopes.max(axis=(1, 2)))[
        :, None, None
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.nan_to_num(apart / np.maximum(means, floor)).max())


def _rows(steps: CurvatureSteps, x: Floats, a: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Places lower end, middle and upper end (R, 3, n) of a step of each event, and 1 / widths."""
    places, feature, rows = steps.places(x), steps.features[a], np.arange(len(x))
    points = np.repeat(places.centres[:, None], 3, axis=1)
    upper, lower = places.ends[rows, a, 0], places.ends[rows, a, 1]
    points[rows, 0, feature], points[rows, 2, feature] = lower, upper
    points[rows, 1, feature] = (lower + upper) / 2
    return points, places.inverse_widths[rows, a]


def _hessian_slots(engine: Engine) -> npt.NDArray[np.int64]:
    """Returns the places (n, n) of ∂²f/∂x_i∂x_j among the coefficients."""
    table, n = engine.indices.table, engine.indices.n_features
    slots = np.zeros((n, n), np.int64)
    second = np.flatnonzero(table[:, 1] >= 0)
    i, j = table[second].T
    slots[i, j] = slots[j, i] = second
    return slots
