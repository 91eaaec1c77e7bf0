"""Matrix products and sums over indices, between tensors of an event and shared ones."""

from __future__ import annotations

from string import ascii_letters

import numpy as np
import onnx

from onnxtaylor.graph.lift.lifter import Lifter, Rule, inputs_of
from onnxtaylor.graph.normalize.writer import Attributes

__all__ = ["RULES"]


def matmul(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Multiplies the matrices of each event; its vectors are matrices of one row or column."""
    x, y = node.input
    if context.rank(x) == 1 and not context.is_lifted(y) and context.rank(y) <= 2:
        return context.keep(node)  # the vectors of all events are the rows of one matrix
    gone, names, ranks = [], [], []
    for name, side in ((x, 1), (y, 2)):
        rank = context.rank(name)
        if rank == 1 and context.is_lifted(name):
            gone.append(side - 3)
            name, rank = context.op("Unsqueeze", name, context.constant([side])), 2
            names.append((name, True, rank))
        else:
            names.append((name, context.is_lifted(name), rank))
        ranks.append(rank)
    top = max(ranks)
    factors = [
        context.aligned(name, top, own=rank) if lifted else name for name, lifted, rank in names
    ]
    if not gone:
        return context.finish(node, "MatMul", *factors)
    product = context.op("MatMul", *factors)
    return context.finish(node, "Squeeze", product, context.constant(gone))


def gemm(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Writes α A B + β C as a product of the matrices of each event, and a sum."""
    left, right, more = inputs_of(node, 3)
    dtype = context.tensors[node.output[0]].dtype
    factors = [
        _turned(context, name) if a.get(f"trans{k}", 0) else name
        for k, name in (("A", left), ("B", right))
    ]

    def times(name: str, factor: float) -> str:
        return name if factor == 1 else context.op("Mul", name, context.constant(factor, dtype))

    product = times(context.op("MatMul", *factors), float(a.get("alpha", 1.0)))
    if not more:
        return context.finish(node, "Identity", product)
    term = times(context.aligned(more, 2), float(a.get("beta", 1.0)))
    return context.finish(node, "Add", product, term)


def _turned(context: Lifter, name: str) -> str:
    """Transposes a matrix, a stored one at once."""
    if context.is_lifted(name):
        return context.op("Transpose", name, perm=[0, 2, 1])
    stored = context.w.value(name)
    if stored is None:
        return context.op("Transpose", name, perm=[1, 0])
    return context.w.constant(np.ascontiguousarray(stored.T))


def einsum(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Adds an index for N to the operands of an event, and to the result."""
    equation = a["equation"].decode().replace(" ", "")
    terms, arrow, result = equation.partition("->")
    operands = terms.split(",")
    if not arrow:
        letters = sorted(set(terms) - set(",."))
        once = "".join(letter for letter in letters if terms.count(letter) == 1)
        result = ("..." if "..." in terms else "") + once
    event = next(letter for letter in ascii_letters if letter not in equation)
    operands = [
        event + term if context.is_lifted(name) else term
        for term, name in zip(operands, node.input, strict=True)
    ]
    context.keep(node, equation=f"{','.join(operands)}->{event}{result}")


RULES: dict[str, Rule] = {"Einsum": einsum, "Gemm": gemm, "MatMul": matmul}
