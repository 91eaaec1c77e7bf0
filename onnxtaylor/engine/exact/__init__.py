"""Exact coefficients: the graph is compiled into its derivative graph, which onnxruntime runs.

``derive``       a function's graph → its derivative graph: normalize, observe, compile
``engine``       ``Exact``: coefficients, and their sums in the graph
``fit``          events at a time, threads and blocks of features that fit into memory
``blocks``       graphs for blocks of features, and what each of their runs yields
``compile_blocks``  how they are compiled
``pipeline``     the work of one thread, from events to coefficients or sums
``compared``     the derivative graph's responses against the original model's
``reader``       the graph's output tensors → coefficients
``batch_size``   the number of events in one call: a guess and a short trial
``joints``       events on a joint get the limit of both sides, where there is one
``two_sided``    how that limit is taken
``jumps``        responses that jump beside an event
``limit_graph``  the derivative graph that is evaluated at both sides
``averaged``     second order averaged over steps; ``steps_worker``: the work of one thread
``reweighted``   coefficients of one graph at fixed events, with weights that change
``structure``    the structure that graphs of one training share
"""
