"""Operators that move the entries of their first input without changing their values.

One table for all code that follows entries along a graph: to find the format in which a feature
arrives, the weights of a product, the sign of numbers, the origin of a response's columns.
"""

from __future__ import annotations

__all__ = ["MOVING", "RESHAPING"]

# the entries stay in their order; only the shape changes
RESHAPING = frozenset({"Flatten", "Reshape", "Squeeze", "Unsqueeze"})
# some of the entries, or all of them in another order
MOVING = RESHAPING | {"Gather", "Identity", "Slice", "Transpose"}
