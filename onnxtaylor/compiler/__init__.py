"""Graph → derivative graph: forward Jacobians, reverse adjoints, curvature.

``facts``       shapes, values, what depends on the features
``order``       in which order an axis holds events
``local``       rules in the format and order of their node
``curvature``   Σ_k Jᵀ (ā · D²φ) J as matrix products
``derivative``  the sweeps, and the graph that they write
``joints``      which events lie where pieces of an operator meet
``singular``    whether slopes may be infinite
``pieces``      where coefficients lie in what the products leave
``third``       third order: the derivative graph, differentiated again
``export``      value, Jacobian and Hessian as outputs of one file
``sums``        the same graph with sums over the batch in place of coefficients
"""

from onnxtaylor.compiler.derivative import (
    TERMS,
    DerivativeGraph,
    MissingRuleError,
    compile_terms,
    missing_rules,
)
from onnxtaylor.compiler.facts import Observation

__all__ = [
    "TERMS",
    "DerivativeGraph",
    "MissingRuleError",
    "Observation",
    "compile_terms",
    "missing_rules",
]
