"""Notes are whole or the ones before them, and only the worker's own."""

from __future__ import annotations

import os

import pytest

from onnxtaylor.supervision import work
from onnxtaylor.supervision.notes import HALF, Notes
from onnxtaylor.supervision.work import (
    allow_gpu,
    at_work,
    attach,
    is_watched,
    model_grows,
    note_stage,
    opening_model,
    removed_after,
    set_limits,
    why_interrupted,
)


@pytest.fixture
def notes(monkeypatch):
    """Notes of which this process is the worker."""
    monkeypatch.setattr(work, "_worker", work._Worker())
    shared = Notes()
    attach(shared)
    return shared


def test_without_notes_nothing_happens(monkeypatch, tmp_path):
    monkeypatch.setattr(work, "_worker", work._Worker())
    with opening_model("m.onnx", 1), at_work("it loads"), removed_after(tmp_path):
        note_stage("probing")
        model_grows(3)
        allow_gpu()
        set_limits(free=1)
    assert not is_watched()
    assert why_interrupted() == "interrupted"


def test_both_sides_read_one_another():
    handle = Notes.make_file()
    mine, other = Notes(handle), Notes(handle)
    assert mine.read_worker() == mine.read_parent() == {}
    mine.write_worker({"model": "ä.onnx"})
    other.write_parent({"interrupted": "why"})
    assert other.read_worker() == {"model": "ä.onnx"}
    assert mine.read_parent() == {"interrupted": "why"}
    os.close(handle)


def test_a_page_that_is_written_half_is_not_read():
    notes = Notes()
    notes.write_worker({"a": 1})
    valid = notes._memory[0]
    notes.write_worker({"a": 2})
    notes._memory[0] = valid  # as if the writer was killed before it said which is valid
    assert notes.read_worker() == {"a": 1}


def test_what_does_not_fit_leaves_the_page_before():
    notes = Notes()
    notes.write_worker({"a": 1})
    notes.write_worker({"a": "x" * HALF})
    assert notes.read_worker() == {"a": 1}


def test_the_stage_and_the_model(notes):
    note_stage("coefficients")
    assert notes.read_worker()["stage"] == "in the stage 'coefficients'"
    with opening_model("a\nb.onnx", 2**20), at_work("it loads"):
        page = notes.read_worker()
        assert (page["model"], page["stage"], page["open"]) == ("a\\nb.onnx", "while it loads", 1)
    page = notes.read_worker()
    assert (page["stage"], page["open"]) == ("in the stage 'coefficients'", 0)


def test_the_limits_follow_the_model_and_the_options(notes):
    with opening_model("m.onnx", 0):
        model_grows(2**22)
        page = notes.read_worker()
        assert page["opening_seconds"] == 26
        assert page["opening_more"] == 3 * 2**30 + 8 * 2**22
        assert page["opening_bytes"] == page["opening_more"] + page["before"]
        assert 2**20 < page["before"] < 2**33  # what this process holds
        allow_gpu()
        allow_gpu()
        assert notes.read_worker()["opening_more"] == 7 * 2**30 + 8 * 2**22
    set_limits(opening_time=300.0, opening_memory=2**34, timeout=7.0)
    with opening_model("m.onnx", 0):
        page = notes.read_worker()
        assert (page["opening_seconds"], page["opening_more"]) == (300.0, 2**34)
        assert (page["opening"], page["timeout"]) == (2, 7.0)
    set_limits(free=100 * 2**30)
    assert notes.read_worker()["bytes"] == 95 * 2**30
    set_limits(memory=200 * 2**30)
    assert notes.read_worker()["bytes"] == 402 * 2**30


def test_the_time_of_a_model_goes_on_until_it_is_opened_anew(notes):
    with opening_model("m.onnx", 9):
        pass
    with opening_model("m.onnx"):
        assert notes.read_worker()["opening"] == 1
    with opening_model("m.onnx", anew=True), opening_model("m.onnx"):
        page = notes.read_worker()
        assert (page["opening"], page["size"], page["open"]) == (2, 9, 2)


def test_a_process_that_the_worker_forks_writes_no_notes(notes):
    note_stage("coefficients")
    child = os.fork()
    if child == 0:
        try:
            note_stage("of another process")
        finally:
            os._exit(is_watched())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert notes.read_worker()["stage"] == "in the stage 'coefficients'"


def test_temporary_places_are_known_while_they_are_there(notes, tmp_path):
    with removed_after(tmp_path / "a"):
        assert notes.read_worker()["places"] == [str(tmp_path / "a")]
    assert notes.read_worker()["places"] == []
