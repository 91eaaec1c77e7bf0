"""Runs command lines in children of a process that has imported everything, under limits.

``python -m tests.fuzz.server`` reads lines of JSON, lists of command lines, and answers each with a
line of JSON: how the first command that failed ended, or the last one. A child has 60 s of
processor time, 4 GiB besides what was mapped before, and ends after ten minutes in any case.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path

PROCESSOR_SECONDS, WALL_SECONDS, MEMORY = 60, 600, 4 * 2**30


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(WALL_SECONDS)


def _child(commands: list[list[str]], folder: str) -> None:
    from onnxtaylor.cli import main

    _limit()
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    status = 0
    for number, words in enumerate(commands):
        Path(f"{folder}/number").write_text(str(number))
        status = main(words)
        if status:
            break
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _run(commands: list[list[str]]) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        process = os.fork()
        if not process:
            try:
                _child(commands, folder)
            except BaseException:
                import traceback

                traceback.print_exc()
            os._exit(99)
        _, code = os.waitpid(process, 0)

        def read(name: str) -> str:
            path = Path(folder, name)
            return path.read_text(errors="backslashreplace") if path.exists() else ""

        return {
            "status": os.waitstatus_to_exitcode(code),
            "command": commands[int(read("number") or 0)],
            "out": read("out")[-4000:],
            "err": read("err")[-4000:],
        }


def _import_everything() -> None:
    import onnx.reference  # noqa: F401
    import onnxruntime  # noqa: F401

    import onnxtaylor.cli.app
    import onnxtaylor.crosscheck.cross_check
    import onnxtaylor.run.analyze
    import onnxtaylor.run.inspect  # noqa: F401


if __name__ == "__main__":
    _import_everything()
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)
