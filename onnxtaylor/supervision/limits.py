"""Limits of a supervised process, and the options that raise them.

Opening a model means to read it, to load it into onnxruntime, and to probe it at a few events. It
takes at most 25 s, and one more for each 4 MiB of the model; ``opening_time`` is another limit.
Only seconds count in which the process was at work: a machine that is busy with other things costs
a model nothing. Waiting counts a tenth.

Meanwhile the process takes at most 3 GiB and eight times the model; a GPU, whose libraries are
large, adds 4 GiB. ``opening_memory`` is another limit. At any time it holds at most all that was
free when it began (95 % of it) or, if that is more, twice ``memory`` and 2 GiB: the plan of an
analysis keeps within ``memory`` itself. Pages of files that are mapped do not count.

Derivatives of a large model may be compiled for minutes: that is not opening it, and has no limit
but ``timeout``.
"""

from __future__ import annotations

__all__ = [
    "WAITING",
    "opening_bytes",
    "opening_seconds",
    "working_bytes",
]

SECONDS, SECONDS_A_MIB = 25.0, 0.25
OPENING_BYTES, TIMES_THE_MODEL = 3 * 2**30, 8
GPU_BYTES = 4 * 2**30
FREE = 0.95  # share of what is free
TIMES_MEMORY, BESIDE_MEMORY = 2, 2 * 2**30
LEAST = 2**29  # bytes: libraries alone take half of it
WAITING = 0.1  # a second without work, of one with


def opening_seconds(size: int, asked: float | None) -> float:
    """Returns how long opening a model may take.

    Parameters
    ----------
    size
        Bytes of the model, with its external tensors.
    asked
        The option ``opening_time``, or None.

    >>> opening_seconds(2**20, None), opening_seconds(2**20, 300.0)
    (25.25, 300.0)
    """
    return SECONDS + SECONDS_A_MIB * size / 2**20 if asked is None else asked


def opening_bytes(size: int, asked: int | None, *, gpu: bool = False) -> int:
    """Returns how much memory opening may take for a model of ``size`` bytes is opened.

    ``asked`` is the option ``opening_memory``, in bytes, or None.
    """
    usual = OPENING_BYTES + TIMES_THE_MODEL * size + GPU_BYTES * gpu
    return usual if asked is None else asked


def working_bytes(free: int, memory: int | None) -> int:
    """Returns how much memory may be held otherwise.

    ``free`` is what the process could take when it began; ``memory`` the option, in bytes, or None.
    """
    allowed = 0 if memory is None else TIMES_MEMORY * memory + BESIDE_MEMORY
    return max(int(FREE * free), allowed, LEAST)
