"""From a function and a batch of events to Taylor coefficients.

``base``         the protocol: what every engine offers
``exact``        by the derivative graph
``differences``  by finite-difference stencils on the original graph
``mixed``        each response by one of these two
``finite_step``  responses to finite steps, for models without derivatives
"""
