"""Graphs in double precision: on onnxruntime where it has the kernels, else by ONNX's reference.

Both are the models' own meaning: neither knows anything of derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from onnxtaylor.compiler import TERMS, Observation, compile_terms
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction, build_function, choose, read_model
from onnxtaylor.graph.normalize import OPSET, normalize
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES

__all__ = ["DoubleGraph", "function_of", "terms"]

Array = npt.NDArray[Any]


class Erf(OpRun):
    """ONNX's own rounds to single precision."""

    op_domain = ""

    def _run(self, x: Array) -> tuple[Array]:
        return (np.vectorize(math.erf, otypes=[x.dtype])(x),)


class Mean(OpRun):
    """ONNX's own does not broadcast."""

    op_domain = ""

    def _run(self, *x: Array) -> tuple[Array]:
        return (sum(np.broadcast_arrays(*x)) / x[0].dtype.type(len(x)),)


class Gelu(OpRun):
    """ONNX's own uses that."""

    op_domain = ""

    def _run(self, x: Array, approximate: str = "none") -> tuple[Array]:
        if approximate == "tanh":
            return (x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),)
        erf = np.vectorize(math.erf, otypes=[x.dtype])
        return (x / 2 * (1 + erf(x / math.sqrt(2))),)


class LpNormalization(OpRun):
    """ONNX's own forgets the absolute value for p = 1."""

    op_domain = ""

    def _run(self, x: Array, axis: int = -1, p: int = 2) -> tuple[Array]:
        norm = (np.abs(x) ** p).sum(axis=axis, keepdims=True) ** (1 / p)
        return (x / np.where(norm == 0, 1, norm),)


class MeanVarianceNormalization(OpRun):
    """ONNX's own adds and raises to single-precision numbers, and only them."""

    op_domain = ""

    def _run(self, x: Array, axes: Sequence[int] = (0, 2, 3)) -> tuple[Array]:
        over = tuple(axes)
        return ((x - x.mean(over, keepdims=True)) / (x.std(over, keepdims=True) + 1e-9),)


REPAIRED = [Erf, Gelu, LpNormalization, Mean, MeanVarianceNormalization]


class DoubleGraph:
    """A graph, called with its inputs by name; ``outputs`` replace those of the graph."""

    def __init__(
        self, proto: onnx.ModelProto, outputs: Sequence[str] = (), *, reference: bool = False
    ) -> None:
        if outputs:
            copy = onnx.ModelProto()
            copy.CopyFrom(proto)
            del copy.graph.output[:]
            copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
            proto = copy
        self.names = [o.name for o in proto.graph.output]
        self.reference = reference
        if not reference:
            try:
                self._session: Any = _session(proto)
            except Exception:  # no kernel in double precision, or an operator of tomorrow
                self.reference = True
        if self.reference:
            self._session = ReferenceEvaluator(proto, new_ops=REPAIRED)

    def __call__(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """The outputs by name."""
        with np.errstate(all="ignore"):
            return dict(zip(self.names, self._session.run(None, feeds), strict=True))


def _session(proto: onnx.ModelProto) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def function_of(proto: onnx.ModelProto) -> GraphFunction:
    """The normalized function of a model, as the exact engine takes it."""
    model = read_model(proto)
    function = build_function(model, choose(model))
    return function.with_proto(normalize(function.proto, RULES))


def terms(function: GraphFunction, x: Array, order: int) -> tuple[Array, Array]:
    """Responses (N, C) and Taylor coefficients (N, C, K) by the compiled graph."""
    names = [o for node in function.proto.graph.node for o in node.output if o]
    ask = DoubleGraph(function.proto, names)
    rows = np.ascontiguousarray(x, dtype=function.dtype)
    try:
        seen = [{function.feed: rows[:k], **ask({function.feed: rows[:k]})} for k in (2, 3)]
    except TypeError as error:  # as the engine says it
        raise ModelError(f"the normalized graph does not run in one precision: {error}") from None
    opset = max(
        [e.version for e in function.proto.opset_import if e.domain in ("", "ai.onnx")],
        default=OPSET,
    )
    indices = MultiIndices.full(function.n_features, order)
    graph = compile_terms(function, indices, Observation(*seen), opset)
    found = DoubleGraph(graph.proto)({function.feed: rows})
    return found[function.response], found[TERMS]
