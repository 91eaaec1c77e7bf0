"""What each operator's derivative is: mathematics only.

``verbs``        constant, elementwise, binary, linear: what most rules are made with
``elementwise``  ``activations``  ``piecewise``  ``arithmetic``  ``products``  ``softmax``
``reductions``   ``convolution``  ``separable``  ``extremes``  ``normalization``  ``einsum``
``structure``    ``joins``  ``places``  ``gathering``  ``selection``: operators that move and
                 join elements
``steps``        operators that vary in steps or not at all
``joints``       where the pieces of an operator meet
``contraction``  sums of products of tensors, which several rules write
``base``         what a rule is, and the table ``RULES``
``versions``     which versions of an operator its rule serves
``bundle``       tangents and adjoints, and how they broadcast
``emit``         writes nodes; ``strong``: with zeros that no infinity spoils
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
