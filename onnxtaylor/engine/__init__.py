"""From a function and a batch of events to Taylor coefficients.

``base``         what every engine offers
``session``      onnxruntime: providers, threads, bound buffers
``opening``      a model file becomes a function that can be called, probed before it is trusted
``differences``  finite-difference stencils on the original graph
"""
