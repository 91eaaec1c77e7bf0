"""A derivative graph whose outputs are sums over the batch, not the coefficients themselves.

Let W (G, N) be the weights of the events in G groups, 0 for events of other groups. All sums over
a batch are matrix products with the coefficients T (N, D):

    W·abs(T)    W·T    W·T²    m = W²·abs(T) / Σw²    M = Σ w² (abs(t) − m)²

With Poisson counts n (N, R), the sums of the bootstrap's replicates are Σ w n abs(t), (G, R, D).

The squares are taken about abs(t) of the group's first event, as in the kernel ``moments``, so that
nearly constant coefficients lose no digits. T is cast to float64 before anything is added, so the
sums agree with those of the kernels up to round-off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from onnxtaylor.compiler.derivative import TERMS, DerivativeGraph
from onnxtaylor.compiler.directions import ADJOINTS, DIRECTIONS
from onnxtaylor.compiler.joints import JOINT_EVENTS
from onnxtaylor.compiler.pieces import Cover, Piece, gather_pieces, runs
from onnxtaylor.rules.emit import Emitter
from onnxtaylor.rules.versions import operator_set

__all__ = [
    "COUNTS",
    "FIRST",
    "GROUPS",
    "MOMENTS",
    "REPLICATES",
    "WEIGHTS",
    "is_reserved",
    "loose_pieces",
    "sums_graph",
]

SUMS = "onnxtaylor/sums"  # beginning of the names of all tensors that have no fixed name
WEIGHTS, GROUPS = "onnxtaylor/weights", "onnxtaylor/groups"
FIRST, COUNTS = "onnxtaylor/first", "onnxtaylor/counts"
MOMENTS, REPLICATES = "onnxtaylor/moments", "onnxtaylor/replicates"

DOUBLE = TensorProto.DOUBLE

RESERVED = frozenset(
    {TERMS, DIRECTIONS, ADJOINTS, WEIGHTS, GROUPS, FIRST, COUNTS, MOMENTS, REPLICATES, JOINT_EVENTS}
)


def is_reserved(name: str) -> bool:
    """Whether a name is reserved for tensors of derivative graphs and graphs of sums."""
    return name in RESERVED or name.startswith(f"{SUMS}/")


def loose_pieces(graph: DerivativeGraph) -> tuple[Cover, npt.NDArray[np.float64]]:
    """The tensors that hold the coefficients, and factors (K,) by which to multiply these.

    The factors are 1/α! for a loose graph, whose tensors hold derivatives, and 1 otherwise.
    """
    if graph.pieces or graph.products:
        return graph.pieces, graph.indices.inverse_factorials
    slots = np.arange(len(graph.indices))
    return (Piece(TERMS, len(slots), runs(slots, slots)),), np.ones(len(slots))


def sums_graph(graph: DerivativeGraph, *, groups: int, replicates: int = 0) -> onnx.ModelProto:
    """The model that computes the sums of a batch.

    Inputs of the graph besides the features:

    ==========  ==============  ================================================================
    WEIGHTS     (G, N) float64  weights, 0 for events of other groups
    GROUPS      (N,) int64      group of each event
    FIRST       (G,) int64      number of each group's first event; any event for an empty group
    COUNTS      (N, R) uint8    Poisson counts of the replicates, if there are any
    ==========  ==============  ================================================================

    Parameters
    ----------
    graph
        The coefficients.
    groups, replicates
        Numbers G and R.

    Returns
    -------
    A model with the outputs response (N, C), ``MOMENTS`` (5, G, D), the five sums above, with
    replicates ``REPLICATES`` (G, R, D), and ``JOINT_EVENTS`` if the graph has it. D = C·K runs over
    responses, then coefficients. The last two moments of a group with Σw² = 0 have no meaning. One
    coefficient that is not finite makes the sums of its column not finite.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(graph.proto)
    response = proto.graph.output[0]
    outputs = int(response.type.tensor_type.shape.dim[1].dim_value)
    size = outputs * len(graph.indices)
    e = Emitter(np.float64, operator_set(proto), stem=SUMS)

    terms = e.op("Reshape", _terms(e, graph, response, outputs), e.constant([-1, size]))
    absolute = e.op("Abs", terms)
    _output(e, MOMENTS, _moments(e, terms, absolute))
    inputs = [
        helper.make_tensor_value_info(WEIGHTS, DOUBLE, [groups, "N"]),
        helper.make_tensor_value_info(GROUPS, TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info(FIRST, TensorProto.INT64, [groups]),
    ]
    sums = [helper.make_tensor_value_info(MOMENTS, DOUBLE, [5, groups, size])]
    if replicates:
        _output(e, REPLICATES, _replicates(e, absolute))
        inputs.append(helper.make_tensor_value_info(COUNTS, TensorProto.UINT8, ["N", replicates]))
        sums.append(helper.make_tensor_value_info(REPLICATES, DOUBLE, [groups, replicates, size]))

    flags = [info for info in proto.graph.output if info.name == JOINT_EVENTS]
    kept = [info.__class__.FromString(info.SerializeToString()) for info in (response, *flags)]
    del proto.graph.output[:]
    proto.graph.output.extend([*kept, *sums])
    proto.graph.input.extend(inputs)
    proto.graph.node.extend(e.nodes)
    read = {name for node in e.nodes for name in node.input}
    proto.graph.initializer.extend(e.used_constants(read))
    return proto


def _terms(e: Emitter, graph: DerivativeGraph, response: onnx.ValueInfoProto, outputs: int) -> str:
    """The coefficients t_α (N, C, K) in float64."""
    single = response.type.tensor_type.elem_type != DOUBLE
    pieces, factors = loose_pieces(graph)
    if single:
        pieces = tuple(replace(p, name=e.op("Cast", p.name, to=DOUBLE)) for p in pieces)
    if not graph.pieces:
        return pieces[0].name
    orders, parts = graph.indices.orders, []
    for order in np.unique(orders):
        own = [p for p in pieces if len(p.runs) and orders[p.runs[0, 0]] == order]
        parts.append(gather_pieces(e, _covers(own), np.flatnonzero(orders == order), outputs))
    terms = e.op("Concat", *parts, axis=2) if len(parts) > 1 else parts[0]
    return terms if (factors == 1.0).all() else e.op("Mul", terms, e.constant(factors))


def _covers(pieces: Sequence[Piece]) -> list[Cover]:
    """Splits a sequence of pieces into covers: in each, a coefficient occurs at most once."""
    covers: list[list[Piece]] = []
    seen = np.zeros(1 + max((int(p.slots.max(initial=0)) for p in pieces), default=0), np.bool_)
    for piece in pieces:
        if not covers or seen[piece.slots].any():
            covers.append([])
            seen[:] = False
        covers[-1].append(piece)
        seen[piece.slots] = True
    return [tuple(cover) for cover in covers]


def _moments(e: Emitter, terms: str, absolute: str) -> str:
    """The five sums (5, G, D)."""
    squared_weights = e.op("Mul", WEIGHTS, WEIGHTS)
    about = e.op("Gather", absolute, FIRST, axis=0)
    gap = e.op("Sub", absolute, e.op("Gather", about, GROUPS, axis=0))
    first = e.op("MatMul", squared_weights, gap)
    second = e.op("MatMul", squared_weights, e.op("Mul", gap, gap))
    total = e.op("ReduceSum", squared_weights, e.constant([1]), keepdims=1)
    # Σw² of a group without events is 0: dividing its sums, also 0, by tiny gives 0, not NaN
    total = e.op("Max", total, e.number(np.finfo(np.float64).tiny))
    shift = e.op("Div", first, total)
    spread = e.op("Sub", second, e.op("Mul", shift, first))
    rows = (
        e.op("MatMul", WEIGHTS, absolute),
        e.op("MatMul", WEIGHTS, terms),
        e.op("MatMul", WEIGHTS, e.op("Mul", terms, terms)),
        e.op("Add", about, shift),
        e.op("Max", spread, e.number(0.0)),
    )
    return e.op("Concat", *(e.op("Unsqueeze", row, e.constant([0])) for row in rows), axis=0)


def _replicates(e: Emitter, absolute: str) -> str:
    """Σ w n abs(t) for every group and replicate, (G, R, D)."""
    counts = e.op("Transpose", e.op("Cast", COUNTS, to=DOUBLE), perm=[1, 0])
    drawn = e.op("Mul", e.op("Unsqueeze", WEIGHTS, e.constant([1])), counts)
    return e.op("MatMul", drawn, absolute)


def _output(e: Emitter, name: str, value: str) -> None:
    """Gives a tensor the name of an output."""
    e.nodes.append(helper.make_node("Identity", [value], [name], name=name))
