"""Derivatives of the operators: mathematics only.

To write a rule:

``rule``         the protocol of a rule, and the table ``RULES`` of all operators
``verbs``        constant, elementwise, binary, linear: most rules are one of these
``bundle``       tangents and adjoints of a tensor, and how they broadcast
``contraction``  sums of products of tensors
``emit``         writes ONNX nodes; ``strong`` writes products in which 0 · ∞ = 0
``versions``     the versions of an operator that its rule covers
``joints``       the points at which the pieces of an operator meet

The rules themselves:

``elementwise``  ``activations``  ``piecewise``  ``arithmetic``  ``products``  ``softmax``
``reductions``   ``convolution``  ``separable``  ``extremes``  ``normalization``  ``einsum``
``structure``    ``joins``  ``places``  ``gathering``  ``selection``: operators that move and
                 join elements
``steps``        operators that vary in steps or not at all
"""

from onnxtaylor.rules import (
    activations,
    arithmetic,
    convolution,
    einsum,
    elementwise,
    extremes,
    gathering,
    joins,
    joints,
    normalization,
    piecewise,
    places,
    products,
    reductions,
    selection,
    separable,
    softmax,
    steps,
    structure,
    versions,
)
from onnxtaylor.rules.rule import RULES, Rule, register

__all__ = [
    "RULES",
    "Rule",
    "activations",
    "arithmetic",
    "convolution",
    "einsum",
    "elementwise",
    "extremes",
    "gathering",
    "joins",
    "joints",
    "normalization",
    "piecewise",
    "places",
    "products",
    "reductions",
    "register",
    "selection",
    "separable",
    "softmax",
    "steps",
    "structure",
    "versions",
]
