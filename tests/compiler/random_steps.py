"""Steps of random graphs that compute: (writer, a, b, pick) → a new tensor.

``a`` is worked on, ``b`` joins it where there are two, ``pick`` chooses among variants.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.compiler.random_graphs import Tensor, Writer, among, axis_of, step

# not Gelu, Celu and Shrink: runtimes round them to single precision whatever they are given
SMOOTH = [
    *("Tanh", "Sin", "Cos", "Sigmoid", "Softplus", "Atan", "Asinh", "Erf"),
    *("Neg", "Identity", "Mish", "Swish"),
]
INSIDE = {  # half and centre of what the operator is given
    **dict.fromkeys(["Sinh", "Cosh", "Exp", "Tan"], (1.0, 0.0)),
    **dict.fromkeys(["Asin", "Acos", "Atanh"], (0.7, 0.0)),
    **dict.fromkeys(["Log", "Sqrt", "Reciprocal"], (1.0, 2.0)),
    "Acosh": (0.7, 2.2),
}
KINKED: dict[str, dict[str, float]] = {
    **{k: {} for k in ("Abs", "Relu", "LeakyRelu", "Elu", "Selu", "Softsign", "HardSwish")},
    "ThresholdedRelu": {"alpha": 0.3},
    "HardSigmoid": {"alpha": 1 / 1.7, "beta": 0.2 / 1.7},
}


@step
def smooth(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    kind = among(pick, SMOOTH)
    return Tensor(w.op(kind, a), a.shape)


@step
def inside(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    kind = among(pick, list(INSIDE))
    return Tensor(w.op(kind, w.bounded(a, *INSIDE[kind])), a.shape)


@step
def kinked(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    kind = among(pick, [*KINKED, "PRelu", "PRelu", "Clip"])
    if kind == "PRelu":
        slope = w.fit(b, a.shape) if pick % 2 else w.weights(a.shape[-1])
        return Tensor(w.op(kind, w.sided(a), slope), a.shape)
    if kind == "Clip":
        return Tensor(w.op(kind, w.sided(a), np.float64(-0.2), np.float64(1.5)), a.shape)
    return Tensor(w.op(kind, w.sided(a), **KINKED[kind]), a.shape)


@step
def steps(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    """A factor that varies in steps."""
    if pick % 5 == 4:
        # the remainder of about 5 by about 2: 2 times the divisor is taken away
        divisor = w.bounded(Tensor(w.fit(b, a.shape), a.shape), 0.1, 2.0)
        return Tensor(w.op("Mod", w.bounded(a, 0.3, 5.0), divisor, fmod=1), a.shape)
    kind = among(pick, ["Sign", "Floor", "Ceil", "Round"])
    return Tensor(w.op("Mul", w.op(kind, w.sided(a)), a), a.shape)


@step
def where(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    kind = among(pick, ["Greater", "Less", "GreaterOrEqual", "LessOrEqual"])
    condition = w.op(kind, w.sided(a), np.float64(0.1))
    pair = (a, w.fit(b, a.shape)) if pick % 2 else (np.float64(0.3), a)
    return Tensor(w.op("Where", condition, *pair), a.shape)


@step
def extreme(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    other = w.bounded(Tensor(w.fit(b, a.shape), a.shape), 0.4)
    names = (w.sided(a), other, w.sided(b) if b.shape == a.shape and pick % 3 == 0 else other)
    if names[2] != other:  # three, of which no two change places
        lifted = w.op("Add", names[2], np.full(a.shape, 3.0))
        names = (names[0], other, lifted)
    return Tensor(w.op(among(pick, ["Max", "Min"]), *names[: 2 + pick % 2]), a.shape)


@step
def power(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    base = w.bounded(a, 0.6, 1.2)
    exponent = among(pick, [2.0, -1.0, 0.5, 3.0, 1.0, 0.0])
    if pick % 4 == 0:
        return Tensor(w.op("Pow", base, w.bounded(Tensor(w.fit(b, a.shape), ()), 1.0)), a.shape)
    if pick % 4 == 1:
        return Tensor(w.op("Pow", np.float64(1.7), a.name), a.shape)
    return Tensor(w.op("Pow", a if exponent in (2.0, 3.0) else base, exponent), a.shape)


@step
def pair(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    kind = among(pick, ["Mul", "Add", "Sub", "Div"])
    other = w.fit(b, a.shape)
    if kind == "Div":
        below = w.op("Add", w.op("Mul", other, other), np.float64(1.5))
        return Tensor(w.op(kind, a, below), a.shape)
    return Tensor(w.op(kind, *((other, a) if pick % 3 else (a, other))), a.shape)


@step
def outer(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    """(p, 1) with (1, q): both broadcast."""
    column = w.op("Unsqueeze", w.op("Flatten", a), np.array([2]))
    row = w.op("Unsqueeze", w.op("Flatten", b), np.array([1]))
    kind = among(pick, ["Mul", "Add", "Sub", "Div", "Sum", "Mean"])
    if kind == "Div":
        row = w.bounded(Tensor(row, ()), 1.0, 2.0)
    return Tensor(
        w.op(kind, *((column, row) if kind == "Div" else (row, column))), (a.size, b.size)
    )


@step
def constant(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    """With a constant of one element, of one axis, or of a larger tensor, on either side."""
    kind = among(pick, ["Mul", "Add", "Sub", "Div"])
    wide = tuple(2 if d == 1 else d for d in a.shape)
    size = among(pick // 4, [(), a.shape[-1:], wide, (1, *wide)])
    shape = np.broadcast_shapes(a.shape, size[-len(a.shape) :])
    value = w.random.uniform(0.5, 1.5, size)
    if kind == "Div" and pick % 3:
        return Tensor(w.op(kind, value, w.bounded(a, 1.0, 2.0)), shape)
    names = (a, value) if pick % 2 or kind == "Div" else (value, a)
    return Tensor(w.op(kind, *names), shape)


@step
def several(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    other = w.fit(b, a.shape)
    return Tensor(w.op(among(pick, ["Mean", "Sum"]), a, other, a, np.float64(0.5)), a.shape)


@step
def weights(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    size = 1 + pick % 4
    if pick % 3 == 0:
        m = w.matrix(a)
        found = w.op("MatMul", w.weights(size, m.shape[0]), m)
        return Tensor(found, (size, m.shape[1]))
    found = w.op("MatMul", a, w.weights(a.shape[-1], size))
    return Tensor(found, (*a.shape[:-1], size))


@step
def gemm(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    size = 1 + pick % 4
    turned = pick % 2
    matrix = w.weights(*((size, a.size) if turned else (a.size, size)))
    bias = among(pick, [w.weights(size), w.fit(b, (1,)), w.shaped(b, (size,)), w.weights(1)])
    row = w.op("Flatten", a)
    return Tensor(w.op("Gemm", row, matrix, bias, transB=turned, alpha=0.7, beta=1.3), (size,))


@step
def product(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    """Two matrices that vary; of a with itself turned."""
    m = w.matrix(a)
    if pick % 3 == 0:
        return Tensor(w.op("MatMul", m, w.op("Transpose", m, perm=[0, 2, 1])), (m.shape[0],) * 2)
    size = 1 + pick % 3
    if pick % 3 == 1:
        right = w.shaped(b, (m.shape[1], size))
        return Tensor(w.op("MatMul", m, right), (m.shape[0], size))
    right = w.shaped(b, (2, m.shape[1], size))  # one axis more, which broadcasts
    wide = w.op("Unsqueeze", m, np.array([1]))
    return Tensor(w.op("MatMul", wide, right), (2, m.shape[0], size))


@step
def attention(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    m = w.matrix(a)
    q, k, v = (w.op("MatMul", m, w.weights(m.shape[1], 2)) for _ in range(3))
    scores = w.op("MatMul", q, w.op("Transpose", k, perm=[0, 2, 1]))
    return Tensor(w.op("MatMul", w.op("Softmax", scores, axis=-1), v), (m.shape[0], 2))


@step
def einsum(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    m = w.matrix(a)
    i, j = m.shape
    equation, others, shape = among(
        pick,
        [
            ("nij,njk->nik", [w.shaped(b, (j, 2))], (i, 2)),
            ("nij,nj->ni", [w.shaped(b, (j,))], (i,)),
            ("nij,jk->nki", [w.weights(j, 3)], (3, i)),
            ("nij,nj,ni->nij", [w.shaped(b, (j,)), w.shaped(a, (i,))], (i, j)),
            ("nij,jk,nk->ni", [w.weights(j, 2), w.shaped(b, (2,))], (i,)),
            ("nij->nji", [], (j, i)),
            ("nij->nj", [], (j,)),
            ("nij,nij->nj", [m], (j,)),
            ("...ij,...kj->...ik", [w.shaped(b, (2, j))], (i, 2)),
            ("ki,nij->nkj", None, (2, j)),
        ],
    )
    if others is None:
        return Tensor(w.op("Einsum", w.weights(2, i), m, equation=equation), shape)
    return Tensor(w.op("Einsum", m, *others, equation=equation), shape)


@step
def softmax(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    axis = among(pick // 2, [axis_of(a, pick) + 1, -1])
    return Tensor(w.op(among(pick, ["Softmax", "LogSoftmax"]), a, axis=axis), a.shape)


@step
def reduce(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    kinds = {
        **dict.fromkeys(["ReduceSum", "ReduceMean", "ReduceSumSquare"], lambda: a.name),
        **dict.fromkeys(["ReduceLogSumExp", "ReduceProd"], lambda: a.name),
        **dict.fromkeys(["ReduceL1", "ReduceL2"], lambda: w.sided(a)),
        "ReduceLogSum": lambda: w.bounded(a, 1.0, 2.0),
        **dict.fromkeys(["ReduceMax", "ReduceMin"], lambda: w.ordered(a)),
    }
    kind = among(pick, list(kinds))
    axes = [axis_of(a, pick // 2)] if pick % 3 else list(range(len(a.shape)))
    keep = pick % 2 or len(axes) == len(a.shape)
    shape = [1 if k in axes else d for k, d in enumerate(a.shape)]
    if not keep:
        shape = [d for k, d in enumerate(a.shape) if k not in axes]
    given = np.array([k + 1 for k in axes])
    return Tensor(w.op(kind, kinds[kind](), given, keepdims=int(keep)), tuple(shape))


@step
def normalization(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    m = w.matrix(a) if pick % 2 else a
    last, first = m.shape[-1], m.shape[0]
    scale, bias = w.random.uniform(0.5, 1.5, (2, last))
    channel = w.random.uniform(0.5, 1.5, (4, first))
    written: list[Callable[[], str]] = [
        lambda: w.op("LayerNormalization", m, scale, bias, axis=-1, epsilon=0.3),
        lambda: w.op("RMSNormalization", m, scale, axis=-1, epsilon=0.3),
        lambda: w.op("BatchNormalization", m, *channel, epsilon=0.1),
        lambda: w.op("LpNormalization", w.sided(m), axis=-1, p=2),
        lambda: w.op("InstanceNormalization", m, *channel[:2], epsilon=0.3),
        lambda: w.op(
            "GroupNormalization", m, *channel[:2], num_groups=1, epsilon=0.3, stash_type=11
        ),
    ]
    usable = written if len(m.shape) > 1 else written[:4]
    return Tensor(among(pick // 2, usable)(), m.shape)


@step
def window(w: Writer, a: Tensor, b: Tensor, pick: int) -> Tensor:
    """Convolutions and pools along one axis of four."""
    m = w.shaped(a, (2, 4))
    if pick % 4 == 0:
        return Tensor(w.op("Conv", m, w.weights(3, 2, 2), w.weights(3), strides=[2]), (3, 2))
    if pick % 4 == 1:
        return Tensor(w.op("AveragePool", m, kernel_shape=[2], strides=[1]), (2, 3))
    if pick % 4 == 2:
        return Tensor(w.op("MaxPool", w.ordered(m), kernel_shape=[2], strides=[2]), (2, 2))
    return Tensor(w.op("GlobalAveragePool", m), (2, 1))
