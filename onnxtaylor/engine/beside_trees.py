"""Refuses derivatives of responses that have trees on the way, beside what is smooth."""

from __future__ import annotations

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.dependence import TREES

__all__ = ["refuse_trees"]


def refuse_trees(function: GraphFunction, path: str) -> None:
    """Raises ModelError, naming the model and the node, for trees between features and responses.

    Derivatives are those of the smooth part alone. Differences between points on two sides of a
    step of a tree are its height over the distance of the points, which is no derivative at all.
    """
    trees = [(kind, node) for kind, node, _ in function.dependence.steps if kind in TREES]
    if trees:
        kind, node = trees[-1]
        raise ModelError(
            f"output {', '.join(map(printable, function.outputs))} jumps at the steps of node"
            f" '{printable(node)}' ({kind}), so that it has no derivatives, and differences would"
            ' mean nothing: analyze with finite_step="0.5sigma", or choose responses without trees'
            " with output=…"
        ).located(path)
