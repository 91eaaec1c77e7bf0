"""Exact coefficients: the graph is compiled into its derivative graph, which onnxruntime runs.

``derive``       a function's graph → its derivative graph: normalize, observe, compile
``engine``       ``Exact``: coefficients, and their sums in the graph
``pipeline``     the work of one thread, from events to coefficients or sums
``compared``     the derivative graph's responses against the original model's
``reader``       the graph's output tensors → coefficients
``timing``       the time that a call takes, for the choice of the batch size
``joints``       events on a joint get the limit of both sides, where there is one
``two_sided``    how that limit is taken
``jumps``        responses that jump beside an event
``limit_graph``  the derivative graph that is evaluated at both sides
``reweighted``   coefficients of one graph at fixed events, with weights that change
``structure``    the structure that graphs of one training share
"""
