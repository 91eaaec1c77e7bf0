"""Writes the tables of ``README.md`` anew from ``measured/``.

``python -m validation.performance.readme`` replaces what stands between ``<!-- peers -->`` and
``<!-- /peers -->``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from onnxtaylor.files.whole import write_whole
from validation.performance.peers.net import NETS, Net
from validation.performance.peers.report import as_summary, as_table, machine_line
from validation.performance.peers.row import Comparison

__all__ = ["main", "measured", "with_tables"]

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- peers -->", "<!-- /peers -->"


def measured(folder: Path) -> list[Comparison]:
    """All nets that were measured, those of the tables first and in their order."""
    order = [Net.parse(name).name for name in NETS]
    found = {path.stem: path for path in sorted(folder.glob("*.json"))}
    names = [name for name in order if name in found]
    names += [name for name in found if name not in order]
    texts = [found[name].read_text(encoding="utf-8") for name in names]
    return [Comparison.from_json(json.loads(text)) for text in texts]


def with_tables(text: str, cells: list[Comparison]) -> str:
    """The text with the tables between its two marks. Raises ValueError where it has no marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text has no {BEGIN} and {END}")
    machines = list(dict.fromkeys(map(machine_line, cells)))
    tables = [f"{as_table(c)}{_elsewhere(c, machines)}" for c in cells]
    parts = [f"{machines[0]}.", as_summary(cells), *tables] if cells else []
    return head + "\n\n".join([begin, *parts, end]) + tail


def _elsewhere(found: Comparison, machines: list[str]) -> str:
    where = machine_line(found)
    return "" if where == machines[0] else f"\n\nMeasured on {where}."


def main(folder: Path = FOLDER) -> int:
    """Writes the file; 2 where nothing was measured."""
    cells = measured(folder / "measured")
    if not cells:
        print(
            f"error: {folder / 'measured'} holds no measurement: run"
            " python -m validation.performance.peers",
            file=sys.stderr,
        )
        return 2
    readme = folder / "README.md"
    text = with_tables(readme.read_text(encoding="utf-8"), cells)
    write_whole(readme, text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
