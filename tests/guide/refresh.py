"""Writes the outputs and figures of the guide anew: ``python -m tests.guide.refresh [PAGE …]``.

An output that agrees with what stands on a page is left alone, and so are the ``…`` in it.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from onnxtaylor.guide import PAGES
from tests.guide.play import anew, play, prepare

FOLDER = Path(__file__).parents[2] / "onnxtaylor" / "guide"
FIGURE = re.compile(r"!\[[^\]]*\]\(figures/([\w.-]+)\)")


def main(names: list[str]) -> int:
    """Runs the pages; returns 1 where a block of one fails."""
    status = 0
    for name in names or PAGES:
        path = FOLDER / f"{name}.md"
        page = path.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as base:
            folder = Path(base) / "page"
            folder.mkdir()
            prepare(folder)
            began = time.perf_counter()
            played = list(play(page, folder))
            for one in played:
                if one.fault:
                    status = 1
                    print(f"{name}.md: {one.fault}\n", file=sys.stderr)
            path.write_text(anew(page, played), encoding="utf-8")
            for figure in FIGURE.findall(page):
                if (folder / figure).exists():
                    (FOLDER / "figures").mkdir(exist_ok=True)
                    shutil.copyfile(folder / figure, FOLDER / "figures" / figure)
        changed = sum(one.expected != one.actual for one in played)
        took = time.perf_counter() - began
        print(f"{name}: {changed} of {len(played)} outputs changed, {took:.0f} s", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
