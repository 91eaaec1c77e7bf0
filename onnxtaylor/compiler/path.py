"""The nodes between features and responses through which a derivative can pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.compiler.fitted import fit_rule
from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.prune import read_names
from onnxtaylor.rules import RULES, Rule
from onnxtaylor.rules.rule import Node
from onnxtaylor.rules.versions import operator_set, rule_for, since_version

__all__ = ["MissingRuleError", "missing_rules", "nodes_on_path", "require_rules"]


class MissingRuleError(ModelError):
    """An operator between features and responses has no rule."""


def missing_rules(function: GraphFunction) -> list[tuple[str, str]]:
    """(operator, node) for every node between features and responses that has no rule."""
    # a loop or a branch also reads tensors of the outer graph, from inside its own graph
    nodes = [
        replace(Node.of(proto), inputs=tuple(read_names(proto)))
        for proto in function.proto.graph.node
    ]
    opset = operator_set(function.proto)
    needed, reached = _needed_tensors(nodes, function.response, opset), {function.seed}
    missing = []
    for node in nodes:
        if reached.intersection(node.inputs) and needed.intersection(node.outputs):
            rule = rule_for(node.kind, opset)
            if rule is None:
                missing.append((node.kind, node.name))
            if rule is None or rule.kind != "constant":
                reached.update(node.outputs)
    return missing


def require_rules(function: GraphFunction) -> None:
    """Raises MissingRuleError for the first operator and node without a rule."""
    missing = missing_rules(function)
    if missing:
        kind, name = missing[0]
        lacks = f"operator {printable(kind)} has no rule"
        if kind in RULES:
            lacks += f" for version {since_version(kind, operator_set(function.proto))}"
        raise MissingRuleError(f"node '{printable(name)}': {lacks}")


def nodes_on_path(facts: GraphFacts) -> list[tuple[Node, Rule]]:
    """The nodes through which a derivative can pass, in the graph's order, with their rules."""
    function = facts.function
    needed = _needed_tensors(facts.nodes, function.response, operator_set(function.proto))
    reached, path = {function.seed}, []
    for node in facts.nodes:
        if not (reached.intersection(node.inputs) and needed.intersection(node.outputs)):
            continue
        rule = RULES[node.kind]
        if rule.kind != "constant":
            path.append((node, fit_rule(facts, node, rule, reached)))
            reached.update(node.outputs)
    return path


def _needed_tensors(nodes: Sequence[Node], response: str, opset: int) -> set[str]:
    """The tensors on which the response depends, other than through a step."""
    needed = {response}
    for node in reversed(nodes):
        rule = rule_for(node.kind, opset)
        if needed.intersection(node.outputs) and (rule is None or rule.kind != "constant"):
            needed.update(node.inputs)
    return needed
