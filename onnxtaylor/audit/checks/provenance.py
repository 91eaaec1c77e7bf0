"""``provenance``: the files are the approved ones, and the model was exported as agreed.

Without any of its options the check does not apply.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar

import onnx

from onnxtaylor.audit.check import Check, CheckReport, NotApplicableError, option
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Location, Subject
from onnxtaylor.audit.phrases import quote_name
from onnxtaylor.errors import OptionError, join_names, printable
from onnxtaylor.graph.walk import nodes_of_model

__all__ = ["Provenance", "operators_of"]

HASH = "a SHA-256 in hexadecimal digits, or at least its first 12 digits"
FORM = ("[0-9a-fA-F]{12,64}", HASH)


@dataclass(frozen=True, kw_only=True)
class Provenance(Check):
    """Model and data are those that were approved."""

    id: ClassVar[str] = "provenance"
    by_default: ClassVar[bool] = False

    model_sha256: tuple[str, ...] = option(
        (), f"approved model files and weight files: {HASH}", form=FORM
    )
    data_sha256: tuple[str, ...] = option((), f"approved data files: {HASH}", form=FORM)
    producers: tuple[str, ...] = option((), "patterns of approved exporters, such as pytorch*")
    operators: tuple[str, ...] = option(
        (), "patterns of allowed operators: Gemm, ai.onnx.ml.*, com.microsoft.*"
    )
    min_opset: int | None = option(None, "smallest version of the operator set ai.onnx", minimum=1)
    max_opset: int | None = option(None, "largest version of the operator set ai.onnx", minimum=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_opset and self.max_opset and self.min_opset > self.max_opset:
            raise OptionError(
                f"check '{printable(self.name)}': min-opset = {self.min_opset} is above max-opset ="
                f" {self.max_opset}: no model passes"
            )

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares hashes, producer, operators and operator set with those approved."""
        demands = [
            self._hashes("model", "model-sha256", self.model_sha256, evidence.model_hashes),
            self._hashes("data", "data-sha256", self.data_sha256, evidence.data_hashes),
            self._producer(evidence),
            self._operators(evidence),
            self._opset(evidence),
        ]
        given = [findings for findings in demands if findings is not None]
        if not given:
            raise NotApplicableError(
                "none of its limits is set: give model-sha256, data-sha256, producers, operators,"
                " min-opset or max-opset"
            )
        findings = tuple(finding for demand in given for finding in demand)
        opset = evidence.model.opset.get("ai.onnx", 0)
        return CheckReport(
            len(given),
            "demands",
            findings,
            f"opset {opset}, {len(evidence.files)} data"
            f" file{'s' if len(evidence.files) != 1 else ''}",
        )

    def _hashes(
        self,
        role: str,
        key: str,
        approved: Sequence[str],
        files: Iterable[tuple[Location, str | None]],
    ) -> list[Finding] | None:
        """Finds files that are not approved; None if the policy approves none."""
        if not approved:
            return None
        beginnings = tuple(text.lower() for text in approved)
        return [
            self.finding(
                Subject(role, where.path),
                where,
                f"{role} {quote_name(where.path)} is not approved: its SHA-256 is"
                f" {digest or 'unknown, as it is no regular file'}",
                quantity="SHA-256",
                measured=digest or "unknown",
                relation="one of",
                limit=", ".join(approved),
                certainty="exact",
                remedy=f"audit the approved file, or add the hash to {key} once it is approved",
            )
            for where, digest in files
            if digest is None or not digest.startswith(beginnings)
        ]

    def _producer(self, evidence: Evidence) -> list[Finding] | None:
        if not self.producers:
            return None
        producer = evidence.model.producer
        if any(fnmatchcase(producer, pattern) for pattern in self.producers):
            return []
        return [
            self._of_model(
                evidence,
                Subject("model", evidence.model.path),
                f"the model was exported by {quote_name(producer or 'an unknown program')}",
                ("producer", producer, "one of", ", ".join(self.producers)),
                "export it again with an approved program",
            )
        ]

    def _operators(self, evidence: Evidence) -> list[Finding] | None:
        if not self.operators:
            return None
        return [
            self._of_model(
                evidence,
                Subject("operator", name),
                f"operator {quote_name(name)} is not allowed; the model uses it {count} times",
                ("operator", name, "one of", join_names(self.operators, 20)),
                "export the model without it, or allow it in the policy",
            )
            for name, count in operators_of(evidence.model.proto).items()
            if not any(fnmatchcase(name, pattern) for pattern in self.operators)
        ]

    def _opset(self, evidence: Evidence) -> list[Finding] | None:
        if self.min_opset is None and self.max_opset is None:
            return None
        opset = evidence.model.opset.get("ai.onnx", 0)
        limits = [("≥", self.min_opset, opset), ("≤", self.max_opset, opset)]
        return [
            self._of_model(
                evidence,
                Subject("model", evidence.model.path),
                f"the model uses operator set {opset} of ai.onnx",
                ("opset", opset, relation, limit),
                "export it with an operator set that is allowed",
            )
            for relation, limit, value in limits
            if limit is not None and (value < limit if relation == "≥" else value > limit)
        ]

    def _of_model(
        self,
        evidence: Evidence,
        subject: Subject,
        message: str,
        numbers: tuple[str, float | str, str, float | str],
        remedy: str,
    ) -> Finding:
        quantity, measured, relation, limit = numbers
        return self.finding(
            subject,
            evidence.model_file,
            message,
            quantity=quantity,
            measured=measured,
            relation=relation,
            limit=limit,
            certainty="exact",
            remedy=remedy,
        )


def operators_of(proto: onnx.ModelProto) -> Counter[str]:
    """Counts the operators of a model, including its subgraphs and functions."""
    functions = {(f.domain, f.name) for f in proto.functions}
    return Counter(
        node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        for node in nodes_of_model(proto)
        if (node.domain, node.op_type) not in functions
    )
