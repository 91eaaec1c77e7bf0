"""The table of taggers in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from validation.performance.taggers.compare import Found, TaggerRow
from validation.performance.taggers.programs import EXACT, PROGRAMS

__all__ = ["as_table"]

OUT_OF_MEMORY = ("can't allocate", "cannot allocate", "MemoryError", "bad_alloc", "out of memory")


def as_table(cells: Sequence[Found]) -> str:
    """One row per tagger and order: events/s of each program, how many × ours is, peak memory."""
    titles = " | ".join(title for title, _ in PROGRAMS.values())
    lines = [
        f"| tagger | order | coefficients | {titles} | deviation |",
        f"| --- | ---: | ---: |{' ---: |' * (len(PROGRAMS) + 1)}",
    ]
    for found in cells:
        worst = max((row.deviation or 0.0 for row in found.rows[1:]), default=0.0)
        parts = [
            found.tagger.title,
            str(found.tagger.order),
            str(found.tagger.coefficients),
            *(_cell(found.row(name)) for name in PROGRAMS),
            f"{worst:.0e}",
        ]
        lines.append(f"| {' | '.join(parts)} |")
    return "\n".join(lines)


def _cell(row: TaggerRow | None) -> str:
    """Such as ``12.3 (10.5×), 400 MiB``."""
    if row is None:
        return ""
    if row.stopped is not None:
        if any(words in row.stopped for words in OUT_OF_MEMORY):
            return "memory-bound"
        return row.stopped.partition(" (")[0] if row.stopped.startswith(">") else "failed"
    rate = row.events_per_s
    speed = f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"
    times = "" if row.program == EXACT or math.isnan(row.ratio) else f" ({row.ratio:.3g}×)"
    return f"{speed}{times}, {row.peak_mib or 0:.0f} MiB"
