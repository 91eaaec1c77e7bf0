"""Comparison of two results, or of two models on the same data: significant changes.

===========  ===================================================================================
``match``    the outputs, groups and coefficients that two results have in common
``units``    σ of the features of both
``moved``    ``Comparison``: changes of ⟨t⟩, their uncertainties, family-wise significance
``document`` the JSON document of it
``paired``   sums over events of abs(t_B) − abs(t_A), and of the responses' differences
``models``   two models on the same data, event by event
===========  ===================================================================================
"""

from __future__ import annotations

from onnxtaylor.comparison.moved import Comparison, compare_results, holm, two_sided
from onnxtaylor.comparison.paired import ResponseDifference

__all__ = ["Comparison", "ResponseDifference", "compare_results", "holm", "two_sided"]
