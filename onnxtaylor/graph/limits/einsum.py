"""The largest tensor on the way of an Einsum: its operands are multiplied one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

__all__ = ["largest_product"]


def largest_product(equation: str, shapes: Sequence[Sequence[int]]) -> int:
    """Returns the elements of the largest tensor that an Einsum computes, its result included.

    Operand k + 1 is multiplied with the product of those before it; letters that neither the result
    nor a later operand has are summed over at once.

    Parameters
    ----------
    equation
        ``ij,jk->ik``, or without its result.
    shapes
        Those of the operands.

    >>> largest_product("ab,bc,cd->ad", [(10, 2), (2, 30), (30, 4)])
    300
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        return 0
    operands = [_letters(term, len(shape)) for term, shape in zip(terms, shapes, strict=True)]
    sizes: dict[str, int] = {}
    for letters, shape in zip(operands, shapes, strict=True):
        for letter, size in zip(letters, shape, strict=False):
            sizes[letter] = max(size, sizes.get(letter, 1))
    if arrow:
        result = set(right.replace("...", ""))
        result |= {k for k in sizes if len(k) > 1} if "..." in right else set()
    else:
        every = [letter for letters in operands for letter in letters]
        result = {letter for letter in every if every.count(letter) == 1 or len(letter) > 1}
    largest = prod(sizes[letter] for letter in result & sizes.keys())
    held: set[str] = set()
    for k, letters in enumerate(operands):
        later = result.union(*operands[k + 1 :])
        held = (held | set(letters)) & later
        if k:
            largest = max(largest, prod(sizes[letter] for letter in held & sizes.keys()))
    return largest


def _letters(term: str, rank: int) -> list[str]:
    """Returns one name for each axis of an operand; the axes of ``...`` count from the right."""
    before, dots, after = term.partition("...")
    free = rank - len(before) - len(after) if dots else 0
    return [*before, *(f"...{free - k}" for k in range(free)), *after]
