"""Results whose coefficients are in a second file: what the commands say of it, and refuse."""

from __future__ import annotations

import pytest

from onnxtaylor.results import taylor_document

ANALYZE = ("analyze", "model.onnx", "events.csv", "--label", "Label", "--weight", "w")
TABLE = "r.coefficients.parquet"


@pytest.fixture
def large(monkeypatch):
    """Every result is large."""
    monkeypatch.setattr(taylor_document, "LARGE", 1)


def test_both_files_are_named_and_the_second_is_to_stay_beside(place, cli, large):
    status, _, err = cli(*ANALYZE, "-o", "r.json")
    assert status == 0
    assert "saved r.json\n" in err
    assert f"saved {TABLE}: the coefficients of r.json, keep it beside" in err
    assert (place / TABLE).exists()


def test_a_small_result_is_one_file(place, cli):
    err = cli(*ANALYZE, "-o", "r.json").err
    assert "saved r.json\n" in err
    assert "parquet" not in err
    assert not (place / TABLE).exists()


def test_a_result_of_many_bytes_is_two_files(place, cli, monkeypatch):
    """Few rows may be long, too."""
    monkeypatch.setattr(taylor_document, "LARGE_BYTES", 500)
    assert f"saved {TABLE}: the coefficients" in cli(*ANALYZE, "-o", "r.json").err
    assert "coefficients_file" in (place / "r.json").read_text()
    monkeypatch.setattr(taylor_document, "LARGE_BYTES", 10**6)
    assert TABLE not in cli(*ANALYZE, "-o", "s.json").err


def test_commands_read_both_files_and_name_the_missing_one(place, cli, large):
    assert cli(*ANALYZE, "-o", "r.json", "-q").status == 0
    whole = cli("rank", "r.json")
    assert (whole.status, whole.err) == (0, "")
    (place / TABLE).unlink()
    status, out, err = cli("rank", "r.json")
    assert (status, out) == (2, "")
    assert TABLE in err


def test_coefficients_of_another_result_are_not_overwritten(place, cli, large):
    (place / TABLE).write_bytes(b"of another result")
    status, _, err = cli(*ANALYZE, "-o", "r.json")
    assert status == 2
    assert TABLE in err
    assert (place / TABLE).read_bytes() == b"of another result"
