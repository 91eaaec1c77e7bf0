"""Samples of operators on signals, images of blocks and times; see ``sample.py`` for the words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.rules.sample import Graph, Sample, c, sample, v, x

__all__ = ["SIGNALS"]

AXIS = v(np.array(-2))


def _transforms() -> Iterator[Sample]:
    yield sample("DFT", x(5, 1), None, AXIS)
    yield sample("DFT", x(4, 2), None, v(np.array(1)), inverse=1)
    yield sample("DFT", x(5, 2), None, v(np.array(1)), inverse=1)
    yield sample("DFT", x(3, 2), v(np.array(5)), v(np.array(1)), inverse=1, onesided=1)
    yield sample("DFT", x(5, 1), None, AXIS, onesided=1)
    yield sample("DFT", x(5, 1), v(np.array(7)), AXIS, onesided=1)
    yield sample("DFT", x(5, 2), v(np.array(3)))
    yield sample("DFT", x(3, 2, 2), None, v(np.array(1)))
    yield sample("DFT", x(3, 2, batch=1), None, v(np.array(0)), batch=1)
    yield sample("STFT", x(8, 1), v(np.array(2)), c(4, low=0.5, high=1.5), v(np.array(4)))
    yield sample("STFT", x(8, 1), v(np.array(3)), None, v(np.array(5)), onesided=0)
    yield sample("STFT", x(6, 2), v(np.array(2)), c(4, low=0.5, high=1.5), None, onesided=0)
    yield sample("STFT", x(7, 1), v(np.array(1)), c(3), v(np.array(3)), onesided=1)


def _images() -> Iterator[Sample]:
    yield sample("Col2Im", x(4, 4), v([3, 3]), v([2, 2]))
    yield sample("Col2Im", x(12, 2), v([3, 2]), v([2, 3]), pads=[0, 1, 0, 1], strides=[1, 2])
    yield sample("Col2Im", x(4, 4), v([5, 4]), v([2, 2]), dilations=[2, 1], strides=[2, 2])
    yield sample("Col2Im", x(6, 4), v([6]), v([3]))


def _times() -> Iterator[Sample]:
    yield sample("ReverseSequence", x(4, 2), v([3]), body=_reversed)
    yield sample("ReverseSequence", x(2, 4), v([3, 2]), body=_within)
    for mode in ("linear", "circular"):
        more = {"opset": 24, "axis": 1, "mode": mode}
        yield sample("TensorScatter", x(5, 2), x(2, 2), **more)
        yield sample("TensorScatter", x(5, 2), x(3, 2), **more, body=_placed(mode))
        yield sample("TensorScatter", c(1, 6, 2), x(3, 2), **more, body=_placed(mode))
        yield sample("TensorScatter", x(5, 2), c(1, 3, 2), **more, body=_placed(mode))
    yield sample("TensorScatter", x(2, 5), x(2, 3), opset=24, axis=-1)


def _best(g: Graph, a: str, last: int) -> str:
    """The number of the largest of the first elements of each event."""
    rows = g.op("Reshape", a, g.constant(np.array([0, -1])))
    part = g.op("Slice", rows, *(g.constant(np.array([k])) for k in (0, last, 1)))
    return g.op("ArgMax", part, axis=1, keepdims=0)


def _reversed(g: Graph, a: str, most: str) -> str:
    """Every event has a length of its own, from 1 to 3 of 4 steps."""
    lengths = g.op("Sub", most, _best(g, a, 3))
    return g.op("ReverseSequence", a, lengths, batch_axis=0, time_axis=1)


def _within(g: Graph, a: str, lengths: str) -> str:
    """Rows inside an event, of lengths that are the same for all events, which come last."""
    turned = g.op("Transpose", a, perm=[1, 2, 0])
    found = g.op("ReverseSequence", turned, lengths, batch_axis=0, time_axis=1)
    return g.op("Transpose", found, perm=[2, 0, 1])


def _placed(mode: str):  # type: ignore[no-untyped-def]
    """Every event has a position of its own; what is the same for all is repeated."""

    def body(g: Graph, a: str, u: str) -> str:
        varying = u if g.is_constant(a) else a
        positions = _best(g, varying, 3)
        shape = g.op("Shape", varying)
        count = g.op("Slice", shape, g.constant(np.array([0])), g.constant(np.array([1])))
        repeats = g.op("Concat", count, g.constant(np.array([1, 1])), axis=0)
        a, u = (g.op("Tile", k, repeats) if g.is_constant(k) else k for k in (a, u))
        return g.op("TensorScatter", a, u, positions, axis=1, mode=mode)

    return body


SIGNALS: list[Sample] = [*_transforms(), *_images(), *_times()]
