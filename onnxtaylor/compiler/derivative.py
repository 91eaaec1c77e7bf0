"""Compiles a graph into a graph of its Taylor coefficients.

1. A forward sweep carries one tangent per feature: Jacobians of every tensor.
2. A reverse sweep carries one adjoint per response back to every curved node.
3. Each curved node adds its part of the Hessian, H = Σ_k Jᵀ (ā_k · D²φ_k) J.

Order 1 takes the sweep that carries less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from onnx import helper

from onnxtaylor.compiler.curvature import HessianBuilder
from onnxtaylor.compiler.facts import GraphFacts, Observation
from onnxtaylor.compiler.joints import JOINT_EVENTS, joint_events
from onnxtaylor.compiler.local import local
from onnxtaylor.compiler.pieces import Cover, Piece, gather_pieces, runs
from onnxtaylor.compiler.singular import has_singular_slopes
from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.prune import prune, read_names
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES, Rule
from onnxtaylor.rules.bundle import Bundle, add
from onnxtaylor.rules.rule import Node
from onnxtaylor.rules.versions import operator_set, rule_for, since_version

__all__ = ["TERMS", "DerivativeGraph", "MissingRuleError", "compile_terms", "missing_rules"]

TERMS = "onnxtaylor/terms"

_NO_RUNS = np.empty((0, 4), np.int64)


class MissingRuleError(ModelError):
    """An operator on the way from features to responses has no rule."""


@dataclass(frozen=True)
class DerivativeGraph:
    """A model with the input ``feed`` and the outputs ``response`` (N, C), ``TERMS`` (N, C, K).

    A loose graph has the tensors of its ``pieces`` instead of ``TERMS``: ∂f_c/∂x_i and
    ∂²f_c/∂x_i∂x_j without 1/α!, to be put together by who runs it. ``kinks`` counts the piecewise
    linear operators on the way: second order does not see the jumps of their slope.

    ``joints`` says whether the graph has the output ``JOINT_EVENTS`` (N, 1): more than 0 for events
    at which an operator lies exactly where its pieces meet. ``strong``: its products have strong
    zeros (``rules.strong``), so that 0 · ∞ is 0, also where the limit is another number.

    ``weights`` are further inputs, constants of the original graph that may be fed with other
    values. It holds for these values alone of the ``frozen`` ones.
    """

    proto: onnx.ModelProto
    indices: MultiIndices
    kinks: Mapping[str, int] = field(default_factory=dict)
    pieces: Cover = ()
    joints: bool = False
    strong: bool = False
    weights: tuple[str, ...] = ()
    frozen: frozenset[str] = frozenset()


def missing_rules(function: GraphFunction) -> list[tuple[str, str]]:
    """(operator, node) for every node on the way from features to responses without a rule."""
    # a loop or a branch also reads what its graph takes from outside
    nodes = [
        replace(Node.of(proto), inputs=tuple(read_names(proto)))
        for proto in function.proto.graph.node
    ]
    opset = operator_set(function.proto)
    needed, reached = _needed(nodes, function.response, opset), {function.feed}
    missing = []
    for node in nodes:
        if reached.intersection(node.inputs) and needed.intersection(node.outputs):
            rule = rule_for(node.kind, opset)
            if rule is None:
                missing.append((node.kind, node.name))
            if rule is None or rule.kind != "constant":
                reached.update(node.outputs)
    return missing


def _needed(nodes: Sequence[Node], response: str, opset: int) -> set[str]:
    """The tensors through which a derivative of the response can pass: none that steps read."""
    needed = {response}
    for node in reversed(nodes):
        rule = rule_for(node.kind, opset)
        if needed.intersection(node.outputs) and (rule is None or rule.kind != "constant"):
            needed.update(node.inputs)
    return needed


def compile_terms(
    function: GraphFunction,
    indices: MultiIndices,
    seen: Observation,
    opset: int,
    *,
    keep: Sequence[str] = (),
    loose: bool = False,
    weights: Collection[str] = (),
    joints: bool = False,
    strong: bool | None = False,
) -> DerivativeGraph:
    """The graph of t_α(x) for all α of ``indices``, up to second order.

    ``keep`` are tensors that it goes on to compute though nothing reads them. A ``loose`` graph
    leaves its coefficients where the products put them. ``weights`` are initializers that become
    inputs. With ``joints`` the graph says which events lie on one. ``strong`` zeros make products 0
    whatever the other factor is; None: where a slope may not be finite.

    Raises MissingRuleError naming the first operator and node without a rule, ModelError where a
    rule cannot serve a node.
    """
    absent = missing_rules(function)
    if absent:
        kind, name = absent[0]
        lacks = f"operator {printable(kind)} has no rule"
        if kind in RULES:
            lacks += f" for version {since_version(kind, operator_set(function.proto))}"
        raise MissingRuleError(f"node '{printable(name)}': {lacks}")
    facts = GraphFacts(function, seen, opset, weights, strong=bool(strong))
    if strong is None and has_singular_slopes(facts):
        facts, strong = GraphFacts(function, seen, opset, weights, strong=True), True
    sweep = _Sweeps(facts, indices)
    flagged = joints and joint_events(facts)
    orders = [sweep.first_order(), sweep.second_order()]
    if loose:
        pieces = tuple(sweep.per_event(p) for covers in orders for cover in covers for p in cover)
        outputs = dict.fromkeys(p.name for p in pieces)
        proto = _assemble(facts, outputs, keep, flagged=flagged)
        return _finished(
            facts, DerivativeGraph(proto, indices, sweep.kinks, pieces, flagged, bool(strong))
        )
    e, parts = facts.e, []
    for order, covers in enumerate(orders, start=1):
        slots = np.flatnonzero(indices.orders == order)
        if covers:
            factor = e.constant(indices.inverse_factorials[slots])
            whole = gather_pieces(e, covers, slots, sweep.responses)
            if order == 2:
                whole = e.op("Mul", whole, factor)
            varies = any(p.varies for cover in covers for p in cover)
            parts.append(sweep.per_event(Piece(whole, len(slots), _NO_RUNS, varies)).name)
    terms = e.op("Concat", *parts, axis=2) if len(parts) > 1 else parts[0]
    e.nodes.append(helper.make_node("Identity", [terms], [TERMS], name=TERMS))
    proto = _assemble(facts, {TERMS: len(indices)}, keep, flagged=flagged)
    graph = DerivativeGraph(proto, indices, sweep.kinks, (), flagged, bool(strong))
    return _finished(facts, graph)


def _finished(facts: GraphFacts, graph: DerivativeGraph) -> DerivativeGraph:
    """The graph with what it has become of the weights."""
    fed = tuple(i.name for i in graph.proto.graph.input if i.name != facts.function.feed)
    return replace(graph, weights=fed, frozen=frozenset(facts.e.constants.frozen))


class _Sweeps:
    """Tangents and adjoints of one graph: tangents of the features that the indices name."""

    def __init__(self, facts: GraphFacts, indices: MultiIndices) -> None:
        self._facts, self._indices = facts, indices
        self._tangents: dict[str, Bundle] = {}
        self._adjoints: dict[str, Bundle] = {}
        self._active = np.unique(indices.table[indices.table >= 0]).astype(np.int64)
        self._feed, self._response = facts.function.feed, facts.function.response
        self.responses = facts.shape(facts.function.response)[1]
        self._path = self._nodes_on_path()

    def _nodes_on_path(self) -> list[tuple[Node, Rule]]:
        """Nodes between features and responses through which a derivative can pass."""
        facts = self._facts
        opset = operator_set(facts.function.proto)
        needed = _needed(facts.nodes, facts.function.response, opset)
        reached, path = {facts.function.feed}, []
        for node in facts.nodes:
            if not (reached.intersection(node.inputs) and needed.intersection(node.outputs)):
                continue
            rule = RULES[node.kind]
            if rule.kind != "constant":
                path.append((node, local(facts, node, rule, reached)))
                reached.update(node.outputs)
        return path

    @property
    def kinks(self) -> dict[str, int]:
        """How many nodes of each piecewise linear operator are on the way."""
        kinds = (node.kind for node, rule in self._path if rule.kind == "piecewise_linear")
        return dict(sorted(Counter(kinds).items()))

    def first_order(self) -> list[Cover]:
        """∂f_c/∂x_i of the features that are asked for."""
        e, indices = self._facts.e, self._indices
        slots = np.flatnonzero(indices.orders == 1)
        chosen = indices.table[slots, 0].astype(np.int64)
        if indices.order == 1 and self.responses < len(self._active):
            self._reverse()
            bundle = self._adjoints.get(self._feed)
            order = [1, 0, 2]  # (C, N, n)
            width, places = self._facts.function.n_features, chosen
        else:
            self._forward()
            bundle = self._tangents.get(self._response)
            order = [1, 2, 0]  # (n, N, C)
            width, places = len(self._active), np.searchsorted(self._active, chosen)
        if not len(slots):
            return []
        if bundle is None:
            raise ModelError("the response does not vary with the features")
        whole = e.op("Transpose", bundle.name, perm=order)
        return [(Piece(whole, width, runs(slots, places), bundle.varies),)]

    def second_order(self) -> list[Cover]:
        """∂²f_c/∂x_i∂x_j of the pairs that are asked for."""
        facts, indices = self._facts, self._indices
        slots = np.flatnonzero(indices.orders == 2)
        if not len(slots):
            return []
        self._reverse()
        pairs = np.searchsorted(self._active, indices.table[slots, :2])
        hessian = HessianBuilder(facts, len(self._active), self.responses, pairs, slots)
        for node, rule in self._path:
            rule.curvature(
                facts,
                node,
                self._of(self._tangents, node.inputs),
                self._of(self._adjoints, node.outputs),
                hessian,
            )
        zeros = np.zeros((1, self.responses, len(slots)))
        nothing = np.arange(len(slots))
        flat = Piece(facts.e.constant(zeros), len(slots), runs(slots, nothing), varies=False)
        return hessian.finish() or [(flat,)]

    def per_event(self, piece: Piece) -> Piece:
        """A piece that does not vary, repeated for every event by adding the response's zeros."""
        if piece.varies:
            return piece
        e = self._facts.e
        flat = e.op("Reshape", piece.name, e.constant([0, self.responses, piece.size]))
        zeros = e.op("Mul", e.op("Unsqueeze", self._response, e.constant([2])), e.number(0.0))
        return replace(piece, name=e.op("Add", flat, zeros), varies=True)

    def _forward(self) -> None:
        e, n = self._facts.e, self._facts.function.n_features
        rows = np.zeros((len(self._active), 1, n))  # of n² numbers an image has too many
        rows[np.arange(len(self._active)), 0, self._active] = 1.0
        identity = e.constant(rows)
        self._tangents[self._feed] = Bundle(identity, len(self._active), (-1, n), varies=False)
        for node, rule in self._path:
            inputs = self._of(self._tangents, node.inputs)
            if any(t is not None for t in inputs):
                for name, t in zip(node.outputs, rule.jvp(self._facts, node, inputs), strict=True):
                    if t is not None:
                        self._tangents[name] = t

    def _reverse(self) -> None:
        e, responses = self._facts.e, self.responses
        identity = e.constant(np.eye(responses).reshape(responses, 1, responses))
        self._adjoints[self._response] = Bundle(identity, responses, (-1, responses), varies=False)
        reached = {self._feed, *(name for node, _ in self._path for name in node.outputs)}
        for node, rule in reversed(self._path):
            outputs = self._of(self._adjoints, node.outputs)
            if all(a is None for a in outputs):
                continue
            wanted = [name in reached for name in node.inputs]
            found = rule.vjp(self._facts, node, outputs, wanted)
            for name, want, a in zip(node.inputs, wanted, found, strict=True):
                if want and a is not None:
                    total = add(e, self._adjoints.get(name), a)
                    assert total is not None
                    self._adjoints[name] = total

    @staticmethod
    def _of(bundles: dict[str, Bundle], names: Sequence[str]) -> list[Bundle | None]:
        return [bundles.get(name) for name in names]


