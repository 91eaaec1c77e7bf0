"""Smooth functions written in pieces: each piece is an identity of the function beside it.

``PIECES`` has, by name, a function of a ``Writer`` and a tensor u that returns two tensors with the
same values: one written with operators that have joints, one without. The joints lie at u = 0, at
u = 0.5 or where two elements of u are equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from tests.rules.sample import Graph, helper

__all__ = ["PIECES", "pieced_models"]

PLACE = 0.5

Pair = tuple[str, str]
Piece = Callable[["Writer", str], Pair]
PIECES: dict[str, Piece] = {}


class Writer:
    """Writes nodes; numbers become constants."""

    def __init__(self, dtype: Any) -> None:
        self.g = Graph(np.dtype(dtype))

    def op(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        names = [i if isinstance(i, str) else self.g.constant(np.asarray(i)) for i in inputs]
        return self.g.op(kind, *names, **attributes)


def piece(write: Piece) -> Piece:
    PIECES[write.__name__] = write
    return write


@piece
def square_by_abs(w: Writer, u: str) -> Pair:
    return w.op("Mul", w.op("Abs", u), w.op("Abs", u)), w.op("Mul", u, u)


@piece
def cube_by_abs_and_sign(w: Writer, u: str) -> Pair:
    a = w.op("Pow", w.op("Abs", u), 3.0)
    return w.op("Mul", w.op("Sign", u), a), w.op("Pow", u, 3.0)


@piece
def identity_by_relu(w: Writer, u: str) -> Pair:
    return w.op("Sub", w.op("Relu", u), w.op("Relu", w.op("Neg", u))), w.op("Identity", u)


@piece
def identity_by_leaky_relu(w: Writer, u: str) -> Pair:
    parts = [w.op("LeakyRelu", v, alpha=0.25) for v in (u, w.op("Neg", u))]
    return w.op("Sub", *parts), w.op("Mul", u, 1.25)


@piece
def identity_by_prelu(w: Writer, u: str) -> Pair:
    parts = [w.op("PRelu", v, 0.5) for v in (u, w.op("Neg", u))]
    return w.op("Sub", *parts), w.op("Mul", u, 1.5)


@piece
def identity_by_max_and_min(w: Writer, u: str) -> Pair:
    return w.op("Add", w.op("Max", u, PLACE), w.op("Min", u, PLACE)), w.op("Add", u, PLACE)


@piece
def identity_by_clip(w: Writer, u: str) -> Pair:
    inside = w.op("Clip", u, 0.0, PLACE)
    above = w.op("Relu", w.op("Sub", u, PLACE))
    below = w.op("Relu", w.op("Neg", u))
    return w.op("Sub", w.op("Add", inside, above), below), w.op("Identity", u)


@piece
def identity_by_thresholded_relu(w: Writer, u: str) -> Pair:
    rest = w.op("Where", w.op("Greater", u, PLACE), 0.0, u)
    return w.op("Add", w.op("ThresholdedRelu", u, alpha=PLACE), rest), w.op("Identity", u)


@piece
def constant_by_hard_sigmoid(w: Writer, u: str) -> Pair:
    parts = [w.op("HardSigmoid", v, alpha=1.0, beta=0.5) for v in (u, w.op("Neg", u))]
    return w.op("Add", w.op("Add", *parts), u), w.op("Add", u, 1.0)


@piece
def exponential_by_elu(w: Writer, u: str) -> Pair:
    power = w.op("Sub", w.op("Exp", u), 1.0)
    return w.op("Where", w.op("Less", u, 0.0), w.op("Elu", u, alpha=1.0), power), power


@piece
def exponential_by_celu(w: Writer, u: str) -> Pair:
    power = w.op("Mul", w.op("Sub", w.op("Exp", w.op("Div", u, 0.5)), 1.0), 0.5)
    return w.op("Where", w.op("Less", u, 0.0), w.op("Celu", u, alpha=0.5), power), power


@piece
def exponential_by_selu(w: Writer, u: str) -> Pair:
    power = w.op("Mul", w.op("Sub", w.op("Exp", u), 1.0), 2.0)
    selu = w.op("Selu", u, alpha=2.0, gamma=1.0)
    return w.op("Where", w.op("Less", u, 0.0), selu, power), power


@piece
def softplus_by_relu(w: Writer, u: str) -> Pair:
    tail = w.op("Log", w.op("Add", w.op("Exp", w.op("Neg", w.op("Abs", u))), 1.0))
    return w.op("Add", w.op("Relu", u), tail), w.op("Log", w.op("Add", w.op("Exp", u), 1.0))


@piece
def log_sigmoid_by_min(w: Writer, u: str) -> Pair:
    tail = w.op("Log", w.op("Add", w.op("Exp", w.op("Neg", w.op("Abs", u))), 1.0))
    return w.op("Sub", w.op("Min", u, 0.0), tail), w.op("Log", w.op("Sigmoid", u))


@piece
def log_cosh_by_abs(w: Writer, u: str) -> Pair:
    a = w.op("Abs", u)
    tail = w.op("Log", w.op("Add", w.op("Exp", w.op("Mul", a, -2.0)), 1.0))
    return w.op("Sub", w.op("Add", a, tail), np.log(2.0)), w.op("Log", w.op("Cosh", u))


@piece
def x_log_y(w: Writer, u: str) -> Pair:
    product = w.op("Mul", u, np.log(3.0))
    return w.op("Where", w.op("Equal", u, 0.0), 0.0, product), product


@piece
def sinc_by_where(w: Writer, u: str) -> Pair:
    safe = w.op("Where", w.op("Equal", u, 0.0), 1.0, u)
    quotient = w.op("Div", w.op("Sin", safe), safe)
    value = w.op("Where", w.op("Equal", u, 0.0), 1.0, quotient)
    square = w.op("Mul", u, u)  # six terms of its series are exact to 1e-13 where abs(u) < 1
    series = 1.0 / 6227020800.0
    total = w.op("Add", w.op("Mul", square, series), -1.0 / 39916800.0)
    for k in (1 / 362880.0, -1 / 5040.0, 1 / 120.0, -1 / 6.0, 1.0):
        total = w.op("Add", w.op("Mul", square, total), k)
    return value, total


@piece
def equal_branches(w: Writer, u: str) -> Pair:
    return w.op("Where", w.op("GreaterOrEqual", u, PLACE), w.op("Tanh", u), w.op("Tanh", u)), w.op(
        "Tanh", u
    )


@piece
def sum_by_largest_and_smallest(w: Writer, u: str) -> Pair:
    largest, smallest = (w.op(f"Reduce{k}", u, np.array([1])) for k in ("Max", "Min"))
    pair = w.op("Concat", largest, smallest, axis=1)
    plain = w.op("ReduceSum", w.op("Exp", u), np.array([1]))
    return w.op("ReduceSum", w.op("Exp", pair), np.array([1])), plain


@piece
def sum_by_top_k(w: Writer, u: str) -> Pair:
    sorted_, _ = w.g.ops("TopK", 2, u, w.g.constant(np.array([2])), axis=1)
    plain = w.op("ReduceSum", w.op("Sin", u), np.array([1]))
    return w.op("ReduceSum", w.op("Sin", sorted_), np.array([1])), plain


@piece
def square_by_max_pool(w: Writer, u: str) -> Pair:
    both = w.op(
        "Concat",
        w.op("Unsqueeze", u, np.array([2])),
        w.op("Unsqueeze", w.op("Neg", u), np.array([2])),
        axis=2,
    )
    largest = w.op("Squeeze", w.op("MaxPool", both, kernel_shape=[2], strides=[2]), np.array([2]))
    return w.op("Mul", largest, largest), w.op("Mul", u, u)


def pieced_models(seed: int, dtype: Any) -> tuple[onnx.ModelProto, onnx.ModelProto, np.ndarray]:
    """A random smooth function in pieces, the same without, and events of which a third lie on
    joints: tanh of a mixture of one to three pieces of elements that joints are exact in.
    """
    random = np.random.default_rng(seed)
    n = int(random.integers(2, 5))
    names = sorted(PIECES.keys() - {"sinc_by_where"})  # which has few digits anywhere near 0
    chosen = [str(k) for k in random.choice(names, int(random.integers(1, 4)))]
    weights = [random.normal(size=(2, 2)) for _ in chosen]
    places = [random.choice(n, 2, replace=False) for _ in chosen]
    signs = [random.choice([-1.0, 1.0], 2) for _ in chosen]
    models = []
    for side in range(2):
        w, total = Writer(dtype), ""
        for name, weight, place, sign in zip(chosen, weights, places, signs, strict=True):
            u = w.op("Mul", w.op("Gather", "features", place, axis=1), sign)
            part = PIECES[name](w, u)[side]
            if name.startswith("sum"):
                part = w.op("Concat", part, part, axis=1)
            part = w.op("MatMul", part, weight)
            total = w.op("Add", total, part) if total else part
        model = w.g.model(w.op("Tanh", w.op("Add", total, 0.1)), 21)
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        model.graph.input[0].CopyFrom(helper.make_tensor_value_info("features", kind, ["N", n]))
        models.append(model)
    # numbers that single precision has, too
    x = random.uniform(-0.9, 0.9, (60, n)).astype(np.float32).astype(np.float64)
    for event in range(20):
        some = random.random(n) < 0.7
        some[event % n] = True
        x[event, some] = random.choice([0.0, -PLACE, PLACE], some.sum())
    return models[0], models[1], x
