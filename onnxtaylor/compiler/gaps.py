"""Second derivatives of a softmax of all responses from those of one response less.

A softmax p of scores z does not change when all z rise together, so of C responses only C − 1 are
independent. With the tangents j_k of z_k, less their mean Σ_l p_l j_l,

    H_c = p_c Σ_l p_l (D_c − D_l)        D_k = H(z_k) − H(z_C) + j_k j_kᵀ − j_C j_Cᵀ,  D_C = 0

So the reverse sweep starts at the scores, with C − 1 adjoints e_k − e_C that are the same for all
events, and the kernel ``mix_gaps`` does the rest. No digits are lost that the truth does not lose:
where p_c is small all terms of H_c are, and where it is close to 1 the factor of D_c is the sum of
the other shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onnxtaylor.compiler.curvature import HessianBuilder
from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.rules.bundle import Bundle
from onnxtaylor.rules.rule import Node, Rule
from onnxtaylor.rules.softmax import centred
from onnxtaylor.rules.structure import axis_of

__all__ = ["SoftmaxGaps", "add_softmax", "find_softmax", "gaps_pay", "gaps_seed"]

THROUGH = ("Identity", "Flatten", "Cast")
MOST = 16  # responses
DEPTH = (
    4  # elements with curvature for each number that is mixed, from which on one response less pays
)


@dataclass(frozen=True)
class SoftmaxGaps:
    """Coefficients of second order of a graph are those D_k of the gaps between scores.

    Attributes
    ----------
    shares
        Name of the output with the softmax p, (N, C).
    start
        The first coefficient of second order; all that follow are.
    """

    shares: str
    start: int


def find_softmax(facts: GraphFacts, path: Sequence[tuple[Node, Rule]]) -> Node | None:
    """Finds the softmax over the responses that all of them are, behind nodes that pass them on."""
    name = facts.function.response
    shape = facts.shape(name)
    made_by = {output: node for node, _ in path for output in node.outputs}
    node = made_by.get(name)
    names = [name]
    while node is not None and node.kind in THROUGH:
        names.append(node.inputs[0])
        node = made_by.get(node.inputs[0])
    if node is None or node.kind != "Softmax" or not 2 <= shape[1] <= MOST:
        return None
    names.append(node.inputs[0])
    same = all(facts.shape(n) == (-1, shape[1]) for n in names)
    one_format = all(facts.format(n) == facts.e.dtype for n in names)
    return node if same and one_format and axis_of(node, facts, -1) == 1 else None


def gaps_seed(facts: GraphFacts, responses: int) -> Bundle:
    """Adjoints e_k − e_C of the scores, the same for all events."""
    rows = np.eye(responses)[:-1, None]
    rows[:, 0, -1] = -1.0
    return Bundle(facts.e.constant(rows), responses - 1, (-1, responses), varies=False)


def gaps_pay(width: int, responses: int) -> bool:
    """Whether one response less saves more than it costs to mix the others.

    For each pair of features ``width`` products are saved, and C (C − 1) are added.
    """
    return width >= DEPTH * responses * (responses - 1)


def add_softmax(
    facts: GraphFacts, node: Node, tangents: Bundle, seed: Bundle, hessian: HessianBuilder
) -> None:
    """D_k += j_k j_kᵀ − j_C j_Cᵀ."""
    hessian.add_diagonal(centred(facts, node, tangents), seed)
