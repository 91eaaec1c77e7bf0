"""The two engines against one another: which events, how far apart they may be, what follows.

=============  =====================================================================
``sample``     a seeded sample of the events, taken as they pass
``budget``     how far apart sound engines may be
``silent``     responses whose coefficients all vanish: nothing to compare
``second_look``  events at which the engines seem to differ, with other steps
``verdicts``   agrees, differs, undecided, kink: at events, of coefficients, of all
``outcome``    ``CrossCheck``: frozen, told as text, JSON and figure
``run``        both engines at the sample, within a given time
=============  =====================================================================
"""

from __future__ import annotations

from onnxtaylor.crosscheck.compare_engines import compare_engines
from onnxtaylor.crosscheck.result import CrossCheck
from onnxtaylor.crosscheck.sample import Sample

__all__ = ["CrossCheck", "Sample", "compare_engines"]
