"""The Higgs challenge of the publication: what does a network's response depend on, and is the
upper 5 % of its Taylor coefficients all that it needs?

Wunsch, Friese, Wolf, Quast, Comput. Softw. Big Sci. 2 (2018) 5, arXiv:1803.08782.

``training``      the network, its trainings on all, on the selected and on the other variables
``significance``  AMS, cuts, ROC, and what the number of events leaves open of them
``figures``       ranked curve, matrix, scores, ROC and AMS
``study``         the wiring and the claims; ``section``: what the README says of it
"""

from validation.higgs_challenge.study import STUDY

__all__ = ["STUDY"]
