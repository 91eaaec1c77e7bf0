"""A stream of coefficients → scores with uncertainties, in constant memory; sums can be merged.

``moments``      weighted sums of one group: score, signed mean, RMS, SEM
``bootstrap``    the same sums under Poisson weights, for rank intervals
``accumulator``  both, for all groups: update, merge, finalize
``finalize``     sums → the numbers of a result
``heaviest``     the events with the largest coefficients
``ranks``        ranks of the coefficients, and their intervals
``checkpoint``   the sums of unfinished work on disk
``sound_sums``   whether saved arrays can be sums
"""

from onnxtaylor.statistics.accumulator import Accumulator
from onnxtaylor.statistics.finalize import Statistics

__all__ = ["Accumulator", "Statistics"]
