"""Steps of random graphs that move, join and take apart: (writer, a, b, pick) → a new tensor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.compiler.random_graphs import Tensor, Writer, among, axis_of, step


@step
def reshape(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    if pick % 4 == 0:
        return Tensor(w.op("Flatten", a), (a.size,))
    if pick % 4 == 1:
        return Tensor(w.op("Unsqueeze", a, np.array([1])), (1, *a.shape))
    if pick % 4 == 2 and 1 in a.shape and len(a.shape) > 1:
        axis = a.shape.index(1)
        found = w.op("Squeeze", a, np.array([axis + 1]))
        return Tensor(found, (*a.shape[:axis], *a.shape[axis + 1 :]))
    factor = next(k for k in (2, 3, 5, a.size) if a.size % k == 0)
    shape = (factor, a.size // factor)
    return Tensor(w.op("Reshape", a, np.array([-1, *shape])), shape)


@step
def transpose(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    order = np.roll(np.arange(len(a.shape)), pick)
    perm = [0, *(int(k) + 1 for k in order)]
    return Tensor(w.op("Transpose", a, perm=perm), tuple(a.shape[k] for k in order))


@step
def concat(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    axis = axis_of(a, pick)
    other = b if pick % 2 else a
    if len(other.shape) == len(a.shape) and all(
        p == q for k, (p, q) in enumerate(zip(a.shape, other.shape, strict=True)) if k != axis
    ):
        found = w.op("Concat", a, other, axis=axis + 1)
        size = a.shape[axis] + other.shape[axis]
        return Tensor(found, (*a.shape[:axis], size, *a.shape[axis + 1 :]))
    found = w.op("Concat", w.op("Flatten", a), w.op("Flatten", b), axis=1)
    return Tensor(found, (a.size + b.size,))


@step
def part(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    axis = axis_of(a, pick)
    size, front, back = a.shape[axis], a.shape[:axis], a.shape[axis + 1 :]
    if pick % 4 == 0:
        places = w.random.integers(-size, size, 1 + pick % 3)
        found = w.op("Gather", a, places, axis=axis + 1)
        return Tensor(found, (*front, len(places), *back))
    if pick % 4 == 1:
        chosen = np.arange(size) % 2 == 0
        found = w.op("Compress", a, chosen, axis=axis + 1)
        return Tensor(found, (*front, int(chosen.sum()), *back))
    if pick % 4 == 2 and size > 1:
        sizes = [1, size - 1]
        parts = w.ops("Split", 2, a, np.array(sizes), axis=axis + 1)
        return Tensor(parts[pick // 4 % 2], (*front, sizes[pick // 4 % 2], *back))
    by = among(pick, [-1, 2, 1, -2])
    ends = (size - 1, -size - 1) if by < 0 else (0, size)
    found = w.op("Slice", a, *(np.array([k]) for k in (*ends, axis + 1, by)))
    return Tensor(found, (*front, len(range(size)[::by]), *back))


@step
def larger(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    axis = axis_of(a, pick)
    size, front, back = a.shape[axis], a.shape[:axis], a.shape[axis + 1 :]
    rank = len(a.shape) + 1
    if pick % 3 == 0:
        repeats = np.ones(rank, int)
        repeats[axis + 1] = 2
        return Tensor(w.op("Tile", a, repeats), (*front, 2 * size, *back))
    if pick % 3 == 1:
        pads = np.zeros((2, rank), int)
        pads[:, axis + 1] = [1, 0] if pick % 2 else [0, 1]
        mode = among(pick // 2, ["constant", "edge", "wrap", *["reflect"] * (size > 1)])
        more = (np.float64(0.3),) if mode == "constant" else ()
        return Tensor(w.op("Pad", a, pads.ravel(), *more, mode=mode), (*front, size + 1, *back))
    wide = tuple(2 if d == 1 else d for d in a.shape)
    return Tensor(w.op("Expand", a, np.array([1, *wide])), wide)


@step
def rearranged(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    m = w.matrix(a)
    if pick % 4 == 0:
        return Tensor(w.op("Trilu", m, upper=pick // 4 % 2), m.shape)
    if pick % 4 == 1:
        more = {"exclusive": pick // 4 % 2, "reverse": pick // 8 % 2}
        return Tensor(w.op("CumSum", a, np.array(axis_of(a, pick) + 1), **more), a.shape)
    if pick % 4 == 2:
        count = max(1, m.shape[1] - 1)
        found = w.ops("TopK", 2, w.ordered(m), np.array([count]), axis=2, largest=pick // 4 % 2)
        return Tensor(found[0], (m.shape[0], count))
    # at places that the data choose
    places = w.op("ArgMax", w.ordered(m), axis=2)
    return Tensor(w.op("GatherElements", m, places, axis=2), (m.shape[0], 1))


@step
def turned(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    """What is done while the events lie along the second axis."""
    m = w.matrix(a)
    size = m.shape[0]
    rows = (
        w.op("Transpose", m, perm=[1, 0, 2]) if pick % 2 else w.op("Transpose", m, perm=[2, 0, 1])
    )
    size, other = (m.shape[0], m.shape[1]) if pick % 2 else (m.shape[1], m.shape[0])
    front: list[tuple[Callable[[], str], int]] = [
        (lambda: w.op("Softmax", rows, axis=0), size),
        (lambda: w.op("ReduceMean", rows, np.array([0])), 1),
        (lambda: w.op("Gather", rows, np.array([-1, 0]), axis=0), 2),
        (lambda: w.op("Concat", rows, w.op("Sin", rows), axis=0), 2 * size),
        (lambda: w.op("MatMul", rows, w.weights(size, other, other)), size),
        (lambda: w.op("Mul", rows, w.weights(size, 1, 1)), size),
        (lambda: w.op("ReduceProd", rows, np.array([0])), 1),
        (lambda: w.op("GatherND", rows, np.array([[0], [-1], [0]])), 3),
        (lambda: w.op("CumSum", rows, np.array(0)), size),
    ]
    write, found = among(pick // 2, front)
    return Tensor(w.op("Transpose", write(), perm=[1, 0, 2]), (found, other))


@step
def merged(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    """What is done to the rows of all events."""
    m = w.matrix(a)
    i, j = m.shape
    rows = w.op("Reshape", m, np.array([-1, j]))
    done = among(
        pick,
        [
            lambda: w.op("Tanh", w.op("MatMul", rows, w.weights(j, j))),
            lambda: w.op("Softmax", rows, axis=1),
            lambda: w.op("Gemm", rows, w.weights(j, j), w.weights(j)),
            lambda: w.op("Mul", rows, w.op("ReduceMean", rows, np.array([1]))),
        ],
    )()
    return Tensor(w.op("Reshape", done, np.array([-1, i, j])), (i, j))


@step
def same(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    if pick % 3 == 0:
        return Tensor(w.op("Dropout", a), a.shape)
    if pick % 3 == 1:
        return Tensor(w.op("CastLike", a, np.float64(0)), a.shape)
    # a number that only the shape tells
    count = w.g.cast(w.op("Shape", a, start=1, end=2))
    return Tensor(w.op("Mul", a, w.op("Reciprocal", count)), a.shape)
