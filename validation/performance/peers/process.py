"""A program in a process of its own: started, asked, and ended when its time is over."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from validation.performance.peers.net import Net
from validation.performance.taggers.tagger import Tagger

__all__ = ["Late", "Stopped", "Worker"]

ROOT = Path(__file__).resolve().parents[3]


class Stopped(Exception):  # noqa: N818  (a result to be reported, not a fault)
    """The program is not installed, failed, or needs more than its time: the message says which."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Late(Stopped):
    """The program needs more than its time."""


class Worker:
    """One of ``PROGRAMS`` on one net, with ``limit`` seconds for all that it is asked.

    ``module`` is what runs in the process. Raises Stopped, from every method.
    """

    def __init__(
        self,
        name: str,
        net: Net | Tagger,
        threads: int,
        limit: float,
        module: str = "validation.performance.peers.worker",
    ) -> None:
        self.name, self.net, self.limit, self.spent = name, net, limit, 0.0
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            start_new_session=True,  # so that the compilers that it starts end with it
            env={**os.environ, "PYTHONPATH": path},
        )
        try:
            self.version = self._ask(net.to_json())["version"]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def left(self) -> float:
        """Seconds until the limit."""
        return self.limit - self.spent

    def prepare(self, batch: int) -> tuple[float, str]:
        """Compile time in seconds, and what the program chose."""
        found = self._ask({"do": "prepare", "batch": batch})
        return found["seconds"], found["note"]

    def time(self, events: int, passes: int) -> tuple[float, float]:
        """Events per second, and seconds of one pass."""
        found = self._ask({"do": "time", "events": events, "passes": passes})
        return found["events"] / found["seconds"], found["seconds"] / passes

    def scores(self, events: int) -> npt.NDArray[np.float64]:
        """⟨t⟩ (C, K) of the first events."""
        return np.array(self._ask({"do": "scores", "events": events})["scores"])

    def peak(self) -> float:
        """The most memory that the process has had so far, in MiB."""
        return float(self._ask({"do": "peak"})["mib"])

    def close(self) -> None:
        """Ends the process, and those that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream:
                with contextlib.suppress(BrokenPipeError):  # it ended with a command unread
                    stream.close()

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        start = time.monotonic()
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
            line = self._line(start + self.left, command.get("do", "start"))
        except BrokenPipeError:
            line = b""
        self.spent += time.monotonic() - start
        if not line:
            reason = self._last_words()
            self.close()
            raise Stopped(self.name, f"ended by itself: {reason}")
        answer: dict[str, Any] = json.loads(line)
        for kind in ("missing", "error"):
            if kind in answer:
                self.close()
                raise Stopped(self.name, answer[kind])
        return answer

    def _line(self, end: float, doing: str) -> bytes:
        assert self._process.stdout
        descriptor, line = self._process.stdout.fileno(), b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, end - time.monotonic())):
                    self.close()
                    raise Late(self.name, f">{self.limit:.0f} s ({doing})")
                part = os.read(descriptor, 2**20)
                if not part:
                    return b""
                line += part
        return line

    def _last_words(self) -> str:
        """The last line on stderr, or the signal."""
        self._process.wait(10)
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        words = [line.strip() for line in lines if line.strip()]
        return words[-1][:300] if words else f"exit status {self._process.returncode}"
