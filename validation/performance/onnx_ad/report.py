"""The table of all models and tasks that were measured."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from onnxtaylor.files.whole import write_whole
from validation.performance.onnx_ad.compare import Row
from validation.performance.onnx_ad.graphs import TASKS
from validation.performance.onnx_ad.models import MODELS

__all__ = ["BEGIN", "END", "as_section", "read", "with_table", "write"]

BEGIN, END = "<!-- onnx-ad -->", "<!-- /onnx-ad -->"


def write(folder: Path, model: str, events: int, rows: list[Row]) -> None:
    """Writes the rows of one model and number of events."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(row) for row in rows], indent=1) + "\n"
    write_whole(folder / f"{model}-{events}.json", text.encode())


def read(folder: Path) -> list[Row]:
    """Reads all rows, models in the order of ``MODELS``."""
    rows = [
        Row(**row)
        for path in sorted(folder.glob("*.json"))
        for row in json.loads(path.read_text(encoding="utf-8"))
    ]
    order = list(MODELS)
    return sorted(rows, key=lambda row: (order.index(row.model), row.events))


def with_table(text: str, rows: list[Row], machine: str) -> str:
    """The text with the table between its two marks. Raises ValueError where it has no marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text has no {BEGIN} and {END}")
    return head + "\n\n".join([begin, f"{machine}.", as_section(rows), end]) + tail


def as_section(rows: list[Row]) -> str:
    """The table: how many times as long onnx-ad takes, and our time of a call; then the sums."""
    tasks = [task for task in TASKS if any(row.task == task for row in rows)]
    lines = [
        f"| model | events | {' | '.join(tasks)} |",
        f"| --- | ---: |{' ---: |' * len(tasks)}",
    ]
    for key in dict.fromkeys((row.model, row.events) for row in rows):
        own = {row.task: row for row in rows if (row.model, row.events) == key}
        cells = [_cell(own.get(task)) for task in tasks]
        lines.append(f"| {key[0]} | {key[1]} | {' | '.join(cells)} |")
    compared = [row for row in rows if row.ratio is not None]
    behind = [row for row in compared if (row.ratio or 0) < 1]
    apart = max((row.apart or 0.0 for row in compared), default=0.0)
    lines += [
        "",
        f"Of {len(rows)} cases onnx-ad computes {len(compared)}, in {len(behind)} of them faster."
        f" Results differ by at most {apart:.0e} of the largest.",
    ]
    return "\n".join(lines)


def _cell(row: Row | None) -> str:
    """Such as ``2.27 (958 µs)``; a dash for what onnx-ad does not compute."""
    if row is None:
        return ""
    ratio = "–" if row.ratio is None else f"{row.ratio:.2f}"
    return f"{ratio} ({row.ours * 1e6:.0f} µs)"
