"""Tries mutated data files: each is read, twice, or refused in one line.

    python -m tests.fuzz.data_files 2000

Files are read in a process of its own under limits. Where it dies or hangs, the next one goes on
behind the file at fault.
"""

from __future__ import annotations

import queue
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

from tests.fuzz.mutated_bytes import FORMATS, mutated_file, original_files

__all__ = ["try_data_files"]

SECONDS = 30  # for one file
MEMORY = 6 << 30  # bytes of address space
TREES = ("root", "ntuple.root")


def try_data_files(count: int, folder: Path, first: int = 0) -> tuple[Counter[str], list[str]]:
    """Tries so many files of all formats by turns: numbers of outcomes, and the faults."""
    outcomes, faults, k = Counter[str](), [], first
    while k < first + count:
        k = _run(k, first + count, folder, outcomes, faults)
    return outcomes, faults


def _run(start: int, stop: int, folder: Path, outcomes: Counter[str], faults: list[str]) -> int:
    """Reads files in one process; returns the number of the next file to try."""
    command = [sys.executable, "-m", "tests.fuzz.data_files", "--work", str(start), str(stop)]
    process = subprocess.Popen(
        [*command, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lines: queue.Queue[str | None] = queue.Queue()
    assert process.stdout is not None
    assert process.stderr is not None
    output, errors = process.stdout, process.stderr
    told: list[str] = []
    threads = [
        threading.Thread(target=lambda: [*map(lines.put, output), lines.put(None)], daemon=True),
        threading.Thread(target=lambda: told.extend(errors), daemon=True),
    ]
    for thread in threads:
        thread.start()
    done = start
    try:
        while (line := lines.get(timeout=2 * SECONDS if done > start else 120)) is not None:
            outcome, _, rest = line.rstrip("\n").partition(" ")
            outcomes[outcome] += 1
            if outcome == "bad":
                faults.append(f"{done} {rest}")
            done += 1
        status = process.wait()
    except queue.Empty:
        status = "hangs"
    finally:
        process.kill()
        process.wait()
    if done < stop:
        outcomes["bad"] += 1
        faults.append(f"{done} {FORMATS[done % len(FORMATS)]}: {status} {''.join(told[-3:])}")
        done += 1
    return done


def _work(start: int, stop: int, folder: Path) -> None:
    """Reads files, and prints one line for each."""
    from onnxtaylor.data import ColumnRequest, open_source, survey
    from onnxtaylor.errors import OnnxTaylorError

    originals = original_files(folder)
    request = ColumnRequest(3, label="kind", weight="w")
    plain = ColumnRequest(3)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for k in range(start, stop):
        ending = FORMATS[k % len(FORMATS)]
        chance = random.Random(f"data-{k}")
        path = folder / f"tried.{ending}"
        path.write_bytes(mutated_file(originals[ending], ending, chance))
        begin, outcome = time.monotonic(), "read"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                source = open_source([path], request=plain if ending == "npy" else request)
                found = survey(source)
                events = sum(len(batch) for batch in source.batches(16))
                assert events == found.events
        except OnnxTaylorError as error:
            outcome, line = "refused", str(error)
            if not line.isprintable() or not line or len(line) > 1000:
                outcome = f"bad {ending}: no line: {line!r}"
        except Warning as error:
            outcome = f"bad {ending}: warns: {error!r}" if "OnnxTaylor" not in repr(error) else ""
        except BaseException as error:
            outcome = f"bad {ending}: {type(error).__name__} {str(error)[:200]!r}"
        if (seconds := time.monotonic() - begin) > SECONDS:
            outcome = f"bad {ending}: takes {seconds:.0f} s"
        print(outcome or "read", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--work":
        _work(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    else:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as place:
            results = try_data_files(int(sys.argv[1]), Path(place), *map(int, sys.argv[2:]))
        print("\n".join(results[1]))
        print(f"{sys.argv[1]} tried in {time.monotonic() - begin:.0f} s: {dict(results[0])}")
