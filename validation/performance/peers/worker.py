"""One program in a process of its own, told by lines of JSON what to do.

``python -m validation.performance.peers.worker PROGRAM THREADS`` reads the net, then commands, and
answers each with one line. What the program prints goes to stderr.

    {"do": "prepare", "batch": b}            → {"seconds": compile time}
    {"do": "time", "events": e, "passes": p} → {"seconds": …, "events": e·p}
    {"do": "scores", "events": e}            → {"scores": [[…]]}      (the first e events)
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")


def limit_threads(threads: int) -> None:
    """Confines this process, before anything is imported that starts threads."""
    for name in (*THREAD_VARIABLES, "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)
    if hasattr(os, "sched_setaffinity"):  # JAX has no other setting
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ.update(JAX_PLATFORMS="cpu", CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
    # what was compiled in an earlier run is compiled again: the time is reported
    os.environ.update(TORCHINDUCTOR_FORCE_DISABLE_CACHES="1")


def serve(name: str, threads: int) -> None:
    """Answers commands until stdin ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(**found: Any) -> None:
        print(json.dumps(found), file=answers, flush=True)

    import numpy as np

    from validation.performance.peers.net import Net
    from validation.performance.peers.programs import make

    net = Net.from_json(json.loads(sys.stdin.readline()))
    try:
        program = make(name, net, threads)
    except ImportError as error:
        answer(missing=f"not installed ({error})")
        return
    answer(version=program.version)
    batch = 1
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if command["do"] == "prepare":
                batch = command["batch"]
                start = time.perf_counter()
                program.prepare(batch)
                answer(seconds=time.perf_counter() - start, note=program.note())
            elif command["do"] == "time":
                x = net.events(command["events"])
                start = time.perf_counter()
                for _ in range(command["passes"]):
                    program.scores(x)
                seconds = time.perf_counter() - start
                counted = getattr(program, "effective", float)(len(x))
                answer(seconds=seconds, events=counted * command["passes"])
            else:
                x = net.events(command["events"])
                # powers of two: the events again and again until the batch is full, the same mean
                x = np.tile(x, (max(1, batch // len(x)), 1))  # batch 0: of its own choice
                answer(scores=program.scores(x).tolist())
        except Exception as error:
            answer(error=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


if __name__ == "__main__":
    limit_threads(int(sys.argv[2]))
    serve(sys.argv[1], int(sys.argv[2]))
