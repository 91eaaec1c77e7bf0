"""From a function and a batch of events to Taylor coefficients.

``base``         what every engine offers
``session``      onnxruntime: providers, threads, bound buffers
``opening``      a model file becomes a function that can be called
``promotion``    the function in double precision, verified
``probes``       an event alone, twice the same, finite
``differences``  finite-difference stencils on the original graph
"""
