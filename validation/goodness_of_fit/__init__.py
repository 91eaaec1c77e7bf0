"""Goodness of fit and selection: calibrated, sensitive, and joined with ⟨t⟩.

    python -m validation.goodness_of_fit

==============  ===================================================================================
``recipe``      a simulated sample of ten features; what is planted
``experiments`` p-values of pseudo-experiments, the power, random halves of the Higgs challenge
``network``     the network whose ⟨t⟩ is joined
``study``       the study; ``figures`` and ``telling`` show it
==============  ===================================================================================
"""

from validation.goodness_of_fit.study import STUDY

__all__ = ["STUDY"]
