"""Writes the tables of ``README.md`` anew from ``measured/`` and the JSON files beside it.

``python -m validation.performance.readme`` replaces what stands between ``<!-- peers -->`` and
``<!-- /peers -->``, and the tables between the marks of ``plans``, ``taggers``, ``throughput`` and
``cluster``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from onnxtaylor.files.whole import write_whole
from validation.performance.cluster import MEASURED as CLUSTER
from validation.performance.cluster import as_markdown as cluster_text
from validation.performance.peers.net import NETS, Net
from validation.performance.peers.report import as_summary, as_table, machine_line
from validation.performance.peers.row import Comparison
from validation.performance.plans import OUT
from validation.performance.plans import as_table as plans_table
from validation.performance.taggers.compare import Found
from validation.performance.taggers.report import as_table as tagger_table
from validation.performance.taggers.tagger import TAGGERS
from validation.performance.throughput import MEASURED as LARGE
from validation.performance.throughput import as_markdown as large_table

__all__ = ["main", "measured", "measured_taggers", "with_tables", "with_taggers"]

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- peers -->", "<!-- /peers -->"
TABLES = {  # marks: the file of the measurement, and what makes Markdown of it
    "plans": (OUT.name, plans_table),
    "throughput": (LARGE.name, large_table),
    "cluster": (CLUSTER.name, cluster_text),
}


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
    machines = list(dict.fromkeys(map(machine_line, cells)))
    tables = [f"{as_table(c)}{_elsewhere(c, machines)}" for c in cells]
    parts = [f"{machines[0]}.", as_summary(cells), *tables] if cells else []
    return _between(text, BEGIN, END, parts)


def _between(text: str, begin: str, end: str, parts: list[str]) -> str:
    """The text with these parts between two marks. Raises ValueError where it has no marks."""
    head, first, rest = text.partition(begin)
    _, last, tail = rest.partition(end)
    if not first or not last:
        raise ValueError(f"the text has no {begin} and {end}")
    return head + "\n\n".join([begin, *parts, end]) + tail


def with_taggers(text: str, cells: list[Found]) -> str:
    """The text with the table of taggers between its two marks, if it has them."""
    head, begin, rest = text.partition("<!-- taggers -->")
    _, end, tail = rest.partition("<!-- /taggers -->")
    if not begin or not end or not cells:
        return text
    places: dict[str, list[str]] = {}
    for cell in cells:
        where = f"{cell.machine['cpu']}, {cell.threads} threads on {cell.machine['cores']} cores"
        places.setdefault(where, []).append(cell.tagger.label)
    first, *others = places
    told = [f"{where}: {'; '.join(places[where])}." for where in others]
    return head + "\n\n".join([begin, f"{first}.", tagger_table(cells), *told, end]) + tail


def measured_taggers(folder: Path) -> list[Found]:
    """All taggers that were measured, in the order of the table."""
    paths = [folder / f"{name}-{order}.json" for name in TAGGERS for order in (1, 2)]
    texts = [path.read_text(encoding="utf-8") for path in paths if path.exists()]
    return [Found.from_json(json.loads(text)) for text in texts]


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
    for mark, (name, table) in TABLES.items():
        if (path := folder / name).exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            text = _between(text, f"<!-- {mark} -->", f"<!-- /{mark} -->", [table(found)])
    text = with_taggers(text, measured_taggers(folder / "measured" / "taggers"))
    write_whole(readme, text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
