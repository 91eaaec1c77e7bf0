"""Operators that move the entries of their first input and leave each of them as it is.

One table for all who follow entries along a graph: in which format a feature arrives, which
weights reach a product, which numbers keep their sign, which columns of a response come from where.
"""

from __future__ import annotations

__all__ = ["MOVING", "RESHAPING"]

# the entries stay in their order; only the shape changes
RESHAPING = frozenset({"Flatten", "Reshape", "Squeeze", "Unsqueeze"})
# some of the entries, or all of them in another order
MOVING = RESHAPING | {"Gather", "Identity", "Slice", "Transpose"}
