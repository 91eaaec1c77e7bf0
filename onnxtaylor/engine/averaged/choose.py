"""Whether second order must be averaged over steps: whether kinks matter on the data.

Kinks matter if they make more than 5 % of a coefficient that is not small
(``onnxtaylor.engine.averaged.shares``). A Where that replaces −999 and a Clip beyond the data are
never crossed, so there kinks make nothing, whatever the operator is called. Steps are as wide as
those of averaged coefficients are by default, in quantiles, which sentinels do not stretch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from onnxtaylor.engine.averaged.shares import share_of_kinks
from onnxtaylor.engine.averaged.steps import CurvatureSteps, plan_steps
from onnxtaylor.engine.base import Engine
from onnxtaylor.errors import OptionError, join_names, printable
from onnxtaylor.options import EngineOptions
from onnxtaylor.problem import Problem
from onnxtaylor.problem.hygiene import sentinels

__all__ = ["CurvatureChoice", "Kinks", "choose_curvature", "find_kinks", "measure_kinks"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MATTERS = 0.05  # share of a coefficient that kinks make
ENOUGH, FEWEST = 0.1, 16  # events with nothing missing and no outlier: share, number
FAR = 10.0  # ranges between the quartiles
NORMAL = 0.6745  # half of the range between quartiles, in σ of a normal distribution
MOST_KINDS = 3  # operators that a line names

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
_SMOOTH = """
    Acos Acosh Add Asin Asinh Atan Atanh AveragePool BatchNormalization Celu Col2Im Concat
    Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumProd CumSum DepthToSpace DFT Div Dropout
    Einsum Erf Exp Expand Flatten Gather GatherElements Gelu Gemm GlobalAveragePool
    GroupNormalization GRU Identity InstanceNormalization LayerNormalization Log LogSoftmax LSTM
    MatMul Mean Mish Mul Neg Pad Pow Range Reciprocal ReduceLogSum ReduceLogSumExp ReduceMean
    ReduceProd ReduceSum ReduceSumSquare Reshape ReverseSequence RMSNormalization Shape Sigmoid Sin
    Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze STFT Sub Sum Swish Tan
    Tanh TensorScatter Tile Transpose Unsqueeze
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


def choose_curvature(engine: Engine, problem: Problem, options: EngineOptions) -> CurvatureChoice:
    """Chooses by what kinks make of second order at a sample of the data.

    Raises OptionError for a width of the steps that was asked for and cannot be had.
    """
    kinks = find_kinks(engine, problem.function.proto)
    if kinks is None:
        return CurvatureChoice(False, "no operator on the way has kinks")
    try:
        steps = plan_steps(problem, options.curvature_step)
    except OptionError as error:
        if options.curvature_step != EngineOptions().curvature_step:
            raise
        return CurvatureChoice(False, str(error))
    return measure_kinks(engine, kinks, steps, problem.survey.sample)


def find_kinks(engine: Engine, proto: onnx.ModelProto) -> Kinks | None:
    """Finds operators with kinks on the way to the responses of an engine; None without any.

    The exact engine lists them; those by which operators without kinks are written in double
    precision are none. For the differences, all operators of the original graph ``proto`` count
    that are not known to be smooth.
    """
    nodes = list(_operators(proto.graph.node))
    if not proto.functions and all(map(_is_smooth, nodes)):
        return None
    if engine.exact_responses.all():
        counted = engine.describe()["piecewise_linear"]
        assert isinstance(counted, dict)
        kinds = [f"{kind} ×{count}" for kind, count in counted.items()]
    else:
        kinds = sorted({n.op_type for n in nodes if not _is_smooth(n)})
        kinds += [f.name for f in proto.functions][:MOST_KINDS]
    if not kinds:
        return None
    more = ", …" if len(kinds) > MOST_KINDS else ""
    more += _lone_node(kinds, proto)
    return Kinks(join_names(kinds[:MOST_KINDS]) + more, engine.points)


def measure_kinks(
    engine: Engine, kinks: Kinks, steps: CurvatureSteps, x: Floats
) -> CurvatureChoice:
    """Measures at events x (S, n) of the data what kinks make of the second order.

    ``engine`` computes all pointwise coefficients up to second order. Raises ModelError where it
    fails.
    """
    near = _near_others(steps, x)
    whole = near.all(axis=1)
    if whole.sum() >= max(FEWEST, ENOUGH * len(x)):
        x, near = x[whole], near[whole]
    share = share_of_kinks(engine, kinks.evaluations, _usual_steps(steps, x, near), x, near)
    percent = f"{100 * min(share, 1):.0f} %" if share >= 0.01 else "1 %"
    if share > MATTERS:
        reason = f"kinks of {kinks.words} make up to {percent} of a coefficient"
        return CurvatureChoice(True, reason)
    reason = f"kinks of {kinks.words} make at most {percent} of a coefficient"
    return CurvatureChoice(False, reason)


def _lone_node(kinds: Sequence[str], proto: onnx.ModelProto) -> str:
    """Names the node with kinks where there is one alone, and its name says more than its kind."""
    kind, _, count = kinds[0].partition(" ×")
    named = [node.name for node in _operators(proto.graph.node) if node.op_type == kind]
    if len(kinds) > 1 or count not in ("", "1") or len(named) != 1 or named[0] in ("", kind):
        return ""
    return f" (node '{printable(named[0], 60)}')"


def _is_smooth(node: onnx.NodeProto) -> bool:
    """Whether the slope of an operator has no jump."""
    alpha = next((a.f for a in node.attribute if a.name == "alpha"), 1.0)
    if node.op_type == "Cast":
        return all(a.i in _FLOATS for a in node.attribute if a.name == "to")
    return node.op_type in _SMOOTH.split() or (node.op_type == "Elu" and alpha == 1)


def _operators(nodes: Iterable[onnx.NodeProto]) -> Iterable[onnx.NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            yield from _operators(attribute.g.node)


def _near_others(steps: CurvatureSteps, x: Floats) -> Flags:
    """Finds entries (B, A) of the features that move that are neither missing nor far from others.

    At a sentinel a response may jump: it is a point of its own, from which no step is taken.
    """
    absent = ~np.isfinite(x)
    if steps.absent is not None:
        absent |= steps.absent(x)
    values = np.where(absent, np.nan, x)
    values[:, absent.all(axis=0)] = 0.0
    low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=0)
    with np.errstate(invalid="ignore"):
        far = (high > low) & (np.abs(x - middle) > FAR * (high - low))
    for i in steps.features.tolist():  # so many that quartiles are of them, perhaps
        for value, _ in sentinels(values[~np.isnan(values[:, i]), i]):
            far[:, i] |= x[:, i] == value
    return np.asarray(~(absent | far)[:, steps.features])


def _usual_steps(steps: CurvatureSteps, x: Floats, near: Flags) -> CurvatureSteps:
    """Makes steps as wide as they usually are, without the outliers of the events x.

    Whether kinks matter does not depend on the width that is asked for.
    """
    values, moves = np.zeros(x.shape), steps.moves
    values[:, steps.features] = np.where(near, x[:, steps.features], np.nan)
    values[:, np.isnan(values).all(axis=0)] = 0.0
    low, high = np.nanquantile(values, [0.25, 0.75], axis=0)
    half = 0.35 * (high - low) / (2 * NORMAL)
    usual = np.where((half > 0) & ~moves.whole & (moves.steps > 0), half, moves.steps)
    return replace(steps, moves=replace(moves, steps=usual))
