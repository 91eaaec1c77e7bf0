"""Tries mutated documents: each is read and used, or refused in one line.

python -m tests.fuzz.documents 2000
"""

from __future__ import annotations

import faulthandler
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from onnxtaylor.errors import OnnxTaylorError
from tests.fuzz.document_kinds import KINDS, Kind, real_documents
from tests.fuzz.document_kinds import name_of as file_name

__all__ = ["Trial", "try_documents"]

SECONDS = 20


class Trial(Counter[str]):
    """Numbers of documents that were accepted and refused, and the faults that were found."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []


@contextmanager
def limited(seconds: int):
    def stop(number, frame):
        raise TimeoutError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def try_one(name: str, kind: Kind, seed: str, folder: Path, trial: Trial) -> None:
    """Writes and reads one mutated document; a fault is anything but success or one line."""
    path = folder / file_name(name)
    path.parent.mkdir(exist_ok=True)
    kind.write(kind.document, path, random.Random(seed))
    where = path.parent if name == "combine" else path
    try:
        with limited(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("error")
            kind.read(where)
    except OnnxTaylorError as error:
        trial["refused"] += 1
        text = str(error)
        if not text or not text.isprintable() or len(text) > 1000:
            trial.faults.append(f"{name} {seed}: no line: {text!r}")
    except BaseException as error:
        trial["bad"] += 1
        last = traceback.extract_tb(error.__traceback__)[-1]
        kept = f"{type(error).__name__}: {str(error)[:200]} ({last.filename}:{last.lineno})"
        trial.faults.append(f"{name} {seed}: {kept}")
        if not isinstance(error, Exception | TimeoutError):
            raise
    else:
        trial["accepted"] += 1


def try_documents(count: int, folder: Path, first: int = 0) -> Trial:
    """Tries so many documents of all kinds by turns, the same ones at every call."""
    kinds, trial = real_documents(folder), Trial()
    for name in KINDS:
        assert name in kinds
    for k in range(first, first + count):
        name = KINDS[k % len(KINDS)]
        try_one(name, kinds[name], f"{name}-{k}", folder, trial)
    return trial


if __name__ == "__main__":
    faulthandler.enable()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        found = try_documents(int(sys.argv[1]), Path(place), *map(int, sys.argv[2:]))
    print("\n".join(found.faults))
    print(f"{sys.argv[1]} tried in {time.monotonic() - begin:.0f} s: {dict(found)}, "
          f"{len(found.faults)} bad")  # fmt: skip
