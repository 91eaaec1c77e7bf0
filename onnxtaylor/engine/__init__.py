"""From a function and a batch of events to Taylor coefficients.

``base``           the protocol of all engines
``no_derivative``  events at which a derivative does not exist
``chosen``      the engine that was chosen, and why
``factory``        the engine that the options ask for, and why it is no other one
``beside_trees``   trees beside what is smooth are refused
``by_size``        one engine of the engines of all sizes of sets
``bucketed``       coefficients of all sizes, put back to the slots of the longest
``averaged``       second order averaged over steps: how far, and whether kinks need it
``exact``          by the derivative graph
``differences``    by finite-difference stencils on the original graph
``mixed``          each response by one of these two
``padded``         without coefficients by padded slots
``reduced``        reduced to variables, inputs or named groups
``part``           some of the coefficients
``wrapped``        what these three have of the engine inside
``likely``         the work of an engine, and the seconds that it is likely to take
``finite_step``    responses to finite steps, for models without derivatives
"""
