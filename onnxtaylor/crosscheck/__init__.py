"""Cross-check of the two engines: a sample of events, the allowed deviation, the verdict.

===================  ===============================================================================
``sample``           a seeded sample of the events, taken as they pass
``answers``          both engines at these events
``budget``           how far apart sound engines may be
``silent``           responses whose coefficients all vanish: nothing to compare
``second_look``      events at which the engines seem to differ, with other steps
``verdicts``         agrees, differs, undecided, kink: the criteria
``judge``            verdicts at events, of coefficients, of the whole
``comparisons``      all comparisons of a check, and of the responses
``result``           ``CrossCheck``: frozen, shown as text, JSON and figure
``compare_engines``  both engines of a problem at a sample, within a given time
``cross_check``      the library call
===================  ===============================================================================
"""

from __future__ import annotations

from onnxtaylor.crosscheck.compare_engines import compare_engines
from onnxtaylor.crosscheck.result import CrossCheck
from onnxtaylor.crosscheck.sample import Sample

__all__ = ["CrossCheck", "Sample", "compare_engines"]
