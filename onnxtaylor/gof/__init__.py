"""Goodness of fit of the inputs: are the observed events those that the simulation expects?

===============  ===================================================================================
``samples``      observed and expected events: columns that both have
``bins``         quantile bins of the expectation, joined until each holds enough
``saturated``    the likelihood ratio of observed and expected bins, its toys, p-values
``distances``    Kolmogorov–Smirnov and Anderson–Darling in fine bins
``evaluate``     every feature and every pair of two samples
``service``      ``goodness_of_fit``: the library call
``result``       ``GoodnessOfFit``: frozen, versioned, saved and loaded
``consistency``  numbers of a saved one that contradict one another
``combine``      p-values read from files of CMS' combine
``join``         p-values beside a result's ⟨t⟩: well modelled, check or drop, and the rule for it
===============  ===================================================================================

>>> from onnxtaylor.gof import goodness_of_fit
>>> goodness_of_fit("data.csv", "mc.csv", weights="w").save("gof.json")    # doctest: +SKIP
"""

from __future__ import annotations

from onnxtaylor.gof.combine import read_combine
from onnxtaylor.gof.join import JoinedTable, join
from onnxtaylor.gof.result import GoodnessOfFit
from onnxtaylor.gof.samples import Sample, read_samples
from onnxtaylor.gof.service import goodness_of_fit
from onnxtaylor.options.gof import GofOptions

__all__ = [
    "GofOptions",
    "GoodnessOfFit",
    "JoinedTable",
    "Sample",
    "goodness_of_fit",
    "join",
    "read_combine",
    "read_samples",
]
