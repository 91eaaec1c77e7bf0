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
``structure``    ``parts``  ``joins``  ``places``  ``gathering``  ``selection``  ``timed``:
                 operators that move and join elements
``signals``      Fourier transforms
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
    parts,
    piecewise,
    places,
    products,
    reductions,
    selection,
    separable,
    signals,
    softmax,
    steps,
    structure,
    timed,
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
    "parts",
    "piecewise",
    "places",
    "products",
    "reductions",
    "register",
    "selection",
    "separable",
    "signals",
    "softmax",
    "steps",
    "structure",
    "timed",
    "versions",
]
