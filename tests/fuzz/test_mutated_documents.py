"""Documents with mutations are used, or refused in one line: no traceback, no hang."""

from __future__ import annotations

from tests.fuzz.documents import try_documents


def test_mutated_documents(tmp_path):
    trial = try_documents(200, tmp_path)
    assert trial.faults == []
    assert trial["refused"] > 100
    assert trial["accepted"] > 5
