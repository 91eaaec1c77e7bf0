"""``python -m validation.performance.peers``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import validation.performance.peers as package
from onnxtaylor.files.whole import write_whole
from onnxtaylor.runtime.provider import available_threads
from validation.performance.peers.compare import compare, load
from validation.performance.peers.net import NETS, Net
from validation.performance.peers.programs import EXACT, PROGRAMS, fitting
from validation.performance.peers.report import as_summary, as_table, machine_line
from validation.performance.peers.row import Comparison

__all__ = ["main"]

MEASURED = Path(__file__).parents[1] / "measured"


def _nets(text: str) -> list[Net]:
    try:
        return [Net.parse(name) for name in (NETS if text == "all" else text.split(","))]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no net: {error}") from None


def _programs(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in PROGRAMS:
            raise argparse.ArgumentTypeError(
                f"{name!r} is not compared: choose from {', '.join(PROGRAMS)}"
            )
    return [EXACT, *(name for name in PROGRAMS if name in names and name != EXACT)]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m validation.performance.peers",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--net",
        type=_nets,
        default="30",
        metavar="NET,…",
        help="features, or widths joined by -, then -relu, then -averaged;"
        f" all: {' '.join(NETS)} (default: 30)",
    )
    parser.add_argument(
        "--peers",
        type=_programs,
        default=",".join(PROGRAMS),
        metavar="PROGRAM,…",
        help="beside the exact engine (default: all)",
    )
    parser.add_argument(
        "--events", type=int, default=8192, help="of a turn, at most (default: 8192)"
    )
    parser.add_argument("--repeats", type=int, default=7, help="pairs of timings (default: 7)")
    parser.add_argument("--threads", type=int, default=min(2, available_threads()))
    parser.add_argument(
        "--limit", type=float, default=900.0, help="seconds for each program (default: 900)"
    )
    parser.add_argument(
        "--out", type=Path, default=MEASURED, help="folder of the JSON (default: measured)"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints tables and writes JSON; 1 where programs do not agree."""
    options = _options(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    cells = []
    for net in options.net:
        path = options.out / f"{net.name}.json"
        before = load()

        def keep(found: Comparison, path: Path = path) -> None:
            text = json.dumps(_with_older(found, path).to_json(), indent=1, ensure_ascii=False)
            write_whole(path, f"{text}\n".encode())

        found = compare(
            net,
            fitting(options.peers, net),
            events=options.events,
            repeats=options.repeats,
            threads=options.threads,
            limit=options.limit,
            done=keep,
        )
        cells.append(found)
        keep(found)
        print(f"{machine_line(found)}; load average before: {before}\n\n{as_table(found)}\n")
        sys.stdout.flush()
    if len(cells) > 1:
        print(as_summary(cells))
    return 0 if all(found.agree for found in cells) else 1


def _with_older(found: Comparison, path: Path) -> Comparison:
    if not path.exists():
        return found
    return found.joined(Comparison.from_json(json.loads(path.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    sys.exit(main())
