"""Taylor coefficients of ONNX models over a data set: what is a network's response made of?

>>> import onnxtaylor as ot
>>> result = ot.analyze("model.onnx", "events.parquet", weights="weight")    # doctest: +SKIP
>>> result.top(5)                                                            # doctest: +SKIP
>>> ot.audit("model.onnx", "events.parquet", baseline="result.json").passed  # doctest: +SKIP

The data's path through the package, top to bottom:

==============  ===================================================================================
``errors``      the exception tree: an error names the option, file, node or column at fault
``indices``     the convention: order of the coefficients, 1/α!, labels
``slots``       names of features of a set, such as pf.pt[3], and groups of features
``text``        names and numbers for display: escaped, shortened, rounded
``supervision`` work in a process of its own, and a watch over it: crashes, memory, time
``files``       recognizes the kind of a file; writes a file whole or not at all; locks a folder
``progress``    the progress callback of long work, and the bar that draws it
``options``     all options: declared once, with meaning, limits and choices
``inputs``      specification of a model's inputs: roles, axes, columns, transforms, padding
``graph``       1 a model in: load, choose inputs and responses, rewrite to f: Rⁿ → R^C
``rules``       2 the derivative of each operator: mathematics only
``compiler``    3 graph → derivative graph: forward Jacobians, reverse adjoints, curvature
``data``        4 batches of (x, weight, label) from arrays, CSV, Parquet, Arrow, NumPy files
``runtime``     onnxruntime: sessions, threads, double precision
``problem``     5 this model on these data, opened once: function, source, survey, probes
``engine``      6 coefficients of one batch: exact, differences, finite steps
``statistics``  7 stream → numbers: moments, bootstrap, ranks; merge and resume
``run``         8 the verbs on one model: analyze, also in parts, plan, differentiate, inspect
``crosscheck``  the two engines against one another
``comparison``  two results, or two models on the same data
``tracking``    how ⟨t⟩ changes while a model learns: checkpoints, callbacks
``gof``         goodness of fit of the inputs, and its table joined with ⟨t⟩
``audit``       pass or fail for a pipeline: policy, checks, formats
``results``     saved results: TaylorResult, its parts, documents; ranking and selection
``views``       results for the eye: figures, the report page, tables
``integrations``  results in other programs, such as MLflow
``guide``       the documentation, as Markdown that the tests run
``cli``         one thin file per command
==============  ===================================================================================

Numba kernels are a package of their own, ``onnxtaylor_kernels``.
"""

from __future__ import annotations

# not imported from ``typing``, which loads long: Ctrl-C meanwhile could not be answered
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from onnxtaylor.audit import AuditOutcome, audit
    from onnxtaylor.comparison import Comparison, compare_results
    from onnxtaylor.comparison.models import compare_models
    from onnxtaylor.crosscheck.cross_check import CrossCheck, cross_check
    from onnxtaylor.errors import OnnxTaylorError
    from onnxtaylor.gof import GoodnessOfFit, goodness_of_fit
    from onnxtaylor.indices import MultiIndices
    from onnxtaylor.problem import Problem
    from onnxtaylor.results.cost import CostPlan
    from onnxtaylor.results.selection import Selection, select
    from onnxtaylor.results.taylor import TaylorResult
    from onnxtaylor.rules import register
    from onnxtaylor.run.analyze import analyze
    from onnxtaylor.run.differentiate import DerivativeProducts, Derivatives, differentiate
    from onnxtaylor.run.inspect import inspect_model
    from onnxtaylor.run.plan import plan
    from onnxtaylor.tracking import LearningProgress, ProgressResult

__version__ = "0.2.0"

__all__ = [
    "AuditOutcome",
    "Comparison",
    "CostPlan",
    "CrossCheck",
    "DerivativeProducts",
    "Derivatives",
    "GoodnessOfFit",
    "LearningProgress",
    "MultiIndices",
    "OnnxTaylorError",
    "Problem",
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
    "inspect_model",
    "plan",
    "register",
    "select",
]

_HOMES = {
    "MultiIndices": "indices",
    "OnnxTaylorError": "errors",
    "Problem": "problem",
    "TaylorResult": "results.taylor",
    "CostPlan": "results.cost",
    "Selection": "results.selection",
    "DerivativeProducts": "run.differentiate",
    "Derivatives": "run.differentiate",
    "CrossCheck": "crosscheck",
    "AuditOutcome": "audit",
    "GoodnessOfFit": "gof",
    "analyze": "run.analyze",
    "audit": "audit",
    "Comparison": "comparison",
    "compare_models": "comparison.models",
    "compare_results": "comparison",
    "LearningProgress": "tracking",
    "ProgressResult": "tracking",
    "plan": "run.plan",
    "cross_check": "crosscheck.cross_check",
    "differentiate": "run.differentiate",
    "goodness_of_fit": "gof",
    "inspect_model": "run.inspect",
    "register": "rules",
    "select": "results.selection",
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
