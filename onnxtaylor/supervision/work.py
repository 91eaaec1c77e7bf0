"""The worker's side of the notes; nothing happens in a process that nobody watches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from onnxtaylor.errors import printable
from onnxtaylor.supervision.held import held_bytes
from onnxtaylor.supervision.limits import opening_bytes, opening_seconds, working_bytes
from onnxtaylor.supervision.notes import Notes

__all__ = [
    "allow_gpu",
    "at_work",
    "attach",
    "is_watched",
    "model_grows",
    "note_stage",
    "opening_model",
    "removed_after",
    "set_limits",
    "why_interrupted",
]

INTERRUPTED = "interrupted"
SELF = Path("/proc/self")


class _Worker:
    """The notes of this process, with what they say at the moment."""

    def __init__(self) -> None:
        self.notes: Notes | None = None
        self.lock = Lock()
        self.page: dict[str, Any] = {}
        self.asked: dict[str, Any] = {}
        self.stage = ""  # of the last progress report

    def tell(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Changes the page, and writes it."""
        if self.notes is None:
            return
        with self.lock:
            change(self.page)
            self.notes.write_worker(self.page)


_worker = _Worker()


def _forget() -> None:
    """Leaves the notes to the worker: a process that it forks itself is not watched."""
    global _worker
    _worker = _Worker()


def attach(notes: Notes) -> None:
    """Makes this process the worker whose notes these are."""
    _forget()
    _worker.notes = notes
    _worker.page = {"opening": 0, "open": 0, "places": []}
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget)


def is_watched() -> bool:
    """Whether another process watches this one."""
    return _worker.notes is not None


def set_limits(
    *,
    free: int | None = None,
    memory: int | None = None,
    timeout: float | None = None,
    opening_time: float | None = None,
    opening_memory: int | None = None,
) -> None:
    """Sets limits of this process, see ``onnxtaylor.supervision.limits``.

    Parameters
    ----------
    free
        Bytes that it could take when it began; None leaves what was said before.
    memory, timeout, opening_time, opening_memory
        The options of the call, in bytes, and in seconds since the process began.
    """
    given = {"free": free, "memory": memory, "timeout": timeout}
    given |= {"opening_time": opening_time, "opening_memory": opening_memory}
    _worker.asked |= {name: value for name, value in given.items() if value is not None}
    asked = _worker.asked

    def change(page: dict[str, Any]) -> None:
        if "free" in asked:
            page["bytes"] = working_bytes(asked["free"], asked.get("memory"))
        page |= {name: asked[name] for name in ("timeout", "memory") if name in asked}

    _worker.tell(change)


@contextmanager
def at_work(stage: str) -> Iterator[None]:
    """Notes what this process is doing, in words that go on after *while*."""
    if _worker.notes is None:
        yield
        return
    before = _worker.page.get("stage")
    _worker.tell(lambda page: page.update(stage=f"while {stage}"))
    try:
        yield
    finally:
        _worker.tell(lambda page: page.update(stage=before))


def note_stage(stage: str) -> None:
    """Notes the stage of long work that this process is in, as progress reports call it."""
    if _worker.notes is None or _worker.stage == stage:
        return
    _worker.stage = stage
    _worker.tell(lambda page: page.update(stage=f"in the stage '{stage}'"))


@contextmanager
def opening_model(model: object, size: int | None = None, *, anew: bool = False) -> Iterator[None]:
    """Limits time and memory of what is done inside of it, which opens a model.

    Parameters
    ----------
    model
        Name of the model.
    size
        Its bytes, where it is read; None where it has been read before, and its time goes on.
    anew
        Whether its time begins again: it is opened once more in the midst of the work.
    """
    if _worker.notes is None:
        yield
        return

    def enter(page: dict[str, Any]) -> None:
        page["model"] = printable(model)
        if page["open"] == 0:
            page["before"] = held_bytes(SELF)
        if size is not None:
            page["size"] = size
        if size is not None or anew:
            page["opening"] += 1  # its time begins
        if "size" in page:
            _limit_opening(page)
        page["open"] += 1

    def leave(page: dict[str, Any]) -> None:
        page["open"] -= 1

    _worker.tell(enter)
    try:
        yield
    finally:
        _worker.tell(leave)


def model_grows(size: int) -> None:
    """Adds the bytes of external tensors to the size of the model that is opened."""

    def change(page: dict[str, Any]) -> None:
        if "size" in page:
            page["size"] += size
            _limit_opening(page)

    _worker.tell(change)


def _limit_opening(page: dict[str, Any]) -> None:
    """Sets the limits that follow from the size of the model."""
    asked = _worker.asked
    page["opening_seconds"] = opening_seconds(page["size"], asked.get("opening_time"))
    gpu = page.get("gpu") == page["opening"]
    more = opening_bytes(page["size"], asked.get("opening_memory"), gpu=gpu)
    page["opening_more"], page["opening_bytes"] = more, page["before"] + more


def allow_gpu() -> None:
    """Allows the memory that the libraries of a GPU take while a model is opened."""

    def change(page: dict[str, Any]) -> None:
        if "size" in page and page.get("gpu") != page["opening"]:
            page["gpu"] = page["opening"]
            _limit_opening(page)

    _worker.tell(change)


@contextmanager
def removed_after(place: str | os.PathLike[str]) -> Iterator[None]:
    """Has the parent remove a temporary file or folder, should this process be killed meanwhile."""
    if _worker.notes is None:
        yield
        return
    name = os.path.realpath(place)
    _worker.tell(lambda page: page["places"].append(name))
    try:
        yield
    finally:
        _worker.tell(lambda page: page["places"].remove(name))


def why_interrupted() -> str:
    """Returns why the work was interrupted: by its user, or at the limit of ``timeout``."""
    if _worker.notes is None:
        return INTERRUPTED
    why = _worker.notes.read_parent().get("interrupted")
    return why if isinstance(why, str) else INTERRUPTED
