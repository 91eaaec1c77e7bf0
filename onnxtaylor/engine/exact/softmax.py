"""Gradients of a softmax of all responses from those of one response less behind it.

A softmax p of z does not change when all z rise together, so of C responses only C − 1 are
independent. With the gaps d_k = z_k − z_C, d_C = 0, and their gradients D_k,

    ∂p_c/∂x = p_c Σ_k p_k (D_c − D_k)

where nothing cancels that does not in the truth: small p_c keep their digits. This saves one of C
adjoints; where many events are differentiated, and C is small, that pays.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.builder import Builder
from onnxtaylor.runtime.session import Session

__all__ = ["gaps_before_softmax"]

MOST = 16  # responses: beyond, one adjoint less saves less than the formula above costs
THROUGH = ("Identity", "Flatten", "Cast")


def gaps_before_softmax(
    function: GraphFunction, x: npt.NDArray[np.float64], *, provider: str = "cpu"
) -> GraphFunction | None:
    """Returns the function z_k − z_C, k < C, of which the responses are a softmax.

    None where they are no softmax, or it would not pay. That they are is looked up in the graph,
    and seen at events.

    Parameters
    ----------
    function
        The function f: Rⁿ → R^C.
    x
        Events (B, n).
    provider
        ``cpu`` or ``cuda``.

    Raises
    ------
    ModelError
        A graph cannot be run.
    """
    node = _last_node(function)
    if node is None or function.link != "identity" or function.precision not in _DTYPES:
        return None
    expected = Session(function, provider=provider, threads=1)(x)
    if not 2 <= expected.shape[1] <= MOST:
        return None
    gaps = _with_gaps(function, node.input[0], expected.shape[1])
    found = Session(gaps, provider=provider, threads=1)(x).astype(np.float64)
    if found.shape != (len(x), expected.shape[1] - 1):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        powers = np.exp(np.pad(found, ((0, 0), (0, 1))))
        deviation = np.abs(powers / powers.sum(axis=1, keepdims=True) - expected)
    return gaps if (deviation <= 2.0 ** (11 - function.digits)).all() else None


_DTYPES = ("float32", "float64")


def _last_node(function: GraphFunction) -> onnx.NodeProto | None:
    """Finds the Softmax that the responses are, behind nodes that pass them on."""
    made_by = {name: node for node in function.proto.graph.node for name in node.output}
    node = made_by.get(function.response)
    while node is not None and node.op_type in THROUGH:
        node = made_by.get(node.input[0])
    standard = node is not None and node.domain in ("", "ai.onnx")
    return node if standard and node is not None and node.op_type == "Softmax" else None


def _with_gaps(function: GraphFunction, scores: str, outputs: int) -> GraphFunction:
    """Replaces the responses by the gaps of a tensor of scores (N, C)."""
    proto = onnx.ModelProto()
    proto.CopyFrom(function.proto)
    builder = Builder(proto)
    flat = builder.node("Flatten", [scores], last=True)

    def columns(begin: int, end: int) -> str:
        places = (builder.constant(np.array([k], np.int64)) for k in (begin, end, 1))
        return builder.node("Slice", [flat, *places], last=True)

    # no product with a matrix: it would spoil all gaps where one score is −Inf
    parts = [columns(0, outputs - 1), columns(outputs - 1, outputs)]
    gaps = builder.node("Sub", parts, last=True)
    proto.graph.output[0].name = gaps
    shape = proto.graph.output[0].type.tensor_type.shape
    if len(shape.dim) > 1:
        shape.dim[1].Clear()
        shape.dim[1].dim_value = outputs - 1
    return function.with_proto(proto)
