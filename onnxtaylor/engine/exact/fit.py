"""Fits the run of an exact engine into memory: events at a time, threads, blocks of features.

What T threads need that take E events each:

    2·constants + T·[graph(E) + 8·E·C·K]

graph(E) from ``onnxtaylor.runtime.liveness``; constants count twice, in the model and in the
session. onnxruntime's arena takes memory in steps that double, so up to twice of what is alive.
Where that is too much it is left out, ``lean``, which costs some time.

The steps are taken in this order: fewer events, down to one; fewer threads, down to one; blocks of
fewer features, down to one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from onnxtaylor.engine.exact.blocks import BlockedGraphs
from onnxtaylor.errors import ModelError, OptionError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.liveness import Liveness
from onnxtaylor.runtime.session import is_optimized

__all__ = ["Fit", "Planned", "fit_memory"]

ARENA = 2  # times what is alive
LEAN = 1.15  # what the C library's allocator needs for what is alive
COMFORTABLE = 32  # events of a batch from which on fewer cost no time
BLOCK_BYTES = 2**24  # of libraries and buffers besides
MOST = 4096


@dataclass(frozen=True)
class Planned:
    """Sizes of a run that are known before it.

    Parameters
    ----------
    coefficients
        Number K of coefficients of a response.
    outputs
        Number C of responses.
    features
        Number of features that are differentiated.
    itemsize
        Bytes of a number of the graph.
    order
        Highest order of the coefficients.
    """

    coefficients: int
    outputs: int
    features: int
    itemsize: int
    order: int

    @classmethod
    def of(cls, function: GraphFunction, indices: MultiIndices, outputs: int) -> Planned:
        """Collects the sizes of a function with C = ``outputs`` responses."""
        size = function.dtype.itemsize
        return cls(len(indices), outputs, function.n_varied, size, indices.order)

    @property
    def constant_bytes(self) -> int:
        """Bytes of the unit vectors that a graph of everything begins with, if it does."""
        backward = self.order == 1 and self.outputs < self.features
        return 0 if backward else self.itemsize * self.features**2

    @property
    def event_bytes(self) -> int:
        """Bytes of the coefficients of one event, in double precision."""
        return 8 * self.outputs * (self.coefficients + 1)


@dataclass(frozen=True)
class Fit:
    """Graphs that fit, and how they are run.

    Attributes
    ----------
    graphs
        One graph of all coefficients, or graphs of blocks.
    most
        Largest number of events in one call of a thread.
    threads
        Number of threads.
    lean
        Whether sessions run without an arena.
    each, fixed
        Planned bytes of a thread for each event, and of all of them besides.
    event_bytes
        Bytes of the coefficients of one event.
    """

    graphs: BlockedGraphs
    most: int
    threads: int
    lean: bool
    each: int
    fixed: int
    event_bytes: int = 0

    def peak(self, events: int) -> int:
        """Returns the planned peak in bytes where each thread takes so many events at a time."""
        return self.fixed + self.threads * events * self.each


def fit_memory(
    compile_blocks: Callable[[int], BlockedGraphs], planned: Planned, memory: int, threads: int
) -> Fit:
    """Compiles graphs that fit into memory.

    Parameters
    ----------
    compile_blocks
        Compiles graphs for blocks of so many features; 0: one graph of everything.
    planned
        Sizes.
    memory
        Bytes that the run may take.
    threads
        Number of threads that would be used.

    Raises
    ------
    OptionError
        One event and one block of one feature need more memory.
    ModelError
        The graph cannot be differentiated.
    """
    least = planned.event_bytes
    if least > memory:
        raise _too_little(least + BLOCK_BYTES, memory, "the coefficients of one event")
    size, needed = 0, least
    # a graph with all unit vectors, and its outputs, may not even be written
    written = planned.constant_bytes
    if 4 * (written + least) > memory and planned.features > 1:
        size = max(1, int(planned.features * memory / (8 * (written + least))))
    while True:
        try:
            graphs = compile_blocks(size)
        except ModelError:
            if size == 0 or not needed:
                raise
            raise _too_little(needed, memory, "one event") from None
        lives = [Liveness.of(g.proto, fused=is_optimized(g.proto)) for g in graphs.graphs]
        fits = _fit(graphs, lives, planned, memory, threads)
        if fits is not None:
            return fits
        needed = _needed(lives, planned, 1)
        if size == 1:
            raise _too_little(needed, memory, "one event and one feature at a time")
        size = _smaller(size or planned.features, needed, memory)


def _fit(
    graphs: BlockedGraphs,
    lives: list[Liveness],
    planned: Planned,
    memory: int,
    threads: int,
) -> Fit | None:
    """Finds the number of events and threads that fit; None where one event does not."""
    constants = 2 * sum(live.constants for live in lives) + BLOCK_BYTES
    for count, lean in _ways(threads, blocked=graphs.size > 0):
        factor = LEAN if lean else ARENA
        one, two = (
            max(int(factor * (live.peak(e) - live.constants)) for live in lives) for e in (1, 2)
        )
        each = max(1, two - one) + planned.event_bytes
        fixed = constants + count * max(0, 2 * one - two)
        most = (memory - fixed) // (count * each)
        if most >= (1 if lean else min(COMFORTABLE, 8)):
            most = int(min(most, MOST))
            return Fit(graphs, most, count, lean, each, fixed, planned.event_bytes)
    return None


def _ways(threads: int, *, blocked: bool) -> Iterator[tuple[int, bool]]:
    """Yields numbers of threads, and whether sessions run without an arena, best first."""
    if not blocked:  # two graphs would have two arenas
        yield threads, False
    while threads > 1:
        yield threads, True
        threads = threads // 2
    yield 1, True


def _needed(lives: list[Liveness], planned: Planned, events: int) -> int:
    alive = max(int(LEAN * (live.peak(events) - live.constants)) for live in lives)
    constants = 2 * sum(live.constants for live in lives) + BLOCK_BYTES
    return constants + alive + events * planned.event_bytes


def _smaller(size: int, needed: int, memory: int) -> int:
    """Returns the next number of features of a block: what is alive grows at least with it."""
    return max(1, min(size // 2, int(size * memory / (2 * needed))))


def _too_little(needed: int, memory: int, what: str) -> OptionError:
    return OptionError(
        f"of {memory / 2**30:.2g} GiB is too little: {what} needs {needed / 2**30:.3g} GiB; use"
        " order=1, fewer features, or more memory",
        option="memory",
    )
