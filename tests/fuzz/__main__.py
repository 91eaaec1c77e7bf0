"""``python -m tests.fuzz N [SEED [FIRST]]`` tries N mutated models, and keeps bad ones."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import mkdtemp

from tests.fuzz.trial import fault_of, trials

if __name__ == "__main__":
    count = int(sys.argv[1])
    seed, first = ([int(word) for word in sys.argv[2:]] + [0, 0])[:2]
    folder = Path(mkdtemp(prefix="fuzz-"))
    begin, statuses, bad = time.monotonic(), Counter[int](), 0
    for trial in trials(count, seed, folder, first):
        statuses[trial.status] += 1
        if fault := fault_of(trial):
            bad += 1
            print(f"{trial.number}: {fault}: {trial.command[0]} {trial.path}", flush=True)
            print("    " + "\n    ".join(trial.err.strip().splitlines()[-6:]), flush=True)
        else:
            trial.path.unlink()
    took = time.monotonic() - begin
    print(f"{count} tried, {bad} bad, status {dict(statuses)}, {took:.0f} s; models in {folder}")
