"""CycloneDX: valid by the public schema, and the card says what the audit found."""

from __future__ import annotations

import json

import pytest

from onnxtaylor.audit import AuditOutcome
from onnxtaylor.audit.formats import FORMATS
from tests.audit.hostile_outcome import made
from tests.audit.test_audit_outcome import check, finding, outcome

write = FORMATS["cyclonedx"]


def card(audit: AuditOutcome) -> dict:
    return json.loads(write(audit))["metadata"]["component"]["modelCard"]


def properties(audit: AuditOutcome) -> dict[str, str]:
    return {one["name"]: one["value"] for one in card(audit)["properties"]}


@pytest.fixture(scope="module")
def faults():
    validation = pytest.importorskip("cyclonedx.validation.json", reason="needs cyclonedx")
    from cyclonedx.schema import SchemaVersion

    return validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str


@pytest.mark.parametrize(
    "audit",
    [made(), outcome(), outcome(check(status="fail", findings=[finding()])), outcome(check())],
    ids=["hostile", "none", "fail", "pass"],
)
def test_it_is_valid_by_the_public_schema(audit, faults):
    assert faults(write(audit)) is None


def test_a_fault_would_be_noticed(faults):
    assert faults(write(outcome(check())).replace('"urn:uuid:', '"urn:')) is not None
    assert faults(write(outcome(check())).replace("machine-learning-model", "x")) is not None


def test_an_audit_with_its_coefficients(sound, faults):
    audit = sound.audit()
    text = write(audit)
    assert faults(text) is None
    metrics = card(audit)["quantitativeAnalysis"]["performanceMetrics"]
    best = audit.result.top(1)[0]
    assert metrics[0]["type"] == f"⟨t⟩ of {best['label']}"
    assert float(metrics[0]["value"]) == pytest.approx(best["score"], rel=1e-8)
    interval = metrics[0]["confidenceInterval"]
    width = float(interval["upperBound"]) - float(interval["lowerBound"])
    assert width == pytest.approx(2 * best["sem"], rel=1e-6)
    document = json.loads(text)
    assert document["metadata"]["component"]["hashes"][0]["content"] == audit.model.sha256
    data = [one for one in document["components"] if one["type"] == "data"]
    assert data[0]["hashes"][0]["content"] == audit.data[0].sha256
    refs = {one["bom-ref"] for one in document["components"]}
    assert {one["ref"] for one in card(audit)["modelParameters"]["datasets"]} <= refs


def test_findings_are_limitations_and_checks_are_properties():
    audit = outcome(check(status="fail", findings=[finding(message="it leans on b")]), check("z"))
    (limitation,) = card(audit)["considerations"]["technicalLimitations"]
    assert limitation.startswith("error, dominance: it leans on b.")
    assert properties(audit)["onnxtaylor:check:dominance"].startswith("fail: ")
    assert properties(audit)["onnxtaylor:check:z"].startswith("pass: ")
    assert properties(audit)["onnxtaylor:passed"] == "false"


def test_equal_audits_have_one_serial_number_and_others_another():
    def number(audit: AuditOutcome) -> str:
        return json.loads(write(audit))["serialNumber"]

    assert number(outcome(check())) == number(outcome(check()))
    assert number(outcome(check())) != number(outcome(check(status="error")))
