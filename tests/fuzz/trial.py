"""Trials of mutated models: how ``inspect`` and ``analyze`` end, and what would be bad."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.fuzz.corpus import corpus
from tests.fuzz.mutate import mutated

__all__ = ["Trial", "again_as_users_do", "fault_of", "trials"]

EVENTS = 12


class Trial(NamedTuple):
    number: int
    path: Path
    status: int  # of the process; the negative number of a signal
    command: list[str]
    out: str
    err: str
    half_written: bool


def trials(count: int, seed: int, folder: Path, first: int = 0) -> Iterator[Trial]:
    """Makes models number ``first`` to ``first + count`` of a seed, and tries each."""
    models = corpus()
    data = folder / "events.csv"
    rows = np.random.default_rng(seed).normal(size=(EVENTS, 3))
    lines = [",".join(f"{cell:.4f}" for cell in row) for row in rows]
    data.write_text("\n".join(["a,b,c", *lines]) + "\n")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # threads of OpenMP do not live on in children
        env=os.environ | {"NUMBA_THREADING_LAYER": "workqueue"},
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for number in range(first, first + count):
            random = np.random.default_rng([seed, number])
            source = models[int(random.integers(len(models)))]
            path, saved = folder / f"{seed}-{number}.onnx", folder / f"{seed}-{number}.json"
            path.write_bytes(mutated(source, random))
            commands = [
                ["inspect", str(path)],
                ["analyze", str(path), str(data), "--order", "1", "--check", "4", "-q", "-o",
                 str(saved)],
            ]  # fmt: skip
            server.stdin.write(json.dumps(commands) + "\n")
            server.stdin.flush()
            answer = json.loads(server.stdout.readline())
            written = saved.exists() and answer["status"] not in (0, 1)
            yield Trial(number, path, half_written=written, **answer)
            saved.unlink(missing_ok=True)
        server.stdin.close()


def fault_of(trial: Trial) -> str:
    """What is bad about the end of a trial; empty where nothing is."""
    if trial.status < 0:
        return f"signal {-trial.status}"
    if "Traceback" in trial.err or trial.status not in (0, 1, 2):
        return f"status {trial.status} with a traceback"
    if trial.status == 2:
        lines = [line for line in trial.err.splitlines() if line.startswith("error: ")]
        if len(lines) != 1 or not re.search(r"\w", lines[0][7:]):
            return "no single line about the error"
    if trial.half_written:
        return "half written"
    return ""


def again_as_users_do(trial: Trial) -> Trial:
    """Tries a model once more with the installed command, whose parent tells of a death."""
    found = subprocess.run(
        [sys.executable, "-m", "onnxtaylor", *trial.command],
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=600,
    )
    return trial._replace(status=found.returncode, out=found.stdout, err=found.stderr)
