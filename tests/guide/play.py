"""Runs the blocks of a page in a folder, in their order."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tests.guide.blocks import Block, Call, agrees, calls, file_name, read_blocks

__all__ = ["Played", "anew", "environment", "play", "prepare"]

DEMO = ("higgs.onnx", "higgs.parquet")  # they are in the folder of every page
SECONDS = 300  # for one command
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Played:
    """A block after its run: what it was expected to print and printed, and whether it went well.

    ``place`` is the block that holds the output: the block itself, or the ``text`` below it.
    """

    place: Block
    expected: str
    actual: str
    fault: str = ""

    @property
    def fine(self) -> bool:
        """Whether the block ran and its output is what stands on the page."""
        return not self.fault and self.expected == self.actual


def prepare(folder: Path) -> None:
    """Copies the demo's model and events into the folder."""
    for name in DEMO:
        (folder / name).write_bytes(files("onnxtaylor").joinpath("demo", name).read_bytes())


def environment(folder: Path) -> dict[str, str]:
    """Returns the environment of the commands: ``onnxtaylor`` is this tree's, output is plain."""
    bin_ = folder.parent / f"{folder.name}-bin"
    bin_.mkdir(exist_ok=True)
    for name, module in (("onnxtaylor", "onnxtaylor"), ("python", "")):
        call = f" -m {module}" if module else ""
        (bin_ / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{call} "$@"\n')
        (bin_ / name).chmod(0o755)
    known = {k: v for k, v in os.environ.items() if not k.startswith(("COV_", "PYTEST"))}
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels"), os.environ.get("PYTHONPATH", "")])
    return known | {
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "MPLBACKEND": "Agg",
        "LC_ALL": "C.UTF-8",
    }


def play(page: str, folder: Path) -> Iterator[Played]:
    """Runs the blocks of a page; yields those that print, with what they printed."""
    blocks = read_blocks(page)
    surrounding = environment(folder)
    names: dict[str, Any] = {"__name__": "__main__"}
    for k, block in enumerate(blocks):
        below = blocks[k + 1] if k + 1 < len(blocks) else None
        if block.language == "console":
            yield _console(block, folder, surrounding)
        elif block.language == "python":
            own = below if below is not None and below.beside and below.language == "text" else None
            yield _python(block, own, folder, names)
        elif (name := file_name(block)) is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(block.text, encoding="utf-8")


def anew(page: str, played: list[Played]) -> str:
    """Returns the page with the outputs of a run in the place of those that differ."""
    for one in sorted(played, key=lambda one: -one.place.start):
        page = page[: one.place.start] + one.actual + page[one.place.stop :]
    return page


def _console(block: Block, folder: Path, surrounding: dict[str, str]) -> Played:
    """Runs the commands of a block. An output that agrees stays as it stands on the page."""
    lines: list[str] = []
    status, fault = 0, ""
    asked = calls(block.text)
    for k, call in enumerate(asked):
        status, output = _command(call, status, folder, surrounding)
        told = k + 1 < len(asked) and asked[k + 1].command == "echo $?"
        if status and not told and not fault:
            fault = f"$ {call.command}\nends with status {status}:\n{output}"
        command = "\n> ".join(call.command.split("\n"))
        kept = call.output if agrees(call.output, output) else output
        lines += [f"$ {command}", *kept.splitlines()]
    return Played(block, block.text, "\n".join(lines) + "\n", fault)


def _command(call: Call, status: int, folder: Path, surrounding: dict[str, str]) -> tuple[int, str]:
    """Runs one command in a shell where the status of the one before is known."""
    done = subprocess.run(
        ["bash", "-c", f"(exit {status})\n{call.command}"],
        cwd=folder,
        env=surrounding,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
    )
    text = done.stdout.decode("utf-8", "backslashreplace")
    return done.returncode, "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def _python(block: Block, below: Block | None, folder: Path, names: dict[str, Any]) -> Played:
    """Runs a block of Python in the names of those before it; stderr is not compared."""
    out, fault = io.StringIO(), ""
    with chdir(folder), redirect_stdout(out), redirect_stderr(io.StringIO()):
        try:
            exec(compile(block.text, "<a block of the guide>", "exec"), names)
        except Exception:
            fault = f"{block.text}\n{traceback.format_exc()}"
    output = "\n".join(line.rstrip() for line in out.getvalue().splitlines())
    if below is None:
        if output and not fault:
            fault = f"{block.text}\nprints, but no text block below it shows what:\n{output}"
        return Played(block, block.text, block.text, fault)
    kept = below.text if agrees(below.text, output) else output + "\n"
    return Played(below, below.text, kept, fault)
