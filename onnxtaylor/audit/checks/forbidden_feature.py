"""``forbidden-feature``: a protected or unphysical input that the response must not depend on.

Compared are its share of ⟨t⟩ in first order, the share of each of its pairs, and that of all its
pairs together: an influence that is spread over many pairs counts, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from onnxtaylor.audit.check import CheckReport, CoefficientCheck, option
from onnxtaylor.audit.coefficients import (
    ORDERS,
    Block,
    blocks,
    indices_matching,
    require_coefficients,
    select_matching,
)
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.phrases import percent, quote_name, sigmas_beyond
from onnxtaylor.errors import OptionError, name_hint

__all__ = ["ForbiddenFeature"]

LISTED = 3  # pairs of a feature that are compared one by one: the largest ones
ABSENT = " (if models may lack it, write may-be-absent = true in the policy)"


@dataclass(frozen=True, kw_only=True)
class ForbiddenFeature(CoefficientCheck):
    """Forbidden features have no influence, alone or in any pair."""

    id: ClassVar[str] = "forbidden-feature"
    by_default: ClassVar[bool] = False

    features: tuple[str, ...] = option(..., "names or patterns of the forbidden features")
    max_share: float = option(
        0.01,
        "largest share of ⟨t⟩ of its order: of the feature alone, of each of its pairs, and of all"
        " its pairs together",
        minimum=0.0,
        maximum=1.0,
    )
    may_be_absent: bool = option(
        False,
        "true: a model may lack a forbidden feature, for instance where several models share a"
        " policy; false: a name or pattern that matches nothing is a wrong call",
    )

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares the shares of every feature that matches.

        A pattern that matches nothing is noted with ``may-be-absent``; else it raises OptionError.
        """
        names = evidence.result.features
        findings: list[Finding] = []
        most, number = (0.0, ""), 0
        if not self.may_be_absent:
            try:
                select_matching(self, "feature", self.features, names)
            except OptionError as error:
                raise OptionError(f"{error}{ABSENT}") from None
        places = indices_matching(self.features, names)
        require_coefficients(evidence.result, places)
        for block in blocks(evidence.result, self):
            for i in places:
                number += int(block.contains(i).sum())
                for influence in _influences(block, i):
                    most = max(most, (influence.share, f"{quote_name(names[i])} {influence.where}"))
                    if influence.share > self.max_share:
                        findings.append(self._depends(evidence, block, i, influence))
        findings.sort(key=lambda finding: -float(finding.measured))
        notes = tuple(self._absent(evidence))
        summary = f"largest: {most[1]}, {percent(most[0])}" if number else "the model has none"
        return CheckReport(
            number or len(names),
            "shares" if number else "features",
            tuple(findings),
            summary,
            notes,
        )

    def _depends(self, evidence: Evidence, block: Block, i: int, influence: _Influence) -> Finding:
        share, ks = influence.share, influence.coefficients
        name = evidence.result.features[i]
        subject = Subject("feature", name, output=block.output, group=block.group)
        if len(ks) == 1 and len(block.names(ks[0])) > 1:
            pair = block.names(ks[0])
            subject = Subject(
                "coefficient", block.plain_label(ks[0]), pair, block.output, block.group
            )
        order = ORDERS[int(block.orders[ks[0]])]
        return self.finding(
            subject,
            evidence.model_file,
            f"forbidden feature {quote_name(name)} has {percent(share)} of {order}-order ⟨t⟩"
            f" {influence.where}, {block.location_phrase}",
            quantity=f"share of {order}-order ⟨t⟩",
            measured=share,
            relation="≤",
            limit=self.max_share,
            certainty=sigmas_beyond(share, self.max_share, influence.error),
            remedy="train without it, and look at its pairs (`onnxtaylor rank`): a feature that is"
            " correlated with it may take its place",
        )

    def _absent(self, evidence: Evidence) -> Iterator[Finding]:
        """Yields a note for every pattern that matches no feature."""
        names = evidence.result.features
        for pattern in self.features:
            if not indices_matching([pattern], names):
                yield self.note(
                    Subject("feature", pattern),
                    evidence.model_file,
                    f"the model has no feature {quote_name(pattern)}{name_hint(pattern, names)}",
                    "no feature matches",
                    "absent or harmless",
                )


@dataclass(frozen=True)
class _Influence:
    """Share of ⟨t⟩ with its standard error, a phrase for its location, and its coefficients."""

    share: float
    error: float
    where: str
    coefficients: tuple[int, ...]


def _influences(block: Block, i: int) -> Iterator[_Influence]:
    """Yields the influences of feature i in every order: the largest terms, and their sum."""
    mine = block.contains(i)
    for order in np.unique(block.orders[mine]).tolist():
        ks = np.flatnonzero(mine & (block.orders == order))
        ranked = ks[np.argsort(-block.share[ks], kind="stable")]
        for k in ranked[:LISTED].tolist():
            share, error = float(block.share[k]), float(block.share_error[k])
            yield _Influence(share, error, f"in {block.label(k)}" if order > 1 else "alone", (k,))
        if len(ks) > 1:
            # errors are added, not in quadrature: the coefficients of one feature vary together
            total, error = float(block.share[ks].sum()), float(block.share_error[ks].sum())
            where = f"in all {len(ks)} coefficients together"
            yield _Influence(min(total, 1.0), error, where, tuple(ks.tolist()))
