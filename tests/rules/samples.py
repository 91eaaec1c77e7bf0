"""The table of samples: at least one for every kind of operator that has a rule.

See ``sample.py`` for the words. More lines go to ``samples_more.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.rules.sample import SIDES, Constant, Graph, Sample, Varying, c, sample, v, x
from tests.rules.samples_more import MORE

__all__ = ["SAMPLES", "by_kind"]

POSITIVE: dict[str, Any] = {"low": 0.4, "high": 1.8}
# two tensors whose elements are apart, either being larger
LEFT: dict[str, Any] = {"low": [0.5, -1.0], "high": [1.5, -0.2]}
RIGHT: dict[str, Any] = {"low": [-1.0, 0.1], "high": [0.2, 0.8]}


def binary(kind: str, low: float = -1.0, high: float = 1.0, **attributes: Any) -> Iterator[Sample]:
    """Both inputs vary, or one of them, with broadcasting in both directions."""

    def vary(*shape: int) -> Varying:
        return x(*shape, low=low, high=high)

    def fix(*shape: int) -> Constant:
        return c(*shape, low=low, high=high)

    for left, right in (
        (vary(3), vary(3)),
        (vary(3), fix(3)),
        (fix(3), vary(3)),
        (vary(1), vary(4)),
        (vary(4), vary(1)),
        (vary(2, 1), vary(1, 3)),
        (vary(2, 3), fix(3)),
        (fix(1), vary(3)),
        (vary(1), fix(3)),
        (fix(4), vary(2, 1)),
        (vary(3), fix()),
        (vary(2, 3), fix(1, 2, 3)),
    ):
        yield sample(kind, left, right, **attributes)
    # events that broadcasting moves to a later axis
    yield sample(kind, vary(3), fix(2, 1, 3), batch=1, **attributes)
    yield sample(kind, fix(2, 1, 1), vary(3), batch=1, **attributes)


def twice(kind: str, **attributes: Any) -> Sample:
    """Both inputs are one and the same tensor."""
    return sample(kind, x(3, low=0.4, high=1.5), body=lambda g, a: g.op(kind, a, a, **attributes))


def _elementwise() -> Iterator[Sample]:
    for kind in [
        "Neg",
        "Tanh",
        "Sigmoid",
        "Exp",
        "Sin",
        "Cos",
        "Tan",
        "Asinh",
        "Atan",
        "Sinh",
        "Cosh",
        "Erf",
        "Softplus",
        "Identity",
    ]:
        yield sample(kind, x(3))
    yield sample("Tanh", x(2, 2, low=-2, high=2))
    for kind in ["Log", "Sqrt", "Reciprocal"]:
        yield sample(kind, x(3, **POSITIVE))
    yield sample("Reciprocal", x(4, **SIDES))
    for kind in ["Asin", "Acos", "Atanh"]:
        yield sample(kind, x(3, low=-0.7, high=0.7))
    yield sample("Acosh", x(3, low=1.5, high=3.0))
    yield sample("Softsign", x(4, **SIDES))
    yield sample("Elu", x(4, **SIDES))
    yield sample("Elu", x(4, **SIDES), alpha=0.7)
    yield sample("Swish", x(3, low=-2, high=2), opset=24)
    yield sample("Swish", x(3, low=-2, high=2), opset=24, alpha=1.7)


def _piecewise() -> Iterator[Sample]:
    for kind in ("Abs", "Relu", "LeakyRelu", "PRelu"):
        slope = (c(4),) if kind == "PRelu" else ()
        yield sample(kind, x(4, **SIDES), *slope)
    yield sample("LeakyRelu", x(4, **SIDES), alpha=0.3)
    yield sample("PRelu", x(4, **SIDES), x(4))
    yield sample("PRelu", x(4, **SIDES), x(1))
    yield sample("PRelu", x(2, 4, **SIDES), c(1))
    yield sample("PRelu", c(4), x(4), body=_constant_row)
    yield sample("ThresholdedRelu", x(3, low=[0.2, 1.2, -1], high=[0.8, 2, 0.9]))
    yield sample("ThresholdedRelu", x(4, **SIDES), alpha=0.05)
    yield sample("HardSigmoid", x(3, low=[-2, 2.7, -4], high=[2, 4, -2.7]))
    yield sample(
        "HardSigmoid", x(3, low=[-0.5, 1.2, -4], high=[0.5, 4, -1.2]), alpha=0.4, beta=0.45
    )
    inside = {"low": [-0.4, 0.6, -1.0], "high": [0.4, 1.0, -0.6]}
    yield sample("Clip", x(3, **inside), v(-0.5), v(0.5))
    yield sample("Clip", x(3, **inside), None, v(0.5))
    yield sample("Clip", x(3, **inside), v(-0.5))
    yield sample("Clip", x(3))
    for kind in ("Max", "Min"):
        yield sample(kind, x(2, **LEFT), x(2, **RIGHT))
        yield sample(kind, x(2, **LEFT), v([-0.1, 0.3]))
        yield sample(kind, v([-0.1, 0.3]), x(2, **LEFT))
        yield sample(kind, x(1, low=-0.1, high=0.1), x(4, **SIDES))
        yield sample(kind, x(3, 2, **LEFT), x(1, 1, low=-0.1, high=0.1))
        yield sample(kind, x(2, **LEFT), c(3, 1, 1, low=-0.1, high=0.1), batch=1)
    mask = v(np.array([True, False, True]))
    yield sample("Where", mask, x(3), x(3))
    yield sample("Where", mask, x(1), c(3))
    yield sample("Where", mask, c(1), x(3))
    yield sample("Where", mask, x(3), x(1))
    yield sample("Where", v(np.array([[True], [False]])), x(1, 3), x(2, 1))

    def greater(g: Graph, a: str, b: str, d: str) -> str:
        return g.op("Where", g.op("Greater", a, g.constant(0.0)), b, d)

    yield sample("Where", x(4, **SIDES), x(4), x(1), body=greater)
    yield sample("Where", x(2, 4, **SIDES), x(1, 4), x(1, 1), body=greater)


def _constant_row(g: Graph, a: str, b: str) -> str:
    """A slope that varies at numbers that do not."""
    rows = g.op("Expand", a, g.op("Concat", _events(g, b), g.constant([4]), axis=0))
    return g.op("PRelu", rows, b)


def _arithmetic() -> Iterator[Sample]:
    for kind in ("Add", "Sub", "Mul"):
        yield from binary(kind)
        yield twice(kind)
    yield from binary("Div", 0.5, 1.6)
    yield from binary("Pow", 0.5, 1.6)
    for kind in ("Mul", "Div"):
        sides = {"low": 0.5, "high": 1.6}
        yield sample(kind, x(2, 3, batch=1, **sides), x(3, **sides), batch=1)
        yield sample(kind, x(3, **sides), x(2, 3, batch=1, **sides), batch=1)
    yield twice("Div")
    yield twice("Pow")
    yield sample("Div", x(4, **SIDES), x(4, low=[-2, 0.5, -2, 0.5], high=[-0.5, 2, -0.5, 2]))
    for power in (-2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0):
        yield sample("Pow", x(3, **POSITIVE), v(power))
    yield sample("Pow", x(3, **POSITIVE), v(np.array([2])))
    yield sample("Pow", x(4, **SIDES), v(3.0))


def _products() -> Iterator[Sample]:
    yield sample("MatMul", x(3), c(3, 4))
    yield sample("MatMul", x(2, 3), c(3, 2))
    yield sample("MatMul", x(2, 3), x(3, 2))
    yield sample("MatMul", c(2, 3), x(3, 2))
    yield sample("MatMul", x(2, 2, 3), x(1, 3, 2))
    yield sample("MatMul", x(1, 2, 3), x(2, 3, 2))
    yield sample("MatMul", x(2, 2, 3, batch=1), x(3, 2), batch=1)
    yield sample("MatMul", x(2, 3), x(2, 3, 2, batch=1), batch=1)
    yield sample("MatMul", x(2, 1, 3), x(1, 3, 2))
    yield sample("MatMul", x(2, 1), x(1, 3))
    yield sample("MatMul", x(2, 3), c(4, 1, 3, 2), batch=1)
    yield sample("MatMul", c(2, 1, 2, 3), x(3, 2), batch=1)
    yield sample("MatMul", x(2, 3), c(1, 3, 2))
    yield sample("MatMul", x(3), c(2, 3, 4), batch=1)
    yield sample("MatMul", x(3), x(3), body=_inner)
    yield sample("MatMul", x(2, 2), body=lambda g, a: g.op("MatMul", a, a))
    yield sample("Gemm", x(3), c(3, 4))
    yield sample("Gemm", x(3), c(3, 4), c(4))
    yield sample("Gemm", x(3), c(4, 3), c(4), transB=1, alpha=0.6, beta=1.4)
    yield sample("Gemm", x(3), c(3, 4), x(4), beta=0.7)
    yield sample("Gemm", x(3), c(3, 4), x(1), beta=0.7)
    yield sample("Gemm", c(1, 3), c(3, 4), x(4), body=_one_row)
    yield sample("Gemm", x(3), c(3, 4), v(0.3))
    yield sample("Softmax", x(4))
    yield sample("Softmax", x(2, 3), axis=1)
    yield sample("Softmax", x(2, 3), axis=2)
    yield sample("Softmax", x(2, 3, batch=1), axis=0, batch=1)
    yield sample("LogSoftmax", x(4))
    yield sample("LogSoftmax", x(2, 3), axis=1)
    yield sample("LogSoftmax", x(2, 3), axis=-1)


def _inner(g: Graph, a: str, b: str) -> str:
    """The inner product of two rows."""
    left, right = g.op("Unsqueeze", a, g.constant([1])), g.op("Unsqueeze", b, g.constant([2]))
    return g.op("MatMul", left, right)


def _one_row(g: Graph, a: str, b: str, bias: str) -> str:
    """A constant product to which the features are added."""
    rows = g.op("Expand", a, g.op("Concat", _events(g, bias), g.constant([3]), axis=0))
    return g.op("Gemm", rows, b, bias, beta=0.5)


def _events(g: Graph, name: str) -> str:
    return g.op("Shape", name, start=0, end=1)


def _reductions() -> Iterator[Sample]:
    for kind in ("ReduceSum", "ReduceMean"):
        yield sample(kind, x(2, 3), v([2]), keepdims=0)
        yield sample(kind, x(2, 3), v([1]))
        yield sample(kind, x(2, 3), v([-1, 1]), keepdims=1)
        yield sample(kind, x(2, 3, batch=1), v([0, 2]), keepdims=0)
        yield sample(kind, x(2, 3), noop_with_empty_axes=1)
    yield sample("ReduceMean", x(2, 3), opset=17, axes=[1], keepdims=0)


def _structure() -> Iterator[Sample]:
    yield sample("Reshape", x(2, 3), v([-1, 6]))
    yield sample("Reshape", x(2, 3), v([0, 3, 2]))
    yield sample("Reshape", x(4), v([-1, 2, 2]))
    yield sample("Reshape", x(2, 2), body=_rows_of_all)
    yield sample("Flatten", x(2, 3))
    yield sample("Flatten", x(2, 2), body=_flat_rows)
    yield sample("Squeeze", x(1, 3), v([1]))
    yield sample("Squeeze", x(3, 1, batch=2), v([1]), batch=1)
    yield sample("Unsqueeze", x(3), v([1]))
    yield sample("Unsqueeze", x(3), v([0, -1]), batch=1)
    yield sample("Dropout", x(3))
    yield sample("Dropout", x(3), v(0.5), v(np.array(False)), outputs=2, used=[0])
    # with the one behind the response three, so that their signs do not cancel
    yield sample("Cast", x(3), body=lambda g, a: g.cast(g.cast(a)))
    yield sample("CastLike", x(3), c(1))
    yield sample("Transpose", x(2, 3), perm=[0, 2, 1])
    yield sample("Transpose", x(2, 3), perm=[1, 2, 0], batch=2)
    yield sample("Transpose", x(2, 3), batch=2)
    yield sample("Expand", x(1), v([1, 4]))
    yield sample("Expand", x(3), v([2, 1, 1]), batch=1)
    yield sample("Expand", x(2, 1), v([1, 3]))
    yield sample("Split", x(6), v([1, 2, 3]), outputs=3, axis=1)
    yield sample("Split", x(6), v([1, 2, 3]), outputs=3, used=[0, 2], axis=-1)
    yield sample("Split", x(4), outputs=2, axis=1, num_outputs=2)
    yield sample("Split", x(5), outputs=2, axis=1, num_outputs=2)
    yield sample("Gather", x(4), v([2, 0]), axis=1)
    yield sample("Gather", x(4), v([2, 0, 2, -1]), axis=1)
    yield sample("Gather", x(2, 3), v([[1, 0], [1, 1]]), axis=1)
    yield sample("Gather", x(2, 3), v([[1, 0], [2, -1]]), axis=-1)
    yield sample("Gather", x(2, 3), v(1), axis=1)
    yield sample("Gather", x(2, 3, batch=1), v([1, 0, 1]), axis=0, batch=1)
    yield sample("Gather", x(2, 3, batch=1), v(1), axis=0)
    yield sample("Slice", x(5), v([1]), v([4]), v([1]))
    yield sample("Slice", x(5), v([-1]), v([-6]), v([1]), v([-2]))
    yield sample("Slice", x(5), v([3]), v([-(2**63) + 1]), v([-1]), v([-1]))
    yield sample("Slice", x(5), v([0, 1]), v([2**63 - 1, 2**63 - 1]))
    yield sample("Slice", x(3, 4), v([1, 0]), v([3, 4]), v([-2, -1]), v([1, 3]))
    yield sample("Slice", x(3, 4), v([4]), v([-99]), v([2]), v([-1]))
    yield sample("Concat", x(2), x(3), axis=1)
    yield sample("Concat", x(2), c(1, 3), body=_with_constant, axis=1)
    yield sample("Concat", x(2, 3, batch=1), x(1, 3, batch=1), axis=0, batch=1)
    yield sample("Concat", x(2, 2), x(2, 1), axis=-1)
    yield sample("Concat", x(2), body=lambda g, a: g.op("Concat", a, a, axis=1))
    yield sample("Concat", x(2), x(2, low=0, high=2), body=_half_linear)
    for kind in ("Sum", "Mean"):
        yield sample(kind, x(3))
        yield sample(kind, x(3), x(3), c(3))
        yield sample(kind, x(3), x(1), c(1), x(2, 3, batch=1), batch=1)
        yield sample(kind, c(2, 1, 1), x(3), batch=1)
        yield sample(kind, x(2), body=lambda g, a, kind=kind: g.op(kind, a, a))


def _rows_of_all(g: Graph, a: str) -> str:
    """[N, 2, 2] as [2N, 2] and back: events are every second row."""
    rows = g.op("Reshape", a, g.constant([-1, 2]))
    rows = g.op("Tanh", g.op("MatMul", rows, g.constant([[0.5, -1.0], [1.0, 0.3]])))
    return g.op("Reshape", rows, g.constant([-1, 4]))


def _flat_rows(g: Graph, a: str) -> str:
    rows = g.op("Flatten", a, axis=2)
    return g.op("Reshape", g.op("Tanh", rows), g.constant([-1, 4]))


def _with_constant(g: Graph, a: str, b: str) -> str:
    """A constant row beside every event."""
    rows = g.op("Expand", b, g.op("Concat", _events(g, a), g.constant([3]), axis=0))
    return g.op("Concat", a, rows, axis=1)


def _half_linear(g: Graph, a: str, b: str) -> str:
    """A part whose tangents may be constants beside one whose never are."""
    return g.op("Concat", a, g.op("Sin", b), axis=1)


def _constant() -> Iterator[Sample]:
    apart = x(3, low=[0.2, 1.3, -0.4], high=[0.4, 1.4, -0.1])
    for kind in ["Floor", "Ceil", "Round", "Sign", "ArgMax", "ArgMin", "Hardmax", "IsNaN", "IsInf"]:
        axis = {"axis": 1} if kind in ("ArgMax", "ArgMin", "Hardmax") else {}
        yield sample(kind, apart, **axis)
    for kind in ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"]:
        yield sample(kind, apart, x(3, low=[0.5, 1.0, -2], high=[0.6, 1.2, -1]))
        yield sample(kind, apart, v(0.0))
    for kind in ("And", "Or", "Xor"):
        yield sample(kind, apart, x(4, **SIDES), body=_logic(kind))
    yield sample("Not", apart, body=lambda g, a: g.op("Not", g.op("Less", a, g.constant(0.0))))
    for kind in ("Shape", "Size", "NonZero", "ConstantOfShape", "Range"):
        yield sample(kind, apart, body=globals()[f"_{kind.lower()}"])
    yield sample("EyeLike", apart, body=_eye)
    yield sample("OneHot", apart, body=_one_hot)
    yield sample("QuantizeLinear", apart, single=True, body=_quantized)
    yield sample("DynamicQuantizeLinear", apart, single=True, body=_dynamic)


def _logic(kind: str) -> Any:
    def body(g: Graph, a: str, b: str) -> str:
        first = g.op("Less", g.op("Gather", a, g.constant([0]), axis=1), g.constant(0.0))
        return g.op(kind, first, g.op("Less", b, g.constant(0.0)))

    return body


def _number(g: Graph, whole: str, a: str) -> str:
    """A whole number for every event of a."""
    zeros = g.op("Mul", a, g.constant(0.0))
    return g.op("Add", g.cast(whole), zeros)


def _shape(g: Graph, a: str) -> str:
    return _number(g, g.op("Shape", a, start=1), a)


def _size(g: Graph, a: str) -> str:
    per_event = g.op("Div", g.op("Size", a), _events(g, a))
    return _number(g, per_event, a)


def _nonzero(g: Graph, a: str) -> str:
    """Columns in which the elements of a positive tensor lie."""
    places = g.op("NonZero", a)
    columns = g.op("Gather", places, g.constant([1]), axis=0)
    return g.op("Reshape", columns, g.constant([-1, 3]))


def _constantofshape(g: Graph, a: str) -> str:
    whole = g.tensor(np.array([3]))
    return g.op("ConstantOfShape", g.op("Shape", a), value=whole)


def _range(g: Graph, a: str) -> str:
    """0, 1, 2, … up to the number of columns of a."""
    columns = g.op("Reshape", g.op("Shape", a, start=1), g.constant(np.array([], np.int64)))
    row = g.op("Range", g.constant(0), columns, g.constant(1))
    return _number(g, row, a)


def _one_hot(g: Graph, a: str) -> str:
    places = g.op("ArgMax", a, axis=1, keepdims=0)
    return g.op("OneHot", places, g.constant(3), g.constant([2, 5]))


def _eye(g: Graph, a: str) -> str:
    """The identity of the size of aᵀa, which no number of events changes."""
    square = g.op("MatMul", g.op("Transpose", a, perm=[1, 0]), a)
    return _number(g, g.op("Gather", g.op("EyeLike", square), g.constant(1), axis=0), a)


def _quantized(g: Graph, a: str) -> str:
    scale, zero = g.constant(0.25), g.constant(np.array(100, np.uint8))
    return g.op("QuantizeLinear", a, scale, zero)


def _dynamic(g: Graph, a: str) -> str:
    """The zero point alone: the scale of a batch mixes its events."""
    zero = g.ops("DynamicQuantizeLinear", 3, a)[2]
    return _number(g, g.op("Greater", zero, g.constant(np.array(0, np.uint8))), a)


SAMPLES: tuple[Sample, ...] = (
    *_elementwise(),
    *_piecewise(),
    *_arithmetic(),
    *_products(),
    *_reductions(),
    *_structure(),
    *_constant(),
    *MORE,
)


def by_kind() -> dict[str, list[Sample]]:
    """The samples of every kind."""
    found: dict[str, list[Sample]] = {}
    for s in SAMPLES:
        found.setdefault(s.kind, []).append(s)
    return found
