"""Cross-check of the two engines: a sample of events, the allowed deviation, the verdict.

===================  ===============================================================================
``sample``           a seeded sample of the events, taken as they pass
``costs``            what a check costs, by the work of its graphs and by the clock
``plan``             how much is compared within a given time
``second_engine``    the exact engine and the differences; one is that of the analysis
``answers``          both engines at these events, all coefficients
``directions``       random directions, and what coefficients say along them
``remarks``          what was left out, and what second order is
``originals``        the original model at events, in double precision
``lines``            the original model as a function along directions
``planes``           averaged second order in the plane of two directions
``along``            both engines along the directions
``budget``           how far apart sound engines may be
``silent``           responses whose coefficients all vanish: nothing to compare
``second_look``      events at which the engines seem to differ, with other steps
``verdicts``         agrees, differs, undecided, kink: the criteria
``largest``          the events with the largest coefficients, besides the sample
``judge``            verdicts at events, of coefficients, of the whole
``comparisons``      all comparisons of a check, and of the responses
``result``           ``CrossCheck``: frozen, shown as text, JSON and figure
``compared``         both engines at a sample of events
``compare_engines``  both engines of a problem at a sample of its events
``cross_check``      the library call
===================  ===============================================================================
"""

from __future__ import annotations

from onnxtaylor.crosscheck.compare_engines import compare_engines
from onnxtaylor.crosscheck.result import CrossCheck
from onnxtaylor.crosscheck.sample import Sample

__all__ = ["CrossCheck", "Sample", "compare_engines"]
