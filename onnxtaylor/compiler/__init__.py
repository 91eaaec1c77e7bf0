"""Graph → derivative graph: forward Jacobians, reverse adjoints, curvature.

``derivative``  the graph of all Taylor coefficients up to second order
``path``        the nodes between features and responses; operators without a rule
``facts``       shapes, values, formats of the graph's tensors
``order``       the order of the events along an axis
``fitted``      rules for nodes of another number format or order of events
``directions``  vectors that are fed in place of the features
``seeded``      products with fed vectors: J v, Jᵀ u, Σ_c u_c H_c v
``product_file``, ``vectors``  these in a file: the model's inputs, and vectors for each of them
``sweeps``      forward: tangents; reverse: adjoints; first and second order
``packed``      features that share a tangent, such as those of the slots of a set
``curvature``   Σ_k Jᵀ (ā_k · D²φ_k) J as a few matrix products
``gaps``        the curvature of a softmax of C responses from C − 1 of them
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
from onnxtaylor.compiler.path import MissingRuleError, missing_rules, require_rules

__all__ = [
    "TERMS",
    "DerivativeGraph",
    "MissingRuleError",
    "Observation",
    "compile_joints",
    "compile_terms",
    "missing_rules",
    "require_rules",
]
