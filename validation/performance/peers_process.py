"""A program in another process: started, asked, and ended when its time is over."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from validation.performance.peers_net import Net

__all__ = ["Stopped", "Worker"]

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0


class Stopped(Exception):  # noqa: N818  (a result to be reported, not a fault)
    """The program is not installed, failed, or did not answer in time: the message says which."""


class Worker:
    """One of ``PROGRAMS`` on one net. Raises Stopped, from every method."""

    def __init__(self, name: str, net: Net, threads: int) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "validation.performance.peers_worker", name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.version = self._ask(net.to_json(), START_SECONDS)["version"]

    def prepare(self, batch: int, patience: float) -> tuple[float, str]:
        """Compile time in seconds, and what the program chose."""
        found = self._ask({"do": "prepare", "batch": batch}, patience)
        return found["seconds"], found["note"]

    def time(self, events: int, passes: int, patience: float) -> tuple[float, float]:
        """Events per second, and seconds of one pass."""
        found = self._ask({"do": "time", "events": events, "passes": passes}, patience)
        return found["events"] / found["seconds"], found["seconds"] / passes

    def scores(self, events: int, patience: float) -> npt.NDArray[np.float64]:
        """⟨t⟩ (C, K)."""
        found = self._ask({"do": "scores", "events": events}, patience)
        return np.array(found["scores"])

    def close(self) -> None:
        """Ends the process."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream:
                with contextlib.suppress(BrokenPipeError):  # it ended with a command unread
                    stream.close()

    def _ask(self, command: dict[str, Any], patience: float) -> dict[str, Any]:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
            line = self._line(patience)
        except BrokenPipeError:
            line = b""
        if not line:
            reason = self._last_words()
            self.close()
            raise Stopped(f"ended by itself: {reason}")
        answer: dict[str, Any] = json.loads(line)
        for kind in ("missing", "error"):
            if kind in answer:
                self.close()
                raise Stopped(answer[kind])
        return answer

    def _line(self, patience: float) -> bytes:
        assert self._process.stdout
        descriptor, line = self._process.stdout.fileno(), b""
        end = time.monotonic() + patience
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, end - time.monotonic())):
                    self.close()
                    raise Stopped(f"no answer in {patience:.0f} s")
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
