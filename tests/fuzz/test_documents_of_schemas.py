"""Documents that hypothesis makes of the published schemas: loaded, or refused in one line."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import onnxtaylor as ot
from onnxtaylor.audit import AuditOutcome
from onnxtaylor.errors import OnnxTaylorError
from onnxtaylor.gof import GoodnessOfFit
from onnxtaylor.inputs.document import specification_from_toml
from onnxtaylor.results.violations import published_schema, violation
from tests.fuzz.document_kinds import as_toml
from tests.fuzz.from_schema import documents

LOADERS = {
    "result": ot.TaylorResult.from_json,
    "gof": GoodnessOfFit.from_json,
    "progress": ot.ProgressResult.from_json,
    "audit": AuditOutcome.from_json,
    "inputs": lambda text: specification_from_toml(as_toml(json.loads(text)), "here"),
}


@pytest.mark.parametrize("kind", LOADERS)
def test_documents_of_a_schema(kind):
    schema, outcomes = published_schema(f"onnxtaylor.{kind}/1"), {"loaded": 0, "refused": 0}

    @settings(
        max_examples=60,
        derandomize=True,  # the same documents in every run
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(documents(schema))
    def load(document):
        text = json.dumps(document)
        try:
            LOADERS[kind](text)
        except OnnxTaylorError as error:
            outcomes["refused"] += str(error).isprintable()
        else:
            outcomes["loaded"] += 1
            assert violation(document, f"onnxtaylor.{kind}/1") is None

    load()
    assert sum(outcomes.values()) >= 60


@settings(max_examples=50, derandomize=True, database=None, deadline=None)
@given(st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
))  # fmt: skip
def test_toml_of_the_tests_is_toml(value):
    """What the mutations are written with says what they are."""
    text = as_toml({"a": value})
    assert repr(tomllib.loads(text)) == repr({"a": json.loads(json.dumps(value))})
