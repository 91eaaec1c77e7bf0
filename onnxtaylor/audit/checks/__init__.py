"""The built-in checks, one small file each, and the checks of other distributions.

===================  ==============================================================================
``response_agreement``, ``derivative_agreement``, ``finite``   whether to trust the coefficients
``dead_feature``, ``forbidden_feature``, ``dominance``, ``expected_top``   what the model depends on
``baseline_drift``, ``out_of_range``   against an earlier result
``reference_agreement``   against another file of the same model
``mismodelled``      against the goodness of fit of its inputs
``constant_response``, ``kinks``, ``saturation``, ``statistics``   whether the method applies
``provenance``       whether these are the files that were approved
===================  ==============================================================================

Another distribution adds checks by entry points of the group ``onnxtaylor.checks``: their names are
the ids of the checks, their objects the ``Check`` classes:

    [project.entry-points."onnxtaylor.checks"]
    few-features = "my_package.checks:FewFeatures"

They run only where a policy lists them.
"""

from __future__ import annotations

import inspect
from importlib.metadata import EntryPoint, entry_points

from onnxtaylor.audit.check import Check
from onnxtaylor.audit.checks.baseline_drift import BaselineDrift
from onnxtaylor.audit.checks.constant_response import ConstantResponse
from onnxtaylor.audit.checks.dead_feature import DeadFeature
from onnxtaylor.audit.checks.derivative_agreement import DerivativeAgreement
from onnxtaylor.audit.checks.dominance import Dominance
from onnxtaylor.audit.checks.expected_top import ExpectedTop
from onnxtaylor.audit.checks.finite import Finite
from onnxtaylor.audit.checks.forbidden_feature import ForbiddenFeature
from onnxtaylor.audit.checks.kinks import Kinks
from onnxtaylor.audit.checks.mismodelled import Mismodelled
from onnxtaylor.audit.checks.out_of_range import OutOfRange
from onnxtaylor.audit.checks.provenance import Provenance
from onnxtaylor.audit.checks.reference_agreement import ReferenceAgreement
from onnxtaylor.audit.checks.response_agreement import ResponseAgreement
from onnxtaylor.audit.checks.saturation import Saturation
from onnxtaylor.audit.checks.statistics import EnoughStatistics
from onnxtaylor.errors import OptionError, name_hint, printable

__all__ = ["BUILT_IN", "FORMER", "GROUP", "find_check", "known_ids"]

GROUP = "onnxtaylor.checks"
FORMER = {"primal-agreement": "response-agreement"}  # ids of earlier policies

BUILT_IN: dict[str, type[Check]] = {
    check.id: check
    for check in (
        Finite,
        ResponseAgreement,
        DerivativeAgreement,
        ConstantResponse,
        EnoughStatistics,
        ForbiddenFeature,
        Dominance,
        DeadFeature,
        ExpectedTop,
        BaselineDrift,
        OutOfRange,
        ReferenceAgreement,
        Mismodelled,
        Kinks,
        Saturation,
        Provenance,
    )
}


def find_check(id: str) -> type[Check]:
    """Finds the check of an id, among the built-in ones and those of other distributions.

    Raises
    ------
    OptionError
        Where the check does not exist, cannot be loaded, or is not a ``Check`` class.
    """
    if id in BUILT_IN:
        return BUILT_IN[id]
    points = {point.name: point for point in _points()}
    if id not in points:
        raise OptionError(f"there is no check '{printable(id)}'{name_hint(id, known_ids())}")
    kind = _load(points[id])
    if not (isinstance(kind, type) and issubclass(kind, Check)) or inspect.isabstract(kind):
        raise OptionError(f"{_title(points[id])} is no subclass of onnxtaylor.audit.Check")
    if getattr(kind, "id", None) != id:
        raise OptionError(f"{_title(points[id])} has the id {printable(getattr(kind, 'id', None))}")
    return kind


def known_ids() -> list[str]:
    """Returns the ids of all checks, the built-in ones first."""
    return [*BUILT_IN, *sorted(point.name for point in _points() if point.name not in BUILT_IN)]


def _points() -> list[EntryPoint]:
    return list(entry_points(group=GROUP))


def _load(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:  # whatever another distribution's import may raise
        raise OptionError(
            f"{_title(point)} cannot be loaded: {type(error).__name__}: {printable(error)}"
        ) from error


def _title(point: EntryPoint) -> str:
    source = f" of {printable(point.dist.name)}" if point.dist else ""
    return f"check '{printable(point.name)}'{source} ({printable(point.value)})"
