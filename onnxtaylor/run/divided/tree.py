"""Adds parts as a binary tree over their order, so that sums have the same bits in every process.

((1 + 2) + (3 + 4)) + (5 + 6): neighbours are added, then the sums of neighbours, and so on; what is
left over waits. No more than one sum of each size is held at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["add_in_tree"]

Sum = TypeVar("Sum")


def add_in_tree(parts: Iterable[Sum], add: Callable[[Sum, Sum], Sum]) -> Sum:
    """Returns the sum of the parts, of which there is at least one, in their order.

    >>> add_in_tree(["1", "2", "3", "4", "5", "6"], lambda a, b: f"({a}+{b})")
    '(((1+2)+(3+4))+(5+6))'
    """
    waiting: list[tuple[int, Sum]] = []  # with their levels in the tree, which fall
    for part in parts:
        level = 0
        while waiting and waiting[-1][0] == level:
            part, level = add(waiting.pop()[1], part), level + 1
        waiting.append((level, part))
    total = waiting.pop()[1]
    while waiting:
        total = add(waiting.pop()[1], total)
    return total