def _assemble(
    facts: GraphFacts, outputs: Mapping[str, int | None], keep: Sequence[str], *, flagged: bool
) -> onnx.ModelProto:
    """The original nodes, those of the derivative, and the constants that either reads.

    ``outputs`` (N, C, size) come behind the response; None for another shape. ``flagged`` graphs
    have ``JOINT_EVENTS`` behind these.
    """
    original, e = facts.function.proto, facts.e
    response = facts.function.response
    proto = onnx.ModelProto()
    proto.CopyFrom(original)
    graph = proto.graph
    for part in (graph.node, graph.initializer, graph.value_info, graph.output):
        del part[:]
    graph.node.extend(_sorted([*facts.protos, *e.nodes], facts))
    read = {name for node in graph.node for name in read_names(node)}
    graph.initializer.extend(e.used_constants(read))
    for tensor in original.graph.initializer:
        if tensor.name in e.constants.weights and tensor.name in read:
            graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    kind = helper.np_dtype_to_tensor_dtype(e.dtype)
    responses = facts.shape(response)[1]
    graph.output.append(helper.make_tensor_value_info(response, kind, ["N", responses]))
    for name, size in outputs.items():
        shape: list[str | int | None] | None = None if size is None else ["N", responses, size]
        graph.output.append(helper.make_tensor_value_info(name, kind, shape))
    flags = [JOINT_EVENTS] * flagged
    graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 1]) for name in flags
    )
    prune(graph, [response, *outputs, *flags, *keep])
    return proto


def _sorted(nodes: Sequence[onnx.NodeProto], facts: GraphFacts) -> list[onnx.NodeProto]:
    """Nodes in an order in which each finds its inputs: those of the original come first."""
    computed = {name for node in nodes for name in node.output}
    known = {facts.function.feed, "", *facts.e.constants} - (computed - {""})
    waiting, ordered = list(nodes), []
    while waiting:
        later = []
        for node in waiting:
            if known.issuperset(read_names(node)):
                ordered.append(node)
                known.update(node.output)
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise ModelError(f"nothing computes what node '{printable(later[0].name)}' reads")
        waiting = later
    return ordered
