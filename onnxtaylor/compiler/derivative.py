"""Compiles a graph into a graph of its Taylor coefficients.

1. A forward sweep carries one tangent per feature: Jacobians of every tensor.
2. A reverse sweep carries one adjoint per response back to every curved node.
3. Each curved node adds its part of the Hessian, H = Σ_k Jᵀ (ā_k · D²φ_k) J.

Order 1 takes the sweep that carries less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper

from onnxtaylor.compiler.curvature import HessianBuilder
from onnxtaylor.compiler.facts import GraphFacts, Observation
from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.prune import prune, read_names
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES, Rule
from onnxtaylor.rules.base import Node
from onnxtaylor.rules.bundle import Bundle, added

__all__ = ["TERMS", "DerivativeGraph", "MissingRuleError", "compile_terms", "missing_rules"]

TERMS = "onnxtaylor/terms"


class MissingRuleError(ModelError):
    """An operator on the way from features to responses has no rule."""


@dataclass(frozen=True)
class DerivativeGraph:
    """A model with the input ``feed`` and the outputs ``response`` (N, C), ``TERMS`` (N, C, K).

    ``kinks`` counts the piecewise linear operators on the way: second order does not see the
    jumps of their slope.
    """

    proto: onnx.ModelProto
    indices: MultiIndices
    kinks: Mapping[str, int] = field(default_factory=dict)


def missing_rules(function: GraphFunction) -> list[tuple[str, str]]:
    """(operator, node) for every node on the way from features to responses without a rule."""
    nodes = [Node.of(proto) for proto in function.proto.graph.node]
    needed, reached = {function.response}, {function.feed}
    for node in reversed(nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
    missing = []
    for node in nodes:
        if reached.intersection(node.inputs) and needed.intersection(node.outputs):
            rule = RULES.get(node.kind)
            if rule is None:
                missing.append((node.kind, node.name))
            if rule is None or rule.kind != "constant":
                reached.update(node.outputs)
    return missing


def compile_terms(
    function: GraphFunction,
    indices: MultiIndices,
    seen: Observation,
    opset: int,
    *,
    keep: Sequence[str] = (),
) -> DerivativeGraph:
    """The graph of t_α(x) for all α of ``indices``, up to second order.

    ``keep`` are tensors that it goes on to compute though nothing reads them.

    Raises MissingRuleError naming the first operator and node without a rule, ModelError where a
    rule cannot serve a node.
    """
    absent = missing_rules(function)
    if absent:
        kind, name = absent[0]
        raise MissingRuleError(f"node '{printable(name)}': operator {printable(kind)} has no rule")
    facts = GraphFacts(function, seen, opset)
    sweep = _Sweeps(facts)
    columns = sweep.first_order(indices)
    parts = [columns] if columns else []
    second = indices.table[indices.orders == 2][:, :2].astype(np.int64)
    if len(second):
        parts.append(sweep.second_order(second))
    e = facts.e
    terms = e.op("Concat", *parts, axis=2) if len(parts) > 1 else parts[0]
    e.nodes.append(helper.make_node("Identity", [terms], [TERMS], name=TERMS))
    return DerivativeGraph(_assemble(facts, len(indices), keep), indices, sweep.kinks)


class _Sweeps:
    """Tangents and adjoints of one graph."""

    def __init__(self, facts: GraphFacts) -> None:
        self._facts = facts
        self._tangents: dict[str, Bundle] = {}
        self._adjoints: dict[str, Bundle] = {}
        self._n = facts.function.n_features
        self._feed, self._response = facts.function.feed, facts.function.response
        self._responses = facts.shape(facts.function.response)[1]
        self._path = self._nodes_on_path()

    def _nodes_on_path(self) -> list[tuple[Node, Rule]]:
        """Nodes between features and responses through which a derivative can pass."""
        facts = self._facts
        needed: set[str] = {facts.function.response}
        for node in reversed(facts.nodes):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
        reached, path = {facts.function.feed}, []
        for node in facts.nodes:
            if not (reached.intersection(node.inputs) and needed.intersection(node.outputs)):
                continue
            rule = RULES[node.kind]
            if rule.kind != "constant":
                reached.update(node.outputs)
                path.append((node, rule))
        return path

    @property
    def kinks(self) -> dict[str, int]:
        """How many nodes of each piecewise linear operator are on the way."""
        kinds = (node.kind for node, rule in self._path if rule.kind == "piecewise_linear")
        return dict(sorted(Counter(kinds).items()))

    def first_order(self, indices: MultiIndices) -> str | None:
        """∂f_c/∂x_i of the features that are asked for, (N, C, k), or None for none."""
        e = self._facts.e
        chosen = indices.table[indices.orders == 1][:, 0].astype(np.int64)
        if indices.order == 1 and self._responses < self._n:
            self._reverse()
            bundle = self._adjoints.get(self._feed)
            order = [1, 0, 2]  # (C, N, n)
        else:
            self._forward()
            bundle = self._tangents.get(self._response)
            order = [1, 2, 0]  # (n, N, C)
        if not len(chosen):
            return None
        if bundle is None:
            raise ModelError("the response does not vary with the features")
        whole = e.op("Transpose", self._facts.repeated(bundle).name, perm=order)
        if len(chosen) < self._n:
            whole = e.op("Gather", whole, e.constant(chosen), axis=2)
        return whole

    def second_order(self, pairs: np.ndarray) -> str:
        """t_ii and t_ij of the pairs that are asked for, (N, C, k)."""
        facts, e = self._facts, self._facts.e
        self._reverse()
        hessian = HessianBuilder(facts, self._n, self._responses, pairs)
        for node, rule in self._path:
            rule.curvature(
                facts,
                node,
                self._of(self._tangents, node.inputs),
                self._of(self._adjoints, node.outputs),
                hessian,
            )
        found = hessian.finish()
        factor = np.where(pairs[:, 0] == pairs[:, 1], 0.5, 1.0)
        if found is None:
            zero = Bundle(
                e.constant(np.zeros((1, 1, self._responses, len(pairs)))),
                1,
                (-1, self._responses, len(pairs)),
                varies=False,
            )
            return e.op("Squeeze", facts.repeated(zero).name, e.constant([0]))
        scaled = e.op("Mul", found, e.constant(factor))
        return scaled if hessian.varies else self._per_event(scaled)

    def _per_event(self, name: str) -> str:
        """A constant (1, C, K) repeated for every event by adding the responses' zeros."""
        e = self._facts.e
        zeros = e.op("Mul", e.op("Unsqueeze", self._response, e.constant([2])), e.number(0.0))
        return e.op("Add", name, zeros)

    def _forward(self) -> None:
        e, n = self._facts.e, self._n
        identity = e.constant(np.eye(n).reshape(n, 1, n))
        self._tangents[self._feed] = Bundle(identity, n, (-1, n), varies=False)
        for node, rule in self._path:
            inputs = self._of(self._tangents, node.inputs)
            if any(t is not None for t in inputs):
                for name, t in zip(node.outputs, rule.jvp(self._facts, node, inputs), strict=True):
                    if t is not None:
                        self._tangents[name] = t

    def _reverse(self) -> None:
        e, responses = self._facts.e, self._responses
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
                    total = added(e, self._adjoints.get(name), a)
                    assert total is not None
                    self._adjoints[name] = total

    @staticmethod
    def _of(bundles: dict[str, Bundle], names: Sequence[str]) -> list[Bundle | None]:
        return [bundles.get(name) for name in names]


def _assemble(facts: GraphFacts, count: int, keep: Sequence[str]) -> onnx.ModelProto:
    """The original nodes, those of the derivative, and the constants that either reads."""
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
    kind = helper.np_dtype_to_tensor_dtype(e.dtype)
    responses = facts.shape(response)[1]
    graph.output.append(helper.make_tensor_value_info(response, kind, ["N", responses]))
    graph.output.append(helper.make_tensor_value_info(TERMS, kind, ["N", responses, count]))
    prune(graph, [response, TERMS, *keep])
    return proto


def _sorted(nodes: Sequence[onnx.NodeProto], facts: GraphFacts) -> list[onnx.NodeProto]:
    """Nodes in an order in which each finds its inputs: those of the original come first."""
    known = {facts.function.feed, "", *facts.e.constants}
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
