"""Taylor coefficients of ONNX models over a data set: what is a network's response made of?

>>> import onnxtaylor as ot
>>> result = ot.analyze("model.onnx", "events.parquet", weights="weight")    # doctest: +SKIP
>>> result.top(5)                                                            # doctest: +SKIP
>>> ot.audit("model.onnx", "events.parquet", baseline="result.json").passed  # doctest: +SKIP

The data's path through the package, top to bottom:

==============  ===================================================================================
``graph``       1 a model in: load, choose inputs and responses, rewrite to f: Rⁿ → R^C
``rules``       2 what each operator's derivative is: mathematics only
``compiler``    3 graph → derivative graph: forward Jacobians, reverse adjoints, curvature
``engine``      4 coefficients of one batch: the protocol, exact, differences, onnxruntime
``data``        5 batches of (x, weight, label) from arrays, CSV, Parquet, Arrow, NumPy files
``statistics``  6 stream → numbers: moments, bootstrap, ranks; merge and resume
``finite``      the same by finite steps, for models without derivatives
``hygiene``     what is suspicious about data and responses
``unvarying``   responses that are the same at every event
``rounding``    what the number format of the inputs does to the data
``settings``    what an analysis can be asked for; ``inputs``: its data, matched with the model
``analysis``    the wiring of 1 to 6; ``preparation``: all that is made before the first batch;
                ``summing``: batch by batch; ``outcome``: what is told of it
``check``, ``checking``   the two engines against one another
``comparison``  two results, or two models on the same data
``result``      7 TaylorResult: frozen, versioned, saved and loaded; ``summaries``: its parts
``progress``    how ⟨t⟩ changes while a model learns: checkpoints, callbacks
``derivatives``  value, Jacobian and Hessian as a function and as a file
``inspection``  what a model offers, and which engine would take it
``ranking``, ``selection``, ``plot``   what people do with a result
``gof``         goodness of fit of the inputs, and its table joined with ⟨t⟩
``audit``       pass or fail for a pipeline: policy, checks, formats
``report``      a result as one HTML page, and as what a notebook shows; ``bars``: progress, seen
``cli``         one thin file per command
``tables``      rankings as Markdown and LaTeX; ``markup``: untrusted text in these
``classes``     which response belongs to which class; ``abbreviation``: long names cut
``uncertainty``  how many digits a value has
``indices``     the convention: order of the coefficients, 1/α!, labels
``files``       written whole or not at all; ``documents``: saved JSON, read; ``recognize``: what a
                file is, by its first bytes
``errors``      the exception tree
==============  ===================================================================================

Numba kernels are a package of their own, ``onnxtaylor_kernels``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxtaylor.analysis import analyze
    from onnxtaylor.audit import AuditOutcome, audit
    from onnxtaylor.check import CrossCheck, cross_check
    from onnxtaylor.comparison import Comparison, compare_results
    from onnxtaylor.comparison.models import compare_models
    from onnxtaylor.derivatives import Derivatives, differentiate
    from onnxtaylor.errors import OnnxTaylorError
    from onnxtaylor.gof import GoodnessOfFit, goodness_of_fit
    from onnxtaylor.indices import MultiIndices
    from onnxtaylor.progress import LearningProgress, ProgressResult
    from onnxtaylor.result import TaylorResult
    from onnxtaylor.rules import register
    from onnxtaylor.selection import Selection, select

__version__ = "0.1.0"

__all__ = [
    "AuditOutcome",
    "Comparison",
    "CrossCheck",
    "Derivatives",
    "GoodnessOfFit",
    "LearningProgress",
    "MultiIndices",
    "OnnxTaylorError",
    "ProgressResult",
    "Selection",
    "TaylorResult",
    "__version__",
    "analyze",
    "audit",
    "compare_models",
    "compare_results",
    "cross_check",
    "differentiate",
    "goodness_of_fit",
    "register",
    "select",
]

_HOMES = {
    "MultiIndices": "indices",
    "OnnxTaylorError": "errors",
    "TaylorResult": "result",
    "Selection": "selection",
    "Derivatives": "derivatives",
    "CrossCheck": "check",
    "AuditOutcome": "audit",
    "GoodnessOfFit": "gof",
    "analyze": "analysis",
    "audit": "audit",
    "Comparison": "comparison",
    "compare_models": "comparison.models",
    "compare_results": "comparison",
    "LearningProgress": "progress",
    "ProgressResult": "progress",
    "cross_check": "check",
    "differentiate": "derivatives",
    "goodness_of_fit": "gof",
    "register": "rules",
    "select": "selection",
}


def __getattr__(name: str) -> Any:
    # numba, onnx and pyarrow take a second to import: only for those who use them
    if name not in _HOMES:
        raise AttributeError(f"module 'onnxtaylor' has no attribute '{name}'")
    from importlib import import_module

    home = import_module(f"onnxtaylor.{_HOMES[name]}")
    return home if name == _HOMES[name] else getattr(home, name)  # ``audit`` is called itself


def __dir__() -> list[str]:
    return sorted(__all__)
