"""From a function and a batch of events to Taylor coefficients.

``base``         what every engine offers
``session``      onnxruntime: providers, threads, bound buffers
``semantics``    the options under which it computes what the file says
``deployed``     whether that is what others get from the file; whether optimizations keep it
``axes``         whether the first axes of several inputs count events
``alone``        models that depend on their batch, one event at a time
``opening``      a model file becomes a function that can be called
``promotion``    the function in double precision, verified
``standins``     numbers in place of events, where there are no data
``probes``       an event alone, twice the same, finite
``sharing``      the events of a batch among threads
``observe``      every tensor of a graph, once
``derive``       a function's graph → its derivative graph
``exact``        coefficients by the derivative graph; ``lane`` is one thread's way through it
``joints``       the limit of both sides at events on a joint; ``sides``: the graphs for it
``reweighted``   exact coefficients of one graph for ever new weights
``differences``  coefficients by finite-difference stencils on the original graph: ``stencil``,
                 ``steps``, ``noise``, and ``pipeline``, one thread's way through it
``mixed``        each response by one of these two
``finite``       responses to finite steps; ``moves`` says how far each feature goes
"""
