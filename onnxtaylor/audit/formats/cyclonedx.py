"""CycloneDX document of an audit: the model as a component of a software bill of materials.

The model has a model card: its inputs and responses, the highest ⟨t⟩ as metrics with their
intervals, the findings as technical limitations, and the outcome of every check as properties.

Specification: https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from onnxtaylor.audit.check_outcome import CheckOutcome
from onnxtaylor.audit.finding import round_number
from onnxtaylor.audit.formats.fragments import audited_files, finding_text
from onnxtaylor.audit.outcome import AuditOutcome, File
from onnxtaylor.audit.phrases import one_line
from onnxtaylor.results.ranking import best_ranked

__all__ = ["write_cyclonedx"]

RANKED = 20  # coefficients of a response that are metrics
MODEL = "model"


def write_cyclonedx(outcome: AuditOutcome) -> str:
    """Writes a CycloneDX 1.6 document (JSON) whose subject is the model.

    The serial number is made of the content, so that equal audits have equal ones.
    """
    document: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": outcome.timestamp,
            "tools": {
                "components": [
                    {"type": "application", "name": "onnxtaylor", "version": outcome.version}
                ]
            },
            "component": _model(outcome),
        },
        "components": [
            _file(role, k, file) for k, (role, file) in enumerate(audited_files(outcome)[1:])
        ],
    }
    # equal audits are one bill of materials, whenever they were made
    known = {"component": document["metadata"]["component"], "files": document["components"]}
    content = json.dumps(known, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid5(NAMESPACE_URL, content)}"
    return json.dumps(_shown(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _shown(part: Any) -> Any:
    """Returns a part of the document with the control characters of its texts escaped."""
    if isinstance(part, dict):
        return {key: _shown(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_shown(value) for value in part]
    return one_line(part) if isinstance(part, str) else part


def _model(outcome: AuditOutcome) -> dict[str, Any]:
    """Returns the component of the model, with its card."""
    analysis, result = outcome.analysis, outcome.result
    card: dict[str, Any] = {"bom-ref": f"{MODEL}-card"}
    outputs = analysis.get("outputs") or []
    data = [k for k, (role, _) in enumerate(audited_files(outcome)[1:]) if role == "data"]
    card["modelParameters"] = {
        "datasets": [{"ref": f"file-{k}"} for k in data],
        "inputs": [{"format": str(name)} for name in analysis.get("features") or []],
        "outputs": [{"format": str(name)} for name in outputs],
    }
    if result is not None:
        card["quantitativeAnalysis"] = {"performanceMetrics": list(_metrics(outcome))}
    limitations = [
        f"{finding.level}, {check.name}: {finding_text(finding)}"
        for check in outcome.gravest_first
        for finding in check.findings
    ]
    if limitations:
        card["considerations"] = {"technicalLimitations": limitations}
    card["properties"] = list(_properties(outcome))
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": PurePath(outcome.model.path).name or "model",
        **_hashes(outcome.model),
        "modelCard": card,
    }


def _metrics(outcome: AuditOutcome) -> Iterator[dict[str, Any]]:
    """Yields the highest ⟨t⟩ of every response over all events, with ± one standard error."""
    result = outcome.result
    assert result is not None
    for c, output in enumerate(result.outputs):
        for k in best_ranked(result.rank[c, 0], RANKED).tolist():
            row = result.row(c, 0, k)
            score, sem = row["score"], row["sem"]
            yield {
                "type": f"{result.quantity.mean} of {row['label']}",
                "value": str(round_number(score)),
                "slice": f"response {output}, {row['group']} events",
                "confidenceInterval": {
                    "lowerBound": str(round_number(score - sem)),
                    "upperBound": str(round_number(score + sem)),
                },
            }


def _properties(outcome: AuditOutcome) -> Iterator[dict[str, str]]:
    """Yields verdict, policy, facts of the analysis, warnings, and the outcome of every check."""
    yield _property("verdict", outcome.verdict)
    yield _property("passed", str(outcome.passed).lower())
    yield _property("policy", outcome.policy + (", strict" if outcome.strict else ""))
    for name, value in outcome.analysis.items():
        if isinstance(value, str | int | float):
            yield _property(f"analysis:{name}", str(round_number(value)))
    for check in outcome.checks:
        yield _property(f"check:{check.name}", _outcome_of(check, outcome))
    for notice in outcome.warnings:
        yield _property(f"warning:{notice.code}", notice.message)


def _outcome_of(check: CheckOutcome, outcome: AuditOutcome) -> str:
    """Returns the mark of a check and its result in one line."""
    return f"{outcome.mark(check)}: {check.result_line}"


def _property(name: str, value: str) -> dict[str, str]:
    """Returns a property in the name space of onnxtaylor."""
    return {"name": f"onnxtaylor:{name}", "value": value}


def _file(role: str, number: int, file: File) -> dict[str, Any]:
    """Returns the component of a file beside the model."""
    kinds = {"data": "data", "reference": "machine-learning-model"}
    return {
        "type": kinds.get(role, "file"),
        "bom-ref": f"file-{number}",
        "name": PurePath(file.path).name or role,
        "description": f"{role} of the audit: {file.path}",
        **_hashes(file),
    }


def _hashes(file: File) -> dict[str, Any]:
    """Returns the SHA-256 of a file, where it has one."""
    if file.sha256 is None:
        return {}
    return {"hashes": [{"alg": "SHA-256", "content": file.sha256}]}
