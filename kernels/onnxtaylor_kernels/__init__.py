"""Numba kernels of onnxtaylor: stencils, their displacement and contraction, bootstrap weights.

They know NumPy and Numba alone, hold no Python objects, and each has a naive reference in the
tests. In the order of the data's path:

``weights``    finite-difference weights by Fornberg's recursion
``points``     where a stencil evaluates the function, and how it weighs what it finds
``displace``   events → rows of displaced events
``contract``   responses at these rows → Taylor coefficients
``bootstrap``  counter-based Poisson weights
"""
