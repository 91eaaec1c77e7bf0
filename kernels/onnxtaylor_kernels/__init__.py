"""Numba kernels of onnxtaylor: stencils, their displacement and contraction, bootstrap weights.

They import NumPy and Numba only, use no Python objects, and each has a naive reference in the
tests. In the order of the data's path:

``weights``    finite-difference weights by Fornberg's recursion
``points``     the points of a stencil, and the weights of the responses there
``displace``   events → rows of displaced events
``contract``   responses at these rows → Taylor coefficients
``averaged``   events → rows of stepped events; gradients and responses there → mean curvature
``errors``     responses at these rows → bounds of the coefficients' errors, and kinks
``noise``      the round-off noise of a response
``curvature``  weighted products of rows, summed into second derivatives
``gaps``       second derivatives of a softmax from those of the gaps between its scores
``collect``    results of matrix products → coefficients in their order
``reduce``     coefficients of features → one number for each group of features
``moments``    weighted sums over events
``bootstrap``  counter-based Poisson weights
``jit``        compiles all kernels, with the same settings
"""
