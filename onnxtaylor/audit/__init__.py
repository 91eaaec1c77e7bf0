"""Pass or fail for a pipeline: source → service → outcome → one file per format.

=================  ================================================================================
``policy``         what is demanded, from TOML; ``schema``: its JSON Schema
``base``           what a check is; ``checks``: one small file each
``evidence``       what checks look at, made when first asked for
``coefficients``   shares of ⟨t⟩; ``wording``: how numbers are told
``spread``         how well the data know the features' σ, and what it does to ⟨t⟩
``drift``          changes since a baseline; ``retraining``: since several trainings
``mirrored``       p and 1 − p are told once; ``categories``: one-hot features
``service``        ``audit``: the library call, which the package itself is, too: ``ot.audit(…)``
``outcome``        ``AuditOutcome``; ``finding``: what, where, how much, how sure, what to do
``notebook``       what a notebook shows
``formats``        text, JSON and the others
``suggestion``     a policy for a given model and data
=================  ================================================================================
"""

from __future__ import annotations

import sys
from inspect import signature
from types import ModuleType

from onnxtaylor.audit.check import Check, Looked, NotApplicableError, option
from onnxtaylor.audit.finding import Finding, Location, Subject
from onnxtaylor.audit.outcome import AuditOutcome, CheckOutcome, File
from onnxtaylor.audit.policy import Policy, read_policy
from onnxtaylor.audit.service import audit

__all__ = [
    "AuditOutcome",
    "Check",
    "CheckOutcome",
    "File",
    "Finding",
    "Location",
    "Looked",
    "NotApplicableError",
    "Policy",
    "Subject",
    "audit",
    "option",
    "read_policy",
]


class _Callable(ModuleType):
    """A package that is called like the function of its name.

    ``ot.audit(model, x)`` works, and so do ``import onnxtaylor.audit`` and imports from it: they
    put the package in the place of the name.
    """

    __call__ = staticmethod(audit)


_package = sys.modules[__name__]
_package.__class__ = _Callable
_package.__signature__ = signature(audit)  # type: ignore[attr-defined]  # for help and editors
