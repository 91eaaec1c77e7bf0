"""What each operator's derivative is: mathematics only.

``verbs``        constant, elementwise, binary, linear: what most rules are made with
``elementwise``  ``piecewise``  ``arithmetic``  ``products``  ``softmax``  ``reductions``
``structure``    ``joins``: operators that move and join elements
``base``         what a rule is, and the table ``RULES``
``bundle``       tangents and adjoints, and how they broadcast
``emit``         writes nodes
"""

from onnxtaylor.rules import (
    arithmetic,
    elementwise,
    joins,
    piecewise,
    products,
    reductions,
    softmax,
    steps,
    structure,
)
from onnxtaylor.rules.base import RULES, Rule, register

__all__ = [
    "RULES",
    "Rule",
    "arithmetic",
    "elementwise",
    "joins",
    "piecewise",
    "products",
    "reductions",
    "register",
    "softmax",
    "steps",
    "structure",
]
