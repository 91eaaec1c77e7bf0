"""Checks: options with limits, and a comparison of the evidence with these limits.

A check is a frozen dataclass. Its fields are the options that a policy may set, written there with
dashes (``max_share`` is ``max-share``); ``option`` gives them their default, limits and meaning.
``run`` does the work. A new check needs no more than this:

    @dataclass(frozen=True, kw_only=True)
    class FewFeatures(Check):
        '''The model takes no more features than it should.'''

        id: ClassVar[str] = "few-features"
        most: int = option(50, "the largest number of features", minimum=1)

        def run(self, evidence: Evidence) -> CheckReport:
            count = len(evidence.result.features)
            too_many = self.finding(
                Subject("model", evidence.model.path),
                evidence.model_file,
                f"the model takes {count} features",
                quantity="number of features", measured=count, relation="≤", limit=self.most,
                certainty="counted", remedy="leave features out that carry little",
            )
            findings = (too_many,) if count > self.most else ()
            return CheckReport(1, "model", findings, f"{count} features")
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

from onnxtaylor.audit.finding import Finding, Location, Subject
from onnxtaylor.errors import OptionError, printable
from onnxtaylor.options.declare import declaration, option

if TYPE_CHECKING:
    from onnxtaylor.audit.evidence import Evidence

__all__ = [
    "Check",
    "CheckReport",
    "CoefficientCheck",
    "FileCheck",
    "NotApplicableError",
    "ResponseCheck",
    "key_of",
    "option",
]


class NotApplicableError(Exception):
    """Raised where a check cannot be run on this evidence; the message is the reason, in one line.

    A default check is then skipped; a check that the policy lists gets the status ``error``.
    """


@dataclass(frozen=True)
class CheckReport:
    """Report of a check that ran.

    Attributes
    ----------
    n_checked, unit
        How many objects were compared with the limits, and the noun for them in the plural.
    findings
        Demands that are not met.
    summary
        One line on how much room is left.
    notes
        Findings that need no action.
    """

    n_checked: int
    unit: str
    findings: tuple[Finding, ...] = ()
    summary: str = ""
    notes: tuple[Finding, ...] = ()


def key_of(name: str) -> str:
    """Returns the key of an option in a policy: ``max_share`` is ``max-share``."""
    return name.replace("_", "-")


@dataclass(frozen=True, kw_only=True)
class Check(ABC):
    """Base class of all checks. The first line of the docstring of a check is its demand.

    Attributes
    ----------
    id
        Name of the check in policies. It never changes.
    usual_level
        Level of its findings where the policy sets none.
    needs
        Files that it compares with: baseline, reference, gof.
    by_default
        Whether it is run without a policy.
    level_is_given
        Whether the policy sets the level.
    """

    id: ClassVar[str]
    usual_level: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ()
    by_default: ClassVar[bool] = True
    level_is_given: ClassVar[bool] = False

    name: str = option("", "its name in reports, where one check is listed several times")
    level: str = option("", "how serious its findings are", choices=("error", "warning", "note"))

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.id)
        object.__setattr__(self, "level_is_given", bool(self.level))
        object.__setattr__(self, "level", self.level or self.usual_level)
        for f in fields(self):
            value, form = getattr(self, f.name), declaration(f).form
            where = f"check '{printable(self.name)}': {key_of(f.name)}"
            # nothing is above a limit that is no number: the check would pass whatever it sees
            if isinstance(value, float) and not isfinite(value):
                raise OptionError(f"{where} = {value}: a limit must be a finite number")
            pattern, words = form or (".*", "")
            for text in value if form and isinstance(value, tuple) else ():
                if not re.fullmatch(pattern, text):
                    raise OptionError(f"{where}: '{printable(text)}' is not {words}")

    def with_level_for(self, evidence: Evidence) -> Check:
        """Returns this check; its usual level may depend on the files to compare with."""
        return self

    def validate_files(self, evidence: Evidence) -> None:  # noqa: B027
        """Makes sure, before the analysis, that the files to compare with fit the model.

        Raises OnnxTaylorError.
        """

    @abstractmethod
    def run(self, evidence: Evidence) -> CheckReport:
        """Compares the evidence with the limits.

        Raises NotApplicableError where that makes no sense, OptionError where the policy asks for
        something that does not exist.
        """

    @classmethod
    def title(cls) -> str:
        """Returns its demand in one line."""
        return (cls.__doc__ or cls.id).strip().splitlines()[0]

    def options(self) -> Mapping[str, Any]:
        """Returns the check's limits by the policy's keys: all fields except name and level."""
        return {
            key_of(f.name): getattr(self, f.name)
            for f in fields(self)
            if f.name not in ("name", "level") and getattr(self, f.name) is not None
        }

    def finding(
        self,
        subject: Subject,
        location: Location,
        message: str,
        *,
        quantity: str,
        measured: float | str,
        relation: str,
        limit: float | str,
        certainty: str,
        remedy: str,
        level: str | None = None,
    ) -> Finding:
        """Makes a finding of this check; its level is the check's, unless another is given."""
        return Finding(
            self.id,
            level or self.level,
            subject,
            location,
            message,
            quantity,
            measured,
            relation,
            limit,
            certainty,
            remedy,
        )

    def note(
        self, subject: Subject, location: Location, message: str, measured: str, limit: str
    ) -> Finding:
        """Makes a finding of level note: something was not compared, and why."""
        return self.finding(
            subject,
            location,
            message,
            quantity="what was compared",
            measured=measured,
            relation="=",
            limit=limit,
            certainty="by name",
            remedy="nothing, if it is meant so",
            level="note",
        )


@dataclass(frozen=True, kw_only=True)
class FileCheck(Check):
    """Base class of checks that compare the model with another file: see ``needs``."""

    when_given: bool = option(
        False, "true: skipped without its file; false: a call without its file is wrong"
    )


@dataclass(frozen=True, kw_only=True)
class ResponseCheck(Check):
    """Base class of checks of responses."""

    outputs: tuple[str, ...] = option(("*",), "names or patterns of the responses that are checked")


@dataclass(frozen=True, kw_only=True)
class CoefficientCheck(ResponseCheck):
    """Base class of checks of coefficients, of responses over groups of events."""

    groups: tuple[str, ...] = option(
        ("all",), "names or patterns of the groups of events: all, or classes"
    )
    features: tuple[str, ...] = option(("*",), "names or patterns of the features that are checked")
