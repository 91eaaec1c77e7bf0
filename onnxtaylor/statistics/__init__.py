"""A stream of coefficients → scores with uncertainties, in constant memory, mergeable.

``moments``      weighted sums of one group: score, signed mean, RMS, SEM
``bootstrap``    the same sums under Poisson weights, for rank intervals
``accumulator``  both, for all groups: update, merge, finalize
``ranks``        places among the coefficients, and their intervals
``checkpoint``   the sums of unfinished work on disk
"""

from onnxtaylor.statistics.accumulator import Accumulator, Statistics

__all__ = ["Accumulator", "Statistics"]
