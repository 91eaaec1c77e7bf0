"""Exact coefficients: the graph's derivative graph, run.

``derive``      a function's graph → its derivative graph: normalize, observe, compile
``engine``      ``Exact``: coefficients, and their sums in the graph
``lane``        one thread's way through the derivative graph
``joints``      the limit of both sides at events on a joint; ``sides``: the graphs for it
``reweighted``  coefficients of one graph for ever new weights
"""
