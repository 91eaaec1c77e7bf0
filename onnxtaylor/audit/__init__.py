"""Audits: pass or fail of a model for a pipeline.

=================  ================================================================================
``policy``         the demands, read from TOML; ``schema``: the JSON Schema of a policy
``suggestion``     a policy written for a given model and data
``service``        ``audit``, the library call; the package itself is callable: ``ot.audit(…)``
``beside``         files that a model is compared with: which are needed
``evidence``       the model, data, coefficients and files that checks compare
``check``          base class of checks; ``checks``: one small file each
``coefficients``   shares of ⟨t⟩, for checks; ``phrases``: words that findings share
``baselines``      whether baselines are comparable; ``drift``: changes since them;
                   ``compared``: what both have in common, column by column
``ranked``         whether both rank the same; ``curvature``: second order of the same kind
``retraining``     the spread between trainings; ``spread``: uncertainty of the features' σ
``mirrored``       p and 1 − p are reported once; ``categories``: one-hot features
``outcome``        ``AuditOutcome``; ``check_outcome``: of one check; ``finding``: one unmet demand
``formats``        the outcome as text, JSON, Markdown, JUnit, SARIF, GitHub annotations, CycloneDX
                   and HTML
=================  ================================================================================
"""

from __future__ import annotations

import sys
from inspect import signature
from types import ModuleType

from onnxtaylor.audit.check import Check, CheckReport, NotApplicableError, option
from onnxtaylor.audit.check_outcome import CheckOutcome
from onnxtaylor.audit.finding import Finding, Location, Subject
from onnxtaylor.audit.outcome import AuditOutcome, File
from onnxtaylor.audit.policy import Policy, read_policy
from onnxtaylor.audit.service import audit

__all__ = [
    "AuditOutcome",
    "Check",
    "CheckOutcome",
    "CheckReport",
    "File",
    "Finding",
    "Location",
    "NotApplicableError",
    "Policy",
    "Subject",
    "audit",
    "option",
    "read_policy",
]


class _Callable(ModuleType):
    """A package that can be called, like the function of the same name.

    ``import onnxtaylor.audit`` puts this package in the place of the function ``ot.audit``, and
    ``ot.audit(model, x)`` has to work still.
    """

    __call__ = staticmethod(audit)


_package = sys.modules[__name__]
_package.__class__ = _Callable
_package.__signature__ = signature(audit)  # type: ignore[attr-defined]  # for help and editors
