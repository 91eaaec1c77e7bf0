"""Code blocks of a Markdown page, and how what they print is compared with what stands there.

==============  ====================================================================================
``console``     runs: lines that begin with ``$ `` are commands (``> `` continues one), the others
                are their output, stderr included. A status other than 0 has to be shown by a
                following ``$ echo $?``.
``python``      runs, one after the other in one namespace; what it prints is the ``text`` block
                directly below it.
``toml``, …     a first line ``# NAME`` makes it a file of that name.
``sh``          is for places that a test does not have, such as a batch system: its command lines
                are parsed, not run.
==============  ====================================================================================

``…`` stands for anything: alone in a line for any number of lines. Numbers may differ by one in
their last printed digit: another processor rounds differently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Block", "Call", "agrees", "calls", "file_name", "read_blocks"]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = r"(?<![\w.])[-+−±]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])"
ANY = "…"


@dataclass(frozen=True)
class Block:
    """A fenced block: ``text`` is ``page[start:stop]``; ``beside``: it follows a block directly."""

    language: str
    text: str
    start: int
    stop: int
    beside: bool


@dataclass(frozen=True)
class Call:
    """A command of a console block, and the output that stands below it."""

    command: str
    output: str


def read_blocks(page: str) -> list[Block]:
    """Returns the fenced blocks of a page, in their order."""
    blocks: list[Block] = []
    end = 0
    for found in FENCE.finditer(page):
        beside = bool(blocks) and not page[end : found.start()].strip()
        blocks.append(Block(found[1], found[2], found.start(2), found.end(2), beside))
        end = found.end()
    return blocks


def calls(text: str) -> list[Call]:
    """Returns the commands of a console block with their outputs."""
    parts: list[tuple[list[str], list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            parts.append(([line[2:]], []))
        elif line.startswith("> ") and parts and parts[-1][0][-1].endswith("\\"):
            parts[-1][0].append(line[2:])
        elif parts:
            parts[-1][1].append(line)
        else:
            raise ValueError(f"a console block begins with '$ ', not with '{line}'")
    return [Call("\n".join(words), "\n".join(lines)) for words, lines in parts]


def file_name(block: Block) -> str | None:
    """Returns the name of the file that a block is, by its first line ``# NAME``."""
    if block.language in ("console", "python", "sh", "text"):
        return None
    found = re.match(r"# ([\w./-]+\.\w+)\n", block.text)
    return found[1] if found else None


def agrees(expected: str, actual: str) -> bool:
    """Whether an output is what stands on the page: text to the letter, numbers as printed.

    >>> agrees("0.235 ± 0.010, …", "0.236 ± 0.010, and so on"), agrees("0.235", "0.237")
    (True, False)
    """
    pattern = "\n".join(map(_line, _lines(expected))).replace(f"\n{ANY}\n", r"\n(?:.*\n)*?")
    found = re.fullmatch(pattern, "\n".join(_lines(actual)))
    if found is None:
        return False
    shown = re.findall(NUMBER, "\n".join(line for line in _lines(expected)))
    return all(_close(a, b) for a, b in zip(shown, found.groups(), strict=True))


def _lines(text: str) -> list[str]:
    """Returns the lines without trailing blanks, between two empty ones that patterns can eat."""
    return ["", *(line.rstrip() for line in text.strip("\n").splitlines()), ""]


def _line(line: str) -> str:
    """Returns the pattern of a line."""
    if line.strip() == ANY:
        return ANY
    parts = re.split(f"({NUMBER})", line)
    return "".join(f"({NUMBER})" if k % 2 else _words(part) for k, part in enumerate(parts))


def _words(text: str) -> str:
    """Returns the pattern of a text without numbers: blanks and rules of any length."""
    escaped = re.escape(text).replace(re.escape(ANY), ".*")
    escaped = re.sub(r"─+", "─+", escaped)
    return re.sub(r"(?:\\ )+", " *" if not text.strip() else " +", escaped)


def _close(shown: str, got: str) -> bool:
    """Whether two numbers differ by one in the last digit of the first, at most."""
    if shown == got:
        return True
    a, b = (text.replace("−", "-").replace("±", "") for text in (shown, got))
    digits = re.match(r"[-+]?\d+(?:\.(\d+))?(?:[eE]([-+]?\d+))?", a)
    assert digits is not None
    if "." not in a:
        return False  # a count is a count
    unit = 10.0 ** (int(digits[2] or 0) - len(digits[1] or ""))
    return abs(float(a) - float(b)) <= 1.01 * unit
