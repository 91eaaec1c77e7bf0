"""Compiles a graph into a graph of its Taylor coefficients, up to second order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from onnx import helper

from onnxtaylor.compiler.assembly import assemble
from onnxtaylor.compiler.directions import DIRECTIONS, Directions
from onnxtaylor.compiler.facts import GraphFacts, Observation
from onnxtaylor.compiler.gaps import SoftmaxGaps
from onnxtaylor.compiler.joints import joint_events
from onnxtaylor.compiler.path import require_rules
from onnxtaylor.compiler.pieces import Cover, Piece, RowProducts, gather_pieces
from onnxtaylor.compiler.singular import has_singular_slopes
from onnxtaylor.compiler.sweeps import Sweeps
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices

__all__ = ["TERMS", "DerivativeGraph", "compile_joints", "compile_terms"]

TERMS = "onnxtaylor/terms"

_NO_RUNS = np.empty((0, 4), np.int64)


@dataclass(frozen=True)
class DerivativeGraph:
    """A model that computes responses and Taylor coefficients.

    Attributes
    ----------
    proto
        The model, with the input ``feed`` (N, n) and the outputs ``response`` (N, C) and ``TERMS``
        (N, C, K).
    indices
        The K multi-indices.
    kinks
        Number of nodes of each operator whose slope or value jumps. Second order at an event does
        not see the jumps.
    pieces
        In a loose graph, the tensors that are outputs instead of ``TERMS``: they hold ∂f_c/∂x_i and
        ∂²f_c/∂x_i∂x_j, without 1/α!, in the order in which the matrix products leave them.
    products
        In a loose graph, what a kernel adds to the second derivatives of ``pieces``; the tensors
        that it reads are outputs too.
    gaps
        In a loose graph, that second derivatives are those of gaps between the scores of a softmax.
    joints
        Whether the model has the output ``JOINT_EVENTS`` (N, 1), greater than 0 for events at which
        an operator lies exactly where two of its pieces meet.
    strong
        Whether its products have strong zeros (``rules.strong``), 0 · ∞ = 0, even where the limit
        is another number.
    weights
        Further inputs: constants of the original graph that may be fed with other values.
    frozen
        Weights whose value was used while the graph was written: it is valid only for that value.
    """

    proto: onnx.ModelProto
    indices: MultiIndices
    kinks: Mapping[str, int] = field(default_factory=dict)
    pieces: Cover = ()
    products: tuple[RowProducts, ...] = ()
    gaps: SoftmaxGaps | None = None
    joints: bool = False
    strong: bool = False
    weights: tuple[str, ...] = ()
    frozen: frozenset[str] = frozenset()


def compile_terms(
    function: GraphFunction,
    indices: MultiIndices,
    seen: Observation,
    opset: int,
    *,
    keep: Sequence[str] = (),
    loose: bool = False,
    kernel: bool = False,
    weights: Collection[str] = (),
    joints: bool = False,
    strong: bool | None = False,
    directions: Directions | None = None,
) -> DerivativeGraph:
    """The graph of t_α(x) = (1/α!) ∂^|α|f/∂x^α for all α of ``indices``, up to second order.

    Parameters
    ----------
    function
        The original graph, f: Rⁿ → R^C.
    indices
        The coefficients.
    seen
        All tensors of the graph for two events and for three, which show their shapes.
    opset
        Operator set in which nodes are written.
    keep
        Further tensors to compute although nothing reads them.
    loose
        Whether the coefficients stay where the matrix products leave them, see ``pieces`` of
        ``DerivativeGraph``.
    kernel
        Whether a loose graph leaves products of rows to a kernel, see ``products`` there.
    weights
        Initializers that become inputs.
    joints
        Whether the graph marks the events that lie on a joint.
    strong
        Whether products have strong zeros, 0 · ∞ = 0. None: only if a slope may not be finite.
    directions
        Vectors that are fed: the multi-indices are of these, not of the features.

    Raises
    ------
    MissingRuleError
        An operator between features and responses has no rule; names the first.
    ModelError
        A rule cannot differentiate a node, or the response does not vary with the features.
    """
    require_rules(function)
    facts = GraphFacts(function, seen, opset, weights, strong=bool(strong))
    if strong is None and has_singular_slopes(facts):
        facts, strong = GraphFacts(function, seen, opset, weights, strong=True), True
    sweeps = Sweeps(facts, indices, directions)
    flagged = joints and joint_events(facts)
    orders = [sweeps.first_order(), sweeps.second_order(kernel=kernel and loose)]
    pieces: Cover = ()
    outputs: dict[str, int | None] = {TERMS: len(indices)}
    if loose:
        pieces = tuple(sweeps.per_event(p) for covers in orders for cover in covers for p in cover)
        outputs = dict.fromkeys(p.name for p in pieces)
        outputs |= dict.fromkeys(name for p in sweeps.products for name in (p.rows, p.weights))
    else:
        _write_terms(facts, sweeps, indices, orders)
    proto = assemble(facts, outputs, keep, flagged=flagged)
    if directions is not None:
        if DIRECTIONS in facts.e.constants.frozen:
            raise ModelError("a rule needs to know the features that are differentiated")
        proto.graph.input.append(directions.port(facts.e.dtype, function.n_varied))
    graph = DerivativeGraph(
        proto,
        indices,
        sweeps.kinks,
        pieces,
        sweeps.products,
        sweeps.gaps,
        flagged,
        bool(strong),
    )
    return _record_weights(facts, graph)


def compile_joints(function: GraphFunction, seen: Observation, opset: int) -> onnx.ModelProto:
    """The graph that counts, for each event, the elements of operators that lie on a joint.

    Its outputs are the response and, where an operator has joints, ``JOINT_EVENTS`` (N, 1).
    Parameters are those of ``compile_terms``. Raises ModelError.
    """
    require_rules(function)
    facts = GraphFacts(function, seen, opset)
    flagged = joint_events(facts, counted=True)
    return assemble(facts, {}, (), flagged=flagged)


def _write_terms(
    facts: GraphFacts, sweeps: Sweeps, indices: MultiIndices, orders: Sequence[Sequence[Cover]]
) -> None:
    """Writes ``TERMS`` (N, C, K): the covers of each order, gathered, times 1/α!."""
    e, parts = facts.e, []
    for order, covers in enumerate(orders, start=1):
        slots = np.flatnonzero(indices.orders == order)
        if covers:
            factor = e.constant(indices.inverse_factorials[slots])
            whole = gather_pieces(e, covers, slots, sweeps.responses)
            if order == 2:
                whole = e.op("Mul", whole, factor)
            varies = any(p.varies for cover in covers for p in cover)
            parts.append(sweeps.per_event(Piece(whole, len(slots), _NO_RUNS, varies)).name)
    terms = e.op("Concat", *parts, axis=2) if len(parts) > 1 else parts[0]
    e.nodes.append(helper.make_node("Identity", [terms], [TERMS], name=TERMS))


def _record_weights(facts: GraphFacts, graph: DerivativeGraph) -> DerivativeGraph:
    """Records which weights became inputs and which are frozen."""
    taken = (facts.function.feed, DIRECTIONS)
    fed = tuple(i.name for i in graph.proto.graph.input if i.name not in taken)
    return replace(graph, weights=fed, frozen=frozenset(facts.e.constants.frozen))
