"""``reference-agreement``: another file of the same model gives the same responses and ⟨t⟩.

For instance float against quantized, or one framework's export against another's. Both see the same
events, so a difference has no statistical part: it is rounding, or a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from onnxtaylor.audit.check import CheckReport, CoefficientCheck, FileCheck, option
from onnxtaylor.audit.coefficients import ORDERS, indices_matching, select_matching
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.phrases import percent, quote_name
from onnxtaylor.comparison.match import Match, match
from onnxtaylor.errors import printable

__all__ = ["ReferenceAgreement"]

LISTED = 5  # coefficients of a response that get a finding: those furthest apart
REMEDY = (
    "compare the two files layer by layer (output=… takes inner tensors): look for a transposed"
    " matrix, a missing scaler, or too few bits"
)


@dataclass(frozen=True, kw_only=True)
class ReferenceAgreement(FileCheck, CoefficientCheck):
    """Responses and coefficients agree with those of the reference model."""

    id: ClassVar[str] = "reference-agreement"
    needs: ClassVar[tuple[str, ...]] = ("reference",)

    max_response: float = option(
        0.01,
        "largest difference of a response, in units of its spread (σ over the events)",
        minimum=0.0,
    )
    max_score: float = option(
        0.02, "largest difference of ⟨t⟩, in units of the largest ⟨t⟩ of that order", minimum=0.0
    )

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares the responses at up to 4096 events, and all coefficients that both have."""
        ours, theirs = evidence.result, evidence.reference.result
        shared = match(ours, theirs)
        found = np.unique(shared.indices.table)  # with −1, which fills up the table
        present = [shared.features[i] for i in found[found >= 0].tolist()]
        select_matching(self, "output", self.outputs, [name for name, _ in shared.outputs])
        select_matching(self, "group", self.groups, shared.groups)
        select_matching(self, "feature", self.features, present)
        kept = int(self._listed(shared).sum())
        findings: list[Finding] = []
        worst = [0.0, 0.0]
        number = 0
        for o, (name, _) in enumerate(shared.outputs):
            if not indices_matching(self.outputs, [name]):
                continue
            finding, largest = self._responses(evidence, shared, o)
            findings += finding
            worst[0] = max(worst[0], largest)
            number += len(evidence.responses)
            for finding_, largest in self._scores(evidence, shared, o):
                findings += finding_
                worst[1] = max(worst[1], largest)
                number += kept
        summary = f"largest differences: response {worst[0]:.2g} σ, ⟨t⟩ {percent(worst[1])}"
        notes = tuple(self._in_part(evidence, text) for text in shared.notes)
        return CheckReport(number, "responses and coefficients", tuple(findings), summary, notes)

    def _in_part(self, evidence: Evidence, text: str) -> Finding:
        subject = Subject("model", evidence.model.path)
        message = printable(text, 400)
        return self.note(subject, evidence.reference.model_file, message, "in part", "all")

    def _responses(self, evidence: Evidence, shared: Match, o: int) -> tuple[list[Finding], float]:
        """Finding on a response that differs too much, if any, and its largest difference."""
        f = evidence.responses[:, shared.a[0][o]]
        g = evidence.reference.responses[:, shared.b[0][o]]
        spread = float(max(f.std(), g.std())) or 1.0
        deviation = np.abs(f - g)
        k = int(deviation.argmax())
        largest = float(deviation[k]) / spread
        if largest <= self.max_response:
            return [], largest
        name, rms = shared.outputs[o][0], float(np.sqrt(np.mean(deviation**2)))
        event = int(evidence.sample.numbers[k])
        return [
            self.finding(
                Subject("output", name, output=name),
                evidence.model_file,
                f"response {quote_name(name)} is {f[k]:.6g} at event {event}, but {g[k]:.6g} in the"
                f" reference {quote_name(evidence.reference.path.name)}",
                quantity="largest difference in units of the response's σ",
                measured=largest,
                relation="≤",
                limit=self.max_response,
                certainty=f"the same {len(f)} events; RMS difference {rms / spread:.2g} σ",
                remedy=REMEDY,
            )
        ], largest

    def _scores(
        self, evidence: Evidence, shared: Match, o: int
    ) -> Iterator[tuple[list[Finding], float]]:
        """Yields findings on scores and their largest difference, group by group."""
        ours, theirs = evidence.result, evidence.reference.result
        indices, listed = shared.indices, self._listed(shared)
        for g, group in enumerate(shared.groups):
            if not indices_matching(self.groups, [group]):
                continue
            a = ours.score[shared.a[0][o], shared.a[1][g], shared.a[2]]
            b = theirs.score[shared.b[0][o], shared.b[1][g], shared.b[2]]
            apart = np.zeros(len(indices))
            for order in np.unique(indices.orders):
                mine = indices.orders == order
                apart[mine] = np.abs(a - b)[mine] / (max(a[mine].max(), b[mine].max()) or 1.0)
            apart[~listed] = 0.0
            order = np.argsort(-apart, kind="stable")
            over = order[apart[order] > self.max_score].tolist()
            findings = [
                self._apart(
                    evidence,
                    (
                        indices.label_at(k, shared.features),
                        indices.names_at(k, shared.features),
                    ),
                    (shared.outputs[o][0], group),
                    a[k],
                    b[k],
                    (float(apart[k]), len(over)),
                )
                for k in over[:LISTED]
            ]
            yield findings, float(apart.max(initial=0.0))

    def _listed(self, shared: Match) -> npt.NDArray[np.bool_]:
        """Flags the coefficients of the chosen features, (K,)."""
        flags = np.zeros(len(shared.features), np.bool_)
        flags[indices_matching(self.features, shared.features)] = True
        return shared.indices.having(flags)

    def _apart(
        self,
        evidence: Evidence,
        coefficient: tuple[str, tuple[str, ...]],
        of: tuple[str, str],
        ours: float,
        theirs: float,
        apart: tuple[float, int],
    ) -> Finding:
        label, names = coefficient
        more = f"; {apart[1]} coefficients are beyond the limit" if apart[1] > 1 else ""
        return self.finding(
            Subject("coefficient", label, names, *of),
            evidence.model_file,
            f"⟨t⟩ of {printable(label)} of response {quote_name(of[0])} is {ours:.4g}, but"
            f" {theirs:.4g} in the reference{more}",
            quantity=f"difference in units of the largest {ORDERS[len(names)]}-order ⟨t⟩",
            measured=apart[0],
            relation="≤",
            limit=self.max_score,
            certainty="the same events: no statistical uncertainty",
            remedy=REMEDY,
        )
