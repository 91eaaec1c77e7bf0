"""``mismodelled``: the response depends on inputs that the simulation does not describe.

The rule is that of ``onnxtaylor.gof.join``: a feature is badly modelled by its own p-value or by
those of its pairs, and it matters if it is in one of the ``top-fraction`` most influential
coefficients. A badly modelled feature that does not matter is noted. A feature that matters and was
not tested is a finding, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from onnxtaylor.audit.check import CheckReport, CoefficientCheck, FileCheck, option
from onnxtaylor.audit.coefficients import select_matching
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.phrases import quote_name
from onnxtaylor.errors import printable
from onnxtaylor.gof.join import JoinedRow, join
from onnxtaylor.results.selection import select

__all__ = ["Mismodelled"]

CHECK, DROP, UNTESTED = "check", "drop", "not tested"  # verdicts of the joined table


@dataclass(frozen=True, kw_only=True)
class Mismodelled(FileCheck, CoefficientCheck):
    """No influential input is badly modelled."""

    id: ClassVar[str] = "mismodelled"
    needs: ClassVar[tuple[str, ...]] = ("gof",)

    threshold: float = option(
        0.05, "p-values below it count as badly modelled", minimum=1e-12, maximum=0.5
    )
    top_fraction: float = option(
        0.05, "share of the coefficients that count as influential", minimum=1e-9, maximum=1.0
    )
    max_bad_pairs: int | None = option(
        None,
        "largest number of bad pairs of a feature; by default as chance explains",
        minimum=0,
    )

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares every feature that was tested or matters, for each chosen response and group."""
        result, fit = evidence.result, evidence.gof
        features = {
            result.features[i]
            for i in select_matching(self, "feature", self.features, result.features)
        }
        findings: dict[str, Finding] = {}
        notes: dict[str, Finding] = {}
        untested: dict[str, Finding] = {}
        compared: set[str] = set()
        for c in select_matching(self, "output", self.outputs, result.outputs):
            for g in select_matching(self, "group", self.groups, result.groups):
                selection = select(
                    result,
                    self.top_fraction,
                    outputs=result.outputs[c],
                    group=result.groups[g],
                )
                table = join(
                    result,
                    selection,
                    fit,
                    threshold=self.threshold,
                    max_bad_pairs=self.max_bad_pairs,
                )
                for row in table.rows:
                    if row.feature not in features:
                        continue
                    output, group = result.outputs[c], result.groups[g]
                    if row.verdict != UNTESTED or row.important:
                        compared.add(row.feature)
                    if row.verdict == UNTESTED and row.important:
                        untested.setdefault(row.feature, self._untested(evidence, row, output))
                    if row.verdict in (CHECK, DROP):
                        kept = findings if row.verdict == CHECK else notes
                        kept.setdefault(row.feature, self._badly(evidence, row, output, group))
        quiet = {name: note for name, note in notes.items() if name not in findings}
        summary = (
            f"{len(findings) + len(quiet)} badly modelled, {len(findings)} of them influential"
            + (f"; {len(untested)} influential and not tested" if untested else "")
        )
        demands = (*findings.values(), *untested.values())
        return CheckReport(len(compared), "features", demands, summary, tuple(quiet.values()))

    def _untested(self, evidence: Evidence, row: JoinedRow, output: str) -> Finding:
        return self.finding(
            Subject("feature", row.feature, output=output),
            evidence.gof_file,
            f"feature {quote_name(row.feature)} is influential (rank {row.best_rank} of response"
            f" {quote_name(output)}) and was not tested: {printable(row.reason, 400)}",
            quantity="p-value of its own distribution",
            measured="none",
            relation="≥",
            limit=self.threshold,
            certainty="neither bad nor good modelling was shown",
            remedy="test it with `onnxtaylor gof`, or list the features to check in the policy"
            " (features = […]) without this one, and say why",
        )

    def _badly(self, evidence: Evidence, row: JoinedRow, output: str, group: str) -> Finding:
        important = row.verdict == CHECK
        p = 1.0 if row.p is None else row.p
        error = "" if row.p_error is None else f" ± {row.p_error:.2g} of the toys"
        rank = f"rank {row.best_rank} of response {quote_name(output)}"
        return self.finding(
            Subject("feature", row.feature, output=output, group=group),
            evidence.gof_file,
            f"feature {quote_name(row.feature)} is badly modelled ({printable(row.reason, 400)})"
            + (f" and influential: {rank}" if important else f", and hardly matters: {rank}"),
            quantity="p-value of its own distribution",
            measured=p,
            relation="≥",
            limit=self.threshold,
            certainty=f"p = {p:.2g}{error}; {row.bad_pairs} of {row.pairs} pairs with features that"
            f" are well modelled have p < {self.threshold:g}",
            remedy="correct the simulation or leave the feature out, and train again"
            if important
            else "leave the feature out: the response hardly depends on it",
            level=None if important else "note",
        )
