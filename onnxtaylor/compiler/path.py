"""The nodes between features and responses through which a derivative can pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.compiler.fitted import fit_rule
from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.normalize.loops import LONGEST, NODES
from onnxtaylor.graph.prune import read_names
from onnxtaylor.rules import RULES, Rule
from onnxtaylor.rules.rule import Node
from onnxtaylor.rules.versions import operator_set, rule_for, since_version

__all__ = ["MOST_NODES", "MissingRuleError", "missing_rules", "nodes_on_path", "require_rules"]

# onnxruntime loads a derivative graph, of eleven times as many nodes, in a time that grows with the
# square of their number: a minute for this one
MOST_NODES = 6000

# what normalization writes out where it can
WRITTEN_OUT = {
    "Loop": f"it is written out only if no feature decides how often it runs, at most {LONGEST}"
    f" times, and its copies have at most {NODES} nodes together",
    "Scan": f"it is written out only along an axis of known length, at most {LONGEST}, that does"
    f" not count events, and if its copies have at most {NODES} nodes together",
    "RoiAlign": "it is written out only with a sampling_ratio above 0, which does not depend on the"
    " boxes",
    "Unique": "it compares the events of a batch, and the size of its result depends on the data",
    "If": "it is written out only if both branches can be computed for all events, with results of"
    " equal shapes",
}


class MissingRuleError(ModelError):
    """An operator between features and responses has no rule."""


def missing_rules(function: GraphFunction) -> list[tuple[str, str]]:
    """(operator, node) for every node between features and responses that has no rule."""
    opset = operator_set(function.proto)
    on_path = _between(function, opset)
    return [(node.kind, node.name) for node, rule in on_path if rule is None]


def _between(function: GraphFunction, opset: int) -> list[tuple[Node, Rule | None]]:
    """The nodes between features and responses, with their rules or None."""
    # a loop or a branch also reads tensors of the outer graph, from inside its own graph
    nodes = [
        replace(Node.of(proto), inputs=tuple(read_names(proto)))
        for proto in function.proto.graph.node
    ]
    needed, reached = _needed_tensors(nodes, function.response, opset), {function.seed}
    found = []
    for node in nodes:
        if reached.intersection(node.inputs) and needed.intersection(node.outputs):
            rule = rule_for(node.kind, opset)
            found.append((node, rule))
            if rule is None or rule.kind != "constant":
                reached.update(node.outputs)
    return found


def require_rules(function: GraphFunction) -> None:
    """Raises MissingRuleError for the first operator and node without a rule.

    Raises ModelError where there are too many nodes to be differentiated.
    """
    on_path = _between(function, operator_set(function.proto))
    if len(on_path) > MOST_NODES:
        raise ModelError(
            f"{len(on_path)} nodes stand between features and responses, and at most {MOST_NODES}"
            " are differentiated"
        )
    missing = [node for node, rule in on_path if rule is None]
    if missing:
        kind, name = missing[0].kind, missing[0].name
        lacks = f"operator {printable(kind)} has no rule"
        if kind in RULES:
            lacks += f" for version {since_version(kind, operator_set(function.proto))}"
        if kind in WRITTEN_OUT:
            lacks += f": {WRITTEN_OUT[kind]}"
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
