"""Numba kernels of onnxtaylor: stencils, their displacement and contraction, bootstrap weights.

They know NumPy and Numba alone, hold no Python objects, and each has a naive reference in the
tests. In the order of the data's path:

``weights``    finite-difference weights by Fornberg's recursion
``points``     where a stencil evaluates the function, and how it weighs what it finds
``displace``   events → rows of displaced events
``contract``   responses at these rows → Taylor coefficients
``errors``     the same responses → how wrong the coefficients may be, and kinks
``noise``      how much of a response is round-off
``collect``    tensors as matrix products leave them → coefficients in their order
``moments``    weighted sums over events
``bootstrap``  counter-based Poisson weights
``jit``        how all of them are compiled
"""
