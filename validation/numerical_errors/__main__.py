"""Judges all cases, writes the table."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from onnxtaylor.files.whole import write_whole
from validation.numerical_errors.cases import Case, cases
from validation.numerical_errors.judge import judge
from validation.numerical_errors.report import as_line, as_markdown

__all__ = ["main"]

TABLE = Path(__file__).parents[1] / "numerical_errors.md"


def main(chosen: Iterable[Case] | None = None, table: Path = TABLE) -> int:
    """1 where a limit is missed and nobody knows why."""
    rows = []
    for case in cases() if chosen is None else chosen:
        for row in judge(case):
            print(as_line(row), flush=True)
            rows.append(row)
    write_whole(table, as_markdown(rows).encode())
    unknown = [
        f"{row.name} in {row.precision}: {what} of order {order}"
        for row in rows
        for (order, what), why in row.reasons().items()
        if why is None
    ]
    if unknown:
        print(f"error: beyond the limits: {'; '.join(unknown)}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
