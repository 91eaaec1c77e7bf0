"""``forbidden-feature``: a protected or unphysical input that the response must not lean on.

Its share of ⟨t⟩ in first order, its share in every pair, and that of all its pairs together: an
influence that is spread over many pairs is one, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from onnxtaylor.audit.check import CoefficientCheck, Looked, option
from onnxtaylor.audit.coefficients import (
    ORDERS,
    Block,
    blocks,
    chosen,
    matching,
    quoted,
    with_coefficients,
)
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.wording import beyond, percent
from onnxtaylor.errors import OptionError, nearest

__all__ = ["ForbiddenFeature"]

LISTED = 3  # pairs of a feature, the largest ones
ABSENT = " (a policy that is meant for models without it says may-be-absent = true)"


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
        "true: a model may be without a forbidden feature, as where several models share a policy;"
        " else a name or pattern that matches nothing is a wrong call",
    )

    def look(self, evidence: Evidence) -> Looked:
        """The shares of every feature that matches.

        With ``may-be-absent`` a model without it passes, with a note. Raises OptionError else.
        """
        names = evidence.result.features
        findings: list[Finding] = []
        most, number = (0.0, ""), 0
        if not self.may_be_absent:
            try:
                chosen(self, "feature", self.features, names)
            except OptionError as slip:
                raise OptionError(f"{slip}{ABSENT}") from None
        places = matching(self.features, names)
        with_coefficients(evidence.result, places)
        for block in blocks(evidence.result, self):
            for i in places:
                number += int(block.having(i).sum())
                for share, error, what, ks in _influences(block, i):
                    most = max(most, (share, f"{quoted(names[i])} {what}"))
                    if share > self.max_share:
                        findings.append(self._leans(evidence, block, i, (share, error, what), ks))
        findings.sort(key=lambda finding: -float(finding.measured))
        notes = tuple(self._absent(evidence))
        summary = f"largest: {most[1]}, {percent(most[0])}" if number else "the model has none"
        return Looked(
            number or len(names),
            "shares" if number else "features",
            tuple(findings),
            summary,
            notes,
        )

    def _leans(
        self,
        evidence: Evidence,
        block: Block,
        i: int,
        influence: tuple[float, float, str],
        ks: tuple[int, ...],
    ) -> Finding:
        share, error, what = influence
        name = evidence.result.features[i]
        subject = Subject("feature", name, output=block.output, group=block.group)
        if len(ks) == 1 and len(block.names[ks[0]]) > 1:
            pair = block.names[ks[0]]
            subject = Subject("coefficient", ", ".join(pair), pair, block.output, block.group)
        order = ORDERS[int(block.orders[ks[0]])]
        return self.finding(
            subject,
            evidence.model_file,
            f"forbidden feature {quoted(name)} has {percent(share)} of {order}-order ⟨t⟩ {what},"
            f" {block.of}",
            quantity=f"share of {order}-order ⟨t⟩",
            measured=share,
            relation="≤",
            limit=self.max_share,
            certainty=beyond(share, self.max_share, error),
            remedy="train without it, and look among what is correlated with it: see"
            " `onnxtaylor rank --feature`",
        )

    def _absent(self, evidence: Evidence) -> Iterator[Finding]:
        """Notes on the patterns that match nothing, where a model may be without."""
        names = evidence.result.features
        for pattern in self.features:
            if not matching([pattern], names):
                yield self.note(
                    Subject("feature", pattern),
                    evidence.model_file,
                    f"the model has no feature {quoted(pattern)}{nearest(pattern, names)}",
                    "no feature matches",
                    "absent or harmless",
                )


def _influences(block: Block, i: int) -> Iterator[tuple[float, float, str, tuple[int, ...]]]:
    """Share, its error, what it is of, and the coefficients: of each, and of all of an order.

    The error of a sum adds those of its parts: they vary together.
    """
    mine = block.having(i)
    for order in np.unique(block.orders[mine]).tolist():
        ks = np.flatnonzero(mine & (block.orders == order))
        ranked = ks[np.argsort(-block.share[ks], kind="stable")]
        for k in ranked[:LISTED].tolist():
            share, error = float(block.share[k]), float(block.share_error[k])
            yield share, error, f"in {block.label(k)}" if order > 1 else "alone", (k,)
        if len(ks) > 1:
            total, error = float(block.share[ks].sum()), float(block.share_error[ks].sum())
            yield (
                min(total, 1.0),
                error,
                f"in all {len(ks)} coefficients together",
                tuple(ks.tolist()),
            )
