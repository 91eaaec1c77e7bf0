"""Compares, prints the tables and writes them into ``../README.md``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from onnxtaylor.files.whole import write_whole
from validation.performance.numerical.compare import JUDGED, MODELS, compare
from validation.performance.numerical.report import as_markdown, with_tables
from validation.performance.peers.compare import load, machine

__all__ = ["main"]

README = Path(__file__).parents[1] / "README.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """2 where a peer is not installed."""
    parser = argparse.ArgumentParser(
        prog="python -m validation.performance.numerical", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--models", default=",".join(MODELS), help="toy A–D, or sizes of a net")
    parser.add_argument("--repeats", type=int, default=7, help="turns")
    parser.add_argument("--events", type=int, default=JUDGED, help="at which accuracy is judged")
    parser.add_argument("--out", type=Path, default=README)
    options = parser.parse_args(arguments)
    try:
        import numdifftools
        import scipy.differentiate  # noqa: F401
    except ModuleNotFoundError as error:
        print(f"error: {error}: pip install -e '.[cpu,bench]'", file=sys.stderr)
        return 2
    del numdifftools
    before, tables = load(), []
    for name in options.models.split(","):
        for table in compare(name, options.repeats, options.events):
            print(as_markdown([table]), end="\n\n", flush=True)
            tables.append(table)
    facts = machine()
    where = (
        f"{facts['cpu']}, 1 thread of {facts['cores']}, {facts['system']}, Python"
        f" {facts['python']}, load {before} before and {load()} after, {options.repeats} turns"
    )
    text = options.out.read_text(encoding="utf-8")
    write_whole(options.out, with_tables(text, tables, where).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
