"""The parent's look at its worker: memory, seconds at work, and the limits that it has noted."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from onnxtaylor.errors import WorkerError
from onnxtaylor.supervision.ended import limit_error
from onnxtaylor.supervision.held import held_bytes
from onnxtaylor.supervision.limits import WAITING
from onnxtaylor.supervision.notes import Notes

__all__ = ["EVERY", "Watch"]

EVERY = 0.1  # seconds between two looks
USER_TIME, SYSTEM_TIME = 11, 12  # in /proc/PID/stat, counted behind the command's name


class Watch:
    """A watch over one worker.

    Parameters
    ----------
    process
        Its number.
    notes
        The memory that both share.
    """

    def __init__(self, process: int, notes: Notes) -> None:
        self._proc = Path("/proc") / str(process)
        self._notes = notes
        self._began = self._looked = monotonic()
        self._busy = 0.0  # seconds of processors at the last look
        self._opening, self._spent = 0, 0.0  # number of the model that is opened, its seconds

    @property
    def page(self) -> dict[str, Any]:
        """Notes of the worker."""
        return self._notes.read_worker()

    def look(self) -> WorkerError | None:
        """Returns the error of a worker that is beyond a limit, or None. Only ``timeout`` can wait.

        It is called every ``EVERY`` seconds.
        """
        page, now = self.page, monotonic()
        timeout = page.get("timeout")
        if timeout is not None and now - self._began > timeout:
            return limit_error("timeout", timeout, page)
        opens = bool(page.get("open")) and "size" in page
        if opens and self._spent_opening(page, now) > page["opening_seconds"]:
            return limit_error("opening_time", page["opening_seconds"], page)
        self._looked = now
        limits = {"memory": page.get("bytes")}
        if opens:
            limits["opening_memory"] = page["opening_bytes"]
        known = {name: number for name, number in limits.items() if number is not None}
        if known:
            name = min(known, key=lambda name: known[name])
            if held_bytes(self._proc) > known[name]:
                allowed = page["opening_more"] if name == "opening_memory" else known[name]
                return limit_error(name, allowed, page)
        return None

    @property
    def timed_out(self) -> bool:
        """Whether the worker is beyond ``timeout``."""
        timeout = self.page.get("timeout")
        return timeout is not None and monotonic() - self._began > timeout

    def clear(self) -> None:
        """Removes the temporary files and folders of a worker that was killed."""
        import shutil  # for the few that need it: the parent of each command would load it

        for place in map(Path, self.page.get("places", ())):
            with suppress(OSError):
                if place.is_dir():
                    shutil.rmtree(place)
                else:
                    place.unlink()

    def _spent_opening(self, page: dict[str, Any], now: float) -> float:
        """Returns the seconds that this model has taken, and counts those since the last look."""
        busy = self._seconds_of_processors()
        worked = 0.0 if busy is None else busy - self._busy
        self._busy = 0.0 if busy is None else busy
        if page["opening"] != self._opening:  # it has begun since
            self._opening, self._spent = page["opening"], 0.0
            return 0.0
        passed = now - self._looked
        self._spent += passed if busy is None else max(min(worked, passed), WAITING * passed)
        return self._spent

    def _seconds_of_processors(self) -> float | None:
        try:
            text = (self._proc / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:  # it has ended, or another system
            return None
        fields = text.rpartition(")")[2].split()
        if len(fields) <= SYSTEM_TIME:
            return None
        return (int(fields[USER_TIME]) + int(fields[SYSTEM_TIME])) / os.sysconf("SC_CLK_TCK")
