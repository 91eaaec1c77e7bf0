"""Coefficients by finite differences of the original graph, which needs nothing but evaluation.

``engine``    ``Differences``: coefficients and bounds of their errors
``stencil``   points and weights
``steps``     widths of the steps: truncation against round-off
``usual``     the range of the data without cells that lie far from all others
``noise``     the noise of the responses, measured
``chunks``    a stencil at any number of events: chunks shared among threads
``pipeline``  the work of one thread, from events to coefficients
"""
