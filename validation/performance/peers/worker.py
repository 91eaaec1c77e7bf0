"""One program in a process of its own, told by lines of JSON what to do.

``python -m validation.performance.peers.worker PROGRAM THREADS`` reads the net, then commands, and
answers each with one line. What the program prints goes to stderr.

    {"do": "prepare", "batch": b}            → {"seconds": compile time}
    {"do": "time", "events": e, "passes": p} → {"seconds": …, "events": e·p}
    {"do": "scores", "events": e}            → {"scores": [[…]]}      (the first e events)
    {"do": "peak"}                           → {"mib": the process's largest memory so far}
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
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


def serve(make: Callable[[dict[str, Any]], tuple[Any, Any]]) -> None:
    """Answers commands until stdin ends; ``make`` makes net and program of the first line."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(**found: Any) -> None:
        print(json.dumps(found), file=answers, flush=True)

    import numpy as np

    try:
        net, program = make(json.loads(sys.stdin.readline()))
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
            elif command["do"] == "peak":
                answer(mib=peak_mib())
            else:
                x = net.events(command["events"])
                # powers of two: the events again and again until the batch is full, the same mean
                x = np.tile(x, (max(1, batch // len(x)), 1))  # batch 0: of its own choice
                answer(scores=program.scores(x).tolist())
        except Exception as error:
            answer(error=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


def peak_mib() -> float:
    """The largest resident memory of this process, as the operating system counts it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Serves one of ``PROGRAMS``."""
    name, threads = sys.argv[1], int(sys.argv[2])
    limit_threads(threads)

    def made(found: dict[str, Any]) -> tuple[Any, Any]:
        from validation.performance.peers.net import Net
        from validation.performance.peers.programs import make

        net = Net.from_json(found)
        return net, make(name, net, threads)

    serve(made)


if __name__ == "__main__":
    main()
