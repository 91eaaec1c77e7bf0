"""Documents that earlier versions wrote, kept as they were, and loaded."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import onnxtaylor as ot
from onnxtaylor.audit import AuditOutcome, File
from onnxtaylor.errors import ResultError
from onnxtaylor.results.documents import DocumentKind
from onnxtaylor.results.migrations import MIGRATIONS, migrate
from onnxtaylor.results.violations import violation

EARLIER = Path(__file__).parent / "earlier"


def document(name):
    return json.loads((EARLIER / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "without"),
    [
        (
            "result-without-method.json",
            ("method", "warnings", "nodes", "numerical_error", "joints"),
        ),
        ("result-without-nodes.json", ("nodes", "joints")),
    ],
)
def test_results_of_earlier_versions_are_loaded(name, without, tmp_path):
    text = (EARLIER / name).read_text(encoding="utf-8")
    old = json.loads(text)
    assert not any(f'"{key}":' in re.sub('"nodes": [0-9]+', "", text) for key in without)
    result = ot.TaylorResult.load(EARLIER / name)
    assert result.method == "derivative"
    assert result.warnings == ()
    assert result.model.nodes == ()
    assert [row["score"] for row in result.rows()] == [row["score"] for row in old["coefficients"]]
    assert result.top(1)[0]["label"] == "m_vis"
    if old["check"] is not None:
        assert result.check["joints"] == []
        assert result.check["verdict"] == "agrees"
    # saved again, it has the present form
    result.save(tmp_path / "again.json")
    again = json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))
    assert violation(again, "onnxtaylor.result/1") is None
    assert ot.TaylorResult.load(tmp_path / "again.json").to_json() == result.to_json()


def test_audits_with_one_baseline_or_none_are_loaded():
    old = document("audit-one-baseline.json")
    assert old["baseline"] is None
    audit = AuditOutcome.load(EARLIER / "audit-one-baseline.json")
    assert (audit.baseline, audit.warnings) == ((), ())
    assert audit.verdict == old["verdict"]
    old["baseline"] = {"path": "b.json", "sha256": None}
    assert AuditOutcome.from_json(json.dumps(old)).baseline == (File("b.json", None),)


def test_what_is_of_the_present_form_is_left_as_it_is(make_result):
    present = json.loads(make_result(2).to_json())
    changed = json.loads(json.dumps(present))
    migrate(changed)
    assert changed == present


@pytest.mark.parametrize("lost", ["method", "warnings"])
def test_a_present_result_that_lost_a_member_is_damaged(make_result, lost):
    present = json.loads(make_result(2).to_json())
    del present[lost]
    with pytest.raises(ResultError, match=f"damaged: the document has no '{lost}'"):
        ot.TaylorResult.from_json(json.dumps(present))


def test_a_new_number_of_a_format_is_reached_step_by_step(monkeypatch):
    """Each number is brought to the next; here the latter is that of a format that exists."""

    def rename(document):
        document["schema"] = "onnxtaylor.audit/1"
        document["baseline"] = document.pop("base")

    monkeypatch.setitem(MIGRATIONS, "onnxtaylor.audit/0", (rename,))
    old = document("audit-one-baseline.json") | {"schema": "onnxtaylor.audit/0"}
    old["base"] = old.pop("baseline")
    kind = DocumentKind("onnxtaylor.audit/1", title="audit", name="audit")
    assert kind.parse(json.dumps(old), "here", lambda made: made["baseline"]) == []


@pytest.mark.parametrize("part", [None, 1, "x", [], [1, None], {}])
def test_migrations_leave_damaged_documents_alone(part):
    for schema in MIGRATIONS:
        for key in ("model", "check", "coefficients", "baseline"):
            with_damage = {"schema": schema, key: part}
            migrate(with_damage)
            assert violation(with_damage, schema) is not None
