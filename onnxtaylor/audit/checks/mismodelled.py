"""``mismodelled``: the response leans on inputs that the simulation does not describe.

The rule is that of ``onnxtaylor.gof.join``: a feature is badly modelled by its own p-value or by
those of its pairs, and it matters if it is in one of the ``top-fraction`` most influential
coefficients. What is badly modelled and does not matter is noted. What matters and was not tested
has not passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from onnxtaylor.audit.check import CoefficientCheck, FileCheck, Looked, option
from onnxtaylor.audit.coefficients import chosen, quoted
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
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
        None, "most bad pairs of a feature; by default what chance explains", minimum=0
    )

    def look(self, evidence: Evidence) -> Looked:
        """Every feature that was tested or matters, of every response and group asked for."""
        result, fit = evidence.result, evidence.gof
        features = {
            result.features[i] for i in chosen(self, "feature", self.features, result.features)
        }
        findings: dict[str, Finding] = {}
        notes: dict[str, Finding] = {}
        untested: dict[str, Finding] = {}
        looked: set[str] = set()
        for c in chosen(self, "output", self.outputs, result.outputs):
            for g in chosen(self, "group", self.groups, result.groups):
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
                        looked.add(row.feature)
                    if row.verdict == UNTESTED and row.important:
                        untested.setdefault(row.feature, self._untested(evidence, row, output))
                    if row.verdict in (CHECK, DROP):
                        found = findings if row.verdict == CHECK else notes
                        found.setdefault(row.feature, self._badly(evidence, row, output, group))
        quiet = {name: note for name, note in notes.items() if name not in findings}
        summary = (
            f"{len(findings) + len(quiet)} badly modelled, {len(findings)} of them influential"
            + (f"; {len(untested)} influential and not tested" if untested else "")
        )
        told = (*findings.values(), *untested.values())
        return Looked(len(looked), "features", told, summary, tuple(quiet.values()))

    def _untested(self, evidence: Evidence, row: JoinedRow, output: str) -> Finding:
        return self.finding(
            Subject("feature", row.feature, output=output),
            evidence.gof_file,
            f"feature {quoted(row.feature)} is influential (rank {row.best_rank} of response"
            f" {quoted(output)}) and was not tested: {printable(row.reason, 400)}",
            quantity="p-value of its own distribution",
            measured="none",
            relation="≥",
            limit=self.threshold,
            certainty="nothing was found wrong; nothing was shown to be right",
            remedy="run `onnxtaylor gof` on it, or name the features to look at in the policy"
            " (features = […]) and say why this one is left out",
        )

    def _badly(self, evidence: Evidence, row: JoinedRow, output: str, group: str) -> Finding:
        important = row.verdict == CHECK
        p = 1.0 if row.p is None else row.p
        error = "" if row.p_error is None else f" ± {row.p_error:.2g} of the toys"
        rank = f"rank {row.best_rank} of response {quoted(output)}"
        return self.finding(
            Subject("feature", row.feature, output=output, group=group),
            evidence.gof_file,
            f"feature {quoted(row.feature)} is badly modelled ({printable(row.reason, 400)})"
            + (f" and influential: {rank}" if important else f", and hardly matters: {rank}"),
            quantity="p-value of its own distribution",
            measured=p,
            relation="≥",
            limit=self.threshold,
            certainty=f"p = {p:.2g}{error}; {row.bad_pairs} of {row.pairs} pairs with features that"
            f" are well modelled have p < {self.threshold:g}",
            remedy="correct the simulation or leave the feature out, and train again"
            if important
            else "leave the feature out: it costs nothing",
            level=None if important else "note",
        )
