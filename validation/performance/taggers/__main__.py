"""``python -m validation.performance.taggers``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import validation.performance.taggers as package
from onnxtaylor.files.whole import write_whole
from onnxtaylor.runtime.provider import available_threads
from validation.performance.taggers.compare import compare
from validation.performance.taggers.programs import PROGRAMS, fitting
from validation.performance.taggers.report import as_table
from validation.performance.taggers.tagger import TAGGERS

__all__ = ["MEASURED", "main"]

MEASURED = Path(__file__).parents[1] / "measured" / "taggers"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m validation.performance.taggers",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--taggers", default=",".join(TAGGERS), help=f"of {' '.join(TAGGERS)} (default: all)"
    )
    parser.add_argument("--orders", default="1,2", help="1, 2 or both (default: both)")
    parser.add_argument(
        "--peers", default=",".join(PROGRAMS), help="programs beside ours (default: all)"
    )
    parser.add_argument(
        "--events", type=int, default=4096, help="of a turn, at most (default: 4096)"
    )
    parser.add_argument("--repeats", type=int, default=5, help="pairs of timings (default: 5)")
    parser.add_argument("--threads", type=int, default=min(2, available_threads()))
    parser.add_argument(
        "--limit", type=float, default=600.0, help="seconds for each program (default: 600)"
    )
    parser.add_argument(
        "--out", type=Path, default=MEASURED, help="folder of the JSON (default: measured/taggers)"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table and writes JSON; 1 where programs do not agree."""
    options = _options(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    cells = []
    for name in options.taggers.split(","):
        for order in map(int, options.orders.split(",")):
            tagger = TAGGERS[name].with_order(order)
            found = compare(
                tagger,
                [peer for peer in fitting(tagger) if peer in options.peers.split(",")],
                events=options.events,
                repeats=options.repeats,
                threads=options.threads,
                limit=options.limit,
            )
            text = json.dumps(found.to_json(), indent=1, ensure_ascii=False)
            write_whole(options.out / f"{name}-{order}.json", f"{text}\n".encode())
            cells.append(found)
            print(as_table([found]), flush=True)
    print(as_table(cells))
    return 0 if all(found.agree for found in cells) else 1


if __name__ == "__main__":
    sys.exit(main())
