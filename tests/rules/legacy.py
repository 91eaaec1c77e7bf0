"""Operators as operator sets 1 to 6 describe them, for ONNX's reference, which lacks these.

Each is a reading of the standard's changelog in NumPy, and knows nothing of the converters. The
reference hands over what today's versions have as attributes, too: ``others``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper
from onnx.reference.op_run import OpRun

__all__ = ["LEGACY"]

Array = npt.NDArray[Any]


def placed(a: Array, b: Array, broadcast: int | None, axis: int | None) -> Array:
    """B as wide as A: a suffix of its axes, those from ``axis`` on, or one element."""
    if not broadcast:
        assert a.shape == b.shape, "without broadcast=1 the shapes are the same"
        return b
    if b.size == 1:
        return b.reshape(())
    start = a.ndim - b.ndim if axis is None else axis
    assert a.shape[start : start + b.ndim] == b.shape, "B is no part of A's shape"
    return b.reshape(b.shape + (1,) * (a.ndim - start - b.ndim))


def _binary(name: str, compute: Any) -> type[OpRun]:
    def _run(
        self: OpRun,
        a: Array,
        b: Array,
        axis: int | None = None,
        broadcast: int | None = None,
        **others: Any,
    ) -> tuple[Array]:
        return (compute(a, placed(a, b, broadcast, axis)),)

    return type(name, (OpRun,), {"op_domain": "", "_run": _run})


BINARY = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
    "Equal": np.equal,
    "Greater": np.greater,
    "Less": np.less,
}


class PRelu(OpRun):
    """A slope for all, or one for each channel."""

    op_domain = ""

    def _run(self, x: Array, slope: Array, **others: Any) -> tuple[Array]:
        if slope.ndim == 1 and slope.size > 1:
            slope = slope.reshape((-1,) + (1,) * (x.ndim - 2))
        return (np.where(x < 0, slope * x, x),)


class Reshape(OpRun):
    op_domain = ""

    def _run(
        self, x: Array, sizes: Array | None = None, shape: Any = None, **others: Any
    ) -> tuple[Array]:
        wanted = shape if sizes is None else sizes
        return (x.reshape([x.shape[k] if d == 0 else int(d) for k, d in enumerate(wanted)]),)


class Cast(OpRun):
    op_domain = ""

    def _run(self, x: Array, to: Any = None, **others: Any) -> tuple[Array]:
        kind = to if isinstance(to, int) else TensorProto.DataType.Value(to)
        return (x.astype(helper.tensor_dtype_to_np_dtype(kind)),)


class Clip(OpRun):
    op_domain = ""

    def _run(
        self,
        x: Array,
        max: float | None = None,
        min: float | None = None,
        **others: Any,
    ) -> tuple[Array]:
        low, high = (-np.inf if min is None else min), (np.inf if max is None else max)
        return (np.minimum(np.maximum(x, x.dtype.type(low)), x.dtype.type(high)),)


class Gemm(OpRun):
    op_domain = ""

    def _run(
        self,
        a: Array,
        b: Array,
        c: Array,
        alpha: float = 1.0,
        beta: float = 1.0,
        broadcast: int | None = None,
        transA: int = 0,
        transB: int = 0,
        **others: Any,
    ) -> tuple[Array]:
        product = (a.T if transA else a) @ (b.T if transB else b)
        return (alpha * product + beta * placed(product, c, broadcast, None),)


class BatchNormalization(OpRun):
    op_domain = ""

    def _run(
        self,
        x: Array,
        scale: Array,
        bias: Array,
        mean: Array,
        variance: Array,
        epsilon: float = 1e-5,
        is_test: int = 0,
        **others: Any,
    ) -> tuple[Array]:
        assert is_test
        shape = (-1,) + (1,) * (x.ndim - 2)
        scale, bias, mean, variance = (t.reshape(shape) for t in (scale, bias, mean, variance))
        return ((x - mean) / np.sqrt(variance + x.dtype.type(epsilon)) * scale + bias,)


class Dropout(OpRun):
    op_domain = ""

    def _run(self, x: Array, is_test: int = 0, **others: Any) -> tuple[Array, ...]:
        assert is_test
        return (x, np.ones_like(x))[: len(self.onnx_node.output)]


class Concat(OpRun):
    op_domain = ""

    def _run(self, *x: Array, axis: int | None = None, **others: Any) -> tuple[Array]:
        return (np.concatenate(x, axis=1 if axis is None else axis),)


class Split(OpRun):
    op_domain = ""

    def _run(
        self,
        x: Array,
        sizes: Array | None = None,
        axis: int | None = None,
        split: Any = None,
        **others: Any,
    ) -> tuple[Array, ...]:
        axis = axis or 0
        parts = split if sizes is None else sizes
        if parts is None:
            return tuple(np.split(x, len(self.onnx_node.output), axis=axis))
        return tuple(np.split(x, np.cumsum(parts)[:-1], axis=axis))


LEGACY = [
    *(_binary(name, compute) for name, compute in BINARY.items()),
    BatchNormalization,
    Cast,
    Clip,
    Concat,
    Dropout,
    Gemm,
    PRelu,
    Reshape,
    Split,
]
