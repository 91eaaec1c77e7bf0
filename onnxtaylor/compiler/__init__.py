"""Graph → derivative graph: forward Jacobians, reverse adjoints, curvature.

``derivative``  the graph of all Taylor coefficients up to second order
``path``        the nodes between features and responses; operators without a rule
``facts``       shapes, values, formats of the graph's tensors
``order``       the order of the events along an axis
``fitted``      rules for nodes of another number format or order of events
``sweeps``      forward: tangents; reverse: adjoints; first and second order
``curvature``   Σ_k Jᵀ (ā_k · D²φ_k) J as a few matrix products
``pieces``      the places of coefficients in the results of these products
``singular``    whether a slope may be infinite
``joints``      the events that lie where pieces of an operator meet
``kinks``       operators whose slope or value jumps
``assembly``    the model: original nodes, nodes of the derivative, constants
``third``       third order: the derivative graph, differentiated again
``export``      value, Jacobian and Hessian as outputs of one file
``row_inputs``  the model's own inputs in place of a row
``sums``        a derivative graph whose outputs are sums over the batch
"""

from onnxtaylor.compiler.derivative import TERMS, DerivativeGraph, compile_joints, compile_terms
from onnxtaylor.compiler.facts import Observation
from onnxtaylor.compiler.path import MissingRuleError, missing_rules

__all__ = [
    "TERMS",
    "DerivativeGraph",
    "MissingRuleError",
    "Observation",
    "compile_joints",
    "compile_terms",
    "missing_rules",
]
