"""A program and the exact engine, timed in turn."""

from __future__ import annotations

import contextlib
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence

from onnxtaylor.runtime.provider import available_threads
from validation.performance.peers.net import Net
from validation.performance.peers.process import Late, Stopped, Worker
from validation.performance.peers.programs import EXACT, first_batch
from validation.performance.peers.row import Comparison, Row, deviation
from validation.performance.peers.search import choose_batch, say, size_turn

__all__ = ["compare", "load", "machine", "reported", "take_turn"]

SETTLE = 0.3  # seconds in which the threads of the other process stop waiting busily for more
COMPARED = 64  # events whose ⟨t⟩ are compared
WITHOUT_SCORES = ("limit",)


def compare(
    net: Net,
    programs: Sequence[str],
    *,
    events: int,
    repeats: int,
    threads: int,
    limit: float,
    done: Callable[[Comparison], None] = lambda found: None,
) -> Comparison:
    """The exact engine, then each program beside it; calls ``done`` after each.

    ``limit`` bounds the time of every program, in seconds. ``events``, the most that a turn takes,
    is rounded to a power of two, so that all batch sizes divide it.
    """
    events = 2 ** max(0, round(math.log2(events)))
    found = Comparison(net, threads, machine(), [Row(EXACT)])
    own = found.rows[0]
    with reported(own, repeats), Worker(EXACT, net, threads, limit) as exact:
        own.version = exact.version
        choose_batch(exact, own, first_batch(EXACT, net))
        size_turn(exact, own, events, repeats)
        own.deviation = 0.0
        for _ in range(repeats):
            time.sleep(SETTLE)
            own.rates.append(exact.time(own.events, own.passes)[0])
        done(found)
        for name in programs:
            if name == EXACT:
                continue
            exact.spent = 0.0
            found.rows.append(row := Row(name))
            with reported(row, repeats), Worker(name, net, threads, limit) as worker:
                row.version = worker.version
                choose_batch(worker, row, first_batch(name, net))
                size_turn(worker, row, events, repeats)
                _compare_scores(exact, worker, row)
                for turn in range(repeats):
                    take_turn(exact, own, worker, row, turn)
            done(found)
    return found


def _compare_scores(exact: Worker, worker: Worker, row: Row) -> None:
    if row.program not in WITHOUT_SCORES:
        events = min(COMPARED, row.events)
        row.deviation = deviation(worker.scores(events), exact.scores(events))


def take_turn(exact: Worker, own: Row, worker: Worker, row: Row, turn: int) -> None:
    """One pair, in every other turn in the other order."""
    pair: dict[str, float] = {}
    for who, what in [(exact, own), (worker, row)][:: (-1) ** turn]:
        time.sleep(SETTLE)
        pair[who.name], _ = who.time(what.events, what.passes)
    row.beside.append(pair[exact.name])
    row.rates.append(pair[worker.name])


@contextlib.contextmanager
def reported(row: Row, repeats: int) -> Iterator[None]:
    """Writes into the row why its program stopped, or how far it came."""
    try:
        yield
    except Stopped as reason:
        say(f"{reason.name}: {reason}")
        own = reason.name == row.program
        if own and isinstance(reason, Late) and row.beside:
            row.note += f"{'; ' * bool(row.note)}{len(row.beside)} of {repeats} turns"
            return
        row.stopped = str(reason) if own else "the exact engine stopped"
        row.rates, row.beside = [], []
        if not own:
            raise


def machine() -> dict[str, object]:
    """Cores, CPU model as the operating system states it, platform, Python."""
    model = platform.processor()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:  # noqa: PTH123
        named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        model = named[0] if named else model
    return {
        "cores": available_threads(),
        "cpu": model,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def load() -> float | None:
    """The operating system's load average: other people's work."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
