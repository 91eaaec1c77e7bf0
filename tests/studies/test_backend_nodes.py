"""ONNX's own node tests: derivatives of each node at its own input; see validation."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest

from validation.backend_nodes import Outcome, _differences, collected, examine, table
from validation.node_cases import Case, SkipError
from validation.node_embeddings import embeddings

PASSED = 630  # of the full set, at their input or beside it: it never falls below
QUICK = 105  # of the first case of every operator


def chosen() -> list:
    """The first case of every operator, by name."""
    first: dict[str, object] = {}
    for test in sorted(collected(), key=lambda t: t.name):
        node = test.model.graph.node[0]
        first.setdefault(f"{node.domain}.{node.op_type}", test)
    return list(first.values())


def outcomes(tests: list) -> list[Outcome]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [examine(t) for t in tests]


def judge(found: list[Outcome], least: int) -> None:
    failed = [f"{o.name}: {o.reason}" for o in found if o.status == "failed"]
    assert not failed, "\n".join(failed)
    count = Counter(o.status for o in found)
    assert count["passed"] + count["beside"] >= least, count
    assert all(o.reason for o in found if o.status == "skipped")


def test_a_case_of_every_operator():
    judge(outcomes(chosen()), QUICK)


@pytest.mark.slow
def test_every_case():
    judge(outcomes(collected()), PASSED)


def test_differences_see_kinks_of_either_order_and_nothing_else():
    at, away = np.zeros(4), np.full(4, 0.4)
    smooth, error = _differences(lambda s: np.array([np.exp(s.sum())]), at)
    assert np.abs(smooth[0, :4] - 1).max() < 1e-9
    assert error.max() < 1e-5
    for f in (lambda s: np.maximum(s[:1], 0), lambda s: np.maximum(s[:1], 0) ** 2):
        assert _differences(f, at)[1].max() > 0.1
        assert _differences(f, away)[1].max() < 1e-7


def test_events_of_a_case_are_found_by_numbers():
    tests = {t.name: t for t in collected()}
    rows, *_ = embeddings(Case(tests["test_conv_with_autopad_same"]))
    assert (rows.varied, rows.axis, rows.outputs) == (("x",), 0, (0,))
    (both,) = embeddings(Case(tests["test_add_bcast"]))
    assert (both.varied, both.axis) == (("x", "y"), None)
    with pytest.raises(SkipError, match="no axis along which events are independent"):
        embeddings(Case(tests["test_sce_mean"]))


def test_a_wrong_rule_fails(monkeypatch):
    from onnxtaylor.rules import RULES

    monkeypatch.setitem(RULES, "Tanh", RULES["Sigmoid"])
    test = next(t for t in collected() if t.name == "test_tanh")
    assert examine(test).status == "failed"


def test_table_names_every_failure():
    text = table([Outcome("tanh", "Tanh", "failed", "1 | 2"), Outcome("a", "Abs", "passed")])
    assert "| Tanh | 0 | 0 | 1 |" in text
    assert "- tanh (Tanh): 1 \\| 2" in text
