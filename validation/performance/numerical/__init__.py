"""The differences engine beside numdifftools and scipy.differentiate, accuracy for accuracy.

``python -m validation.performance.numerical`` computes t_i, t_ii and t_ij of three models of one
response with each of them, in float32 and promoted to float64. All evaluate the model by a session
of onnxruntime that was started in the same way, with one thread; the truth is the exact engine in
float64. Peers run with their defaults and, where one is found, with the setting of fewest
evaluations that is at least as accurate as the engine (``search.py`` has the settings that are
tried, for Jacobian and Hessian by themselves). Peers that take many events in one call get them so:
scipy.differentiate for both, numdifftools for the Jacobian; its Hessian is that of one number, at
one event.

The times are taken in turn, program by program, as a median over the turns; the factor is the
median of the ratios to the engine in the same turn. The tables stand between the marks
``<!-- numerical -->`` of ``../README.md``.
"""
