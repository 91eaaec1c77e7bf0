"""A watch ends a worker at its limits, and not before."""

from __future__ import annotations

import pytest

from onnxtaylor.supervision import watch as module
from onnxtaylor.supervision.notes import Notes
from onnxtaylor.supervision.watch import Watch

TICKS = 100  # a second; what the tests' system calls are replaced by


class Worker:
    """A worker that is made of numbers, and the watch over it."""

    def __init__(self, place, monkeypatch):
        self.folder, self.now = place / "7", 1000.0
        self.folder.mkdir()
        self.busy, self.pages, self.mapped = 0.0, 0, 0
        self.notes = Notes()
        monkeypatch.setattr(module, "monotonic", lambda: self.now)
        monkeypatch.setattr(module, "Path", lambda name: place if name == "/proc" else place / name)
        names = {"SC_CLK_TCK": TICKS, "SC_PAGE_SIZE": 4096}
        monkeypatch.setattr(module.os, "sysconf", names.__getitem__)
        self.watch = Watch(7, self.notes)

    def look(self, seconds=0.1, busy=0.0):
        self.now += seconds
        self.busy += busy
        fields = ["S", *["0"] * 10, f"{int(self.busy * TICKS)}", "0", "0"]
        (self.folder / "stat").write_text("7 (a) b) " + " ".join(fields))
        (self.folder / "statm").write_text(f"99 {self.pages + self.mapped} {self.mapped} 0 0 0 0")
        error = self.watch.look()
        return None if error is None else str(error)


@pytest.fixture
def worker(tmp_path, monkeypatch):
    return Worker(tmp_path, monkeypatch)


OPEN = {"model": "m.onnx", "open": 1, "opening": 1, "size": 9}
OPEN |= {
    "opening_seconds": 25.0,
    "opening_bytes": 2**20,
    "opening_more": 2**20,
    "stage": "while it loads",
}


def test_without_notes_there_are_no_limits(worker):
    worker.pages = 10**9
    assert worker.look(1e6, 1e6) is None


def test_the_time_of_the_call(worker):
    worker.notes.write_worker({"timeout": 60.0, "stage": "in the stage 'coefficients'"})
    assert worker.look(59.9) is None
    assert not worker.watch.timed_out
    found = worker.look(0.2)
    assert found == (
        "not finished within 60 s in the stage 'coefficients', the limit of timeout=60"
    )
    assert worker.watch.timed_out


def test_a_model_that_is_not_opened_in_time(worker):
    worker.notes.write_worker(OPEN)
    assert [worker.look(1.0, 1.0) for _ in range(25)] == [None] * 25
    found = next(filter(None, (worker.look(1.0, 1.0) for _ in range(3))))
    assert found == (
        "m.onnx: the model was not opened within 25 s while it loads: allow more with"
        " opening_time=250"
    )


def test_two_processors_count_as_one(worker):
    worker.notes.write_worker(OPEN)
    assert [worker.look(1.0, 2.0) for _ in range(25)] == [None] * 25


def test_time_that_others_take_counts_a_tenth(worker):
    worker.notes.write_worker(OPEN)
    assert [worker.look(10.0, 0.5) for _ in range(25)] == [None] * 25
    assert any(worker.look(10.0, 0.5) for _ in range(3))


def test_time_between_two_parts_of_opening_is_not_counted(worker):
    worker.notes.write_worker(OPEN)
    assert [worker.look(1.0, 1.0) for _ in range(20)] == [None] * 20
    worker.notes.write_worker(OPEN | {"open": 0})
    assert worker.look(1000.0, 1000.0) is None
    worker.notes.write_worker(OPEN)
    assert [worker.look(1.0, 1.0) for _ in range(5)] == [None] * 5
    assert any(worker.look(1.0, 1.0) for _ in range(3))


def test_each_model_has_its_own_time(worker):
    for number in range(1, 5):
        worker.notes.write_worker(OPEN | {"opening": number})
        assert [worker.look(1.0, 1.0) for _ in range(20)] == [None] * 20


def test_memory_while_a_model_is_opened(worker):
    worker.notes.write_worker(OPEN | {"bytes": 2**30})
    worker.pages, worker.mapped = 256, 10**6  # pages of files do not count
    assert worker.look() is None
    worker.pages = 257
    assert worker.look() == (
        "m.onnx: opening the model takes more than 1 MiB of memory while it loads: allow more with"
        ' opening_memory="2GiB"'
    )
    worker.notes.write_worker(OPEN | {"bytes": 2**30, "open": 0})
    assert worker.look() is None


def test_memory_of_the_call(worker):
    worker.notes.write_worker({"bytes": 2**31})
    worker.pages = 2**19 + 1
    assert worker.look() == (
        "the call takes more than 2.0 GiB of memory: nearly all that was free: run it where there"
        " is more"
    )
    worker.notes.write_worker({"bytes": 2**31, "memory": 9})
    assert worker.look() == (
        'the call takes more than 2.0 GiB of memory: allow more with memory="4GiB"'
    )


def test_a_worker_that_has_ended_is_beyond_no_limit(worker):
    worker.notes.write_worker(OPEN | {"bytes": 1})
    assert worker.watch.look() is None


def test_what_a_killed_worker_left_is_removed(worker, tmp_path):
    folder, file, other = tmp_path / "folder", tmp_path / "file", tmp_path / "other"
    folder.mkdir()
    for path in (folder / "stdin.csv", file, other):
        path.write_text("")
    worker.notes.write_worker({"places": [str(folder), str(file), str(tmp_path / "gone")]})
    worker.watch.clear()
    assert (folder.exists(), file.exists(), other.exists()) == (False, False, True)
