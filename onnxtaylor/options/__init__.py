"""Options of all work, each declared once.

``declare``      how an option is declared: meaning, limits, choices
``model``        which inputs are features, which responses are analyzed
``data``         which columns are features, weights and labels, and which events; ``samples``:
                 files by the class of their events; ``missing``: values of missing entries
``engine``       how coefficients are computed; ``finite_step``: steps in the form that users write
``statistics``   how coefficients are scaled, summed and checked; ``grouping``: groups of features
``division``     one shard of many, the survey of all data, a cluster
``pairs``        the pairs that second order is computed of
``scale``        the scale of coefficients: per σ, per unit, or per step
``gof``          how observed and expected events are compared
``audit``        the files that a model is compared with
``sizes``        sizes of memory, such as 4GiB
``process``      limits beyond which a call is ended
``selection``    which coefficients are kept, and which p-values are bad
``functions``    the keywords of each function; ``keywords``: their types, for editors
``source``       the source text of ``keywords``
"""

from __future__ import annotations

from onnxtaylor.options.data import DataOptions
from onnxtaylor.options.engine import EngineOptions
from onnxtaylor.options.model import ModelOptions
from onnxtaylor.options.pairs import PairOptions
from onnxtaylor.options.statistics import StatisticsOptions

__all__ = ["DataOptions", "EngineOptions", "ModelOptions", "PairOptions", "StatisticsOptions"]
