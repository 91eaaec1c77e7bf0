"""Coefficients by finite differences of the original graph: nothing but evaluation.

``engine``    ``Differences``: coefficients and their error estimates
``stencil``   points and weights
``steps``     how far: truncation against round-off
``noise``     the noise of the responses, measured
``pipeline``  one thread's way from events to coefficients
"""
