"""Samples for lifted graphs: at least one for every operator with a rule, see ``lift_sample``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.graph.lift_sample import F32, POSITIVE, TRUTH, Sample, c, e, s, whole
from tests.graph.lift_samples_timed import timed

__all__ = ["SAMPLES"]


def _unary() -> Iterator[Sample]:
    double = "Abs Ceil Cos Exp Floor Identity Neg Relu Round Sigmoid Sign Sin Tanh"
    single = (
        "Asinh Atan Celu Cosh Elu Erf Gelu HardSigmoid HardSwish LeakyRelu Mish Selu Shrink Sinh"
    )
    for kind in double.split():
        yield s(kind, e(2, 3))
    for kind in [*single.split(), "Softplus", "Softsign", "Tan", "ThresholdedRelu"]:
        yield s(kind, e(2, 3), **F32)
    for kind in ("Log", "Reciprocal", "Sqrt"):
        yield s(kind, e(3, **POSITIVE))
    for kind in ("Acos", "Asin", "Atanh"):
        yield s(kind, e(3, low=-0.8, high=0.8), **F32)
    yield s("Acosh", e(3, low=1.1, high=2), **F32)
    yield s("Tanh", e())
    yield s("IsNaN", e(3))
    yield s("IsInf", e(3))
    yield s("BitwiseNot", whole(3))
    yield s("Not", e(3, **TRUTH))
    yield s("Det", e(2, 3, 3), **F32)
    yield s("Trilu", e(3, 4), np.array(-1), upper=0)
    yield s("Cast", e(3), to=7)
    yield s("CastLike", e(3), np.array(1, np.int64))
    yield s("CastLike", e(3), e(2, dtype=np.int64))
    yield s("Dropout", e(3))


def _broadcast() -> Iterator[Sample]:
    shapes = [(e(3), e(3)), (e(3), c(3)), (c(3), e(3)), (e(2, 3), e(3)), (e(3), e(2, 3))]
    shapes += [(e(3), c(2, 3)), (c(2, 1, 3), e(3)), (e(2, 1), e(1, 3)), (e(), e(3)), (c(3), e())]
    shapes += [(e(2, 3), c()), (e(3), c(4, 2, 3)), (e(1, 3), e(4, 1))]
    for left, right in shapes:
        yield s("Add", left, right)
        yield s("Max", left, right)
        yield s("Less", left, right)
    for kind in ("Sub", "Mul", "Min", "Equal", "Greater", "GreaterOrEqual", "LessOrEqual"):
        yield s(kind, e(2, 3), e(3))
        yield s(kind, c(2, 3), e(3))
    yield s("Div", e(3), e(2, 3, **POSITIVE))
    yield s("Pow", e(3, **POSITIVE), c(2, 1))
    for kind in ("Mean", "Sum", "Min", "Max"):
        yield s(kind, e(3), c(2, 1, 3), e(2, 1), **F32)
    for kind in ("And", "Or", "Xor"):
        yield s(kind, e(3, **TRUTH), c(2, 3, **TRUTH))
    for kind in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        yield s(kind, whole(3), whole(2, 3))
    few = {"low": 0, "high": 3, "dtype": np.uint8}
    yield s("BitShift", e(2, 3, **few), e(3, **few), direction="LEFT")
    yield s("Mod", whole(2, 3, low=-9, high=9), np.array([2, 3, 5]))
    yield s("Mod", e(3), e(2, 3, **POSITIVE), fmod=1)
    yield s("Where", e(3, **TRUTH), e(2, 3), c(1))
    yield s("Where", c(2, 1, **TRUTH), e(3), e(2, 3))
    yield s("Where", e(2, 1, **TRUTH), c(3), c(2, 3))
    yield s("Clip", e(2, 3), np.array(-0.5), np.array(0.5))
    yield s("Clip", e(2, 3), e(low=-1, high=0), e(low=0, high=1))
    yield s("Clip", c(2, 3), None, e())
    yield s("PRelu", e(2, 3), c(3), **F32)
    yield s("PRelu", e(2, 3), e(3), **F32)
    yield s("PRelu", c(2, 3), e(1), **F32)


def _axes() -> Iterator[Sample]:
    for kind in ("Softmax", "LogSoftmax"):
        for axis in (0, 1, -1, -2):
            yield s(kind, e(3, 4), axis=axis)
    yield s("Softmax", e(3))
    yield s("Hardmax", e(3, 4), axis=0, **F32)
    yield s("LpNormalization", e(3, 4), axis=0)
    for axis, scale in ((-1, c(4)), (1, c(4)), (0, c(3, 4))):
        yield s("LayerNormalization", e(3, 4), scale, c(*scale.shape), axis=axis)
    for kind in ("ArgMax", "ArgMin"):
        yield s(kind, e(3, 4))
        yield s(kind, e(3, 4), axis=1, keepdims=0)
        yield s(kind, e(3, 4), axis=-2)
    yield s("TopK", e(3, 4), np.array([2]), outputs=2)
    yield s("TopK", e(3, 4), np.array([2]), outputs=2, axis=0, largest=0)
    for axis in (0, 1, -1):
        yield s("CumSum", e(3, 4), np.array(axis), reverse=1)
        yield s("Concat", e(2, 2), c(2, 2), e(2, 2), axis=axis)
        yield s("Split", e(4, 4), np.array([1, 3]), outputs=2, axis=axis)
    yield s("Split", e(4, 3), outputs=2, num_outputs=2)
    kinds = ("ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin")
    for kind in (*kinds, "ReduceProd", "ReduceSum", "ReduceSumSquare"):
        yield s(kind, e(2, 3, 2), np.array([0, -1]), **F32)
        yield s(kind, e(2, 3), keepdims=0, **F32)
    yield s("ReduceLogSum", e(2, 3, **POSITIVE), np.array([0]), **F32)
    yield s("ReduceSum", e(2, 3))
    yield s("ReduceSum", e(2, 3), np.array([1]), keepdims=0)
    yield s("ReduceSum", e(2, 3), np.zeros(0, np.int64), noop_with_empty_axes=1)
    yield s("ReduceSum", e(2, 3), np.zeros(0, np.int64))
    yield s("ReduceSum", e(2, 3), noop_with_empty_axes=1)
    yield s("ReduceMax", e(), keepdims=0)
    yield s("ReduceSum", e())
    yield s("ReduceMean", e(2, 3), opset=13, axes=[0], keepdims=0)
    yield s("ReduceMean", e(2, 3), opset=13, axes=[-1])
    yield s("Compress", e(3, 2), np.array([True, False, True]), axis=0)
    yield s("Compress", e(3, 2), np.array([True, False, True]))
    yield s("OneHot", whole(3), np.array(4), np.array([0.0, 1.0], np.float32))
    yield s("OneHot", whole(3), np.array(4), np.array([0.0, 1.0], np.float32), axis=0)
    zero, scales = np.zeros(3, np.uint8), np.array([0.1, 0.2, 0.3], np.float32)
    yield s("QuantizeLinear", e(2, 3), scales, zero, **F32)
    yield s("QuantizeLinear", e(2, 3), np.float32(0.1), np.uint8(9), **F32)
    yield s("DequantizeLinear", whole(3, 2, high=99, dtype=np.uint8), scales, zero, axis=0)


def _shapes() -> Iterator[Sample]:
    a = np.array
    yield s("Slice", e(3, 4), a([1]), a([3]), a([1]))
    yield s("Slice", e(3, 4), a([-1, 2]), a([-9, 0]), a([-2, 1]), a([-1, -1]))
    yield s("Slice", e(3, 4), a([1]), a([2]))
    yield s("Slice", e(3, 4), a([1], np.int32), a([2], np.int32), a([1], np.int32))
    yield s("Transpose", e(2, 3, 4))
    yield s("Transpose", e(2, 3, 4), perm=[1, 2, 0])
    yield s("Reshape", e(2, 6), a([4, -1]))
    yield s("Reshape", e(2, 6), a([0, 3, 2]))
    yield s("Reshape", e(1, 1), np.zeros(0, np.int64))
    yield s("Reshape", e(0, 3), a([3, 0]), allowzero=1)
    yield s("Flatten", e(2, 3, 2))
    yield s("Flatten", e(2, 3, 2), axis=0)
    yield s("Flatten", e(2, 3, 2), axis=-1)
    yield s("Flatten", e(3))
    yield s("Squeeze", e(1, 3, 1))
    yield s("Squeeze", e(1, 3, 1), a([-1]))
    yield s("Unsqueeze", e(3), a([0, 2]))
    yield s("Unsqueeze", e(), a([0]))
    yield s("Expand", e(3, 1), a([2, 1, 4]))
    yield s("Expand", e(3, 4), a([1, 1]))
    yield s("Expand", e(), a([2, 3]))
    yield s("Tile", e(2, 3), a([2, 1]))
    yield s("Pad", e(2, 3), a([1, 0, 0, 2]), a(0.5))
    yield s("Pad", e(2, 3), a([1, 1]), None, a([-1]), mode="reflect")
    yield s("Pad", e(2, 3), a([-1, 2]), None, a([0]))


def _products() -> Iterator[Sample]:
    shapes = [(e(2, 3), c(3, 4)), (c(2, 3), e(3, 4)), (e(2, 3), e(3, 4)), (e(3), c(3, 4))]
    shapes += [(c(3), e(3, 4)), (e(3), e(3, 4)), (e(2, 3), c(3)), (c(2, 3), e(3)), (e(2, 3), e(3))]
    shapes += [(e(3), e(3)), (e(3), c(3)), (c(3), e(3)), (e(3), c(5, 3, 4)), (c(5, 2, 3), e(3))]
    shapes += [(e(2, 3), c(5, 3, 4)), (c(5, 2, 3), e(3, 4)), (e(5, 2, 3), c(3, 4))]
    shapes += [
        (e(5, 2, 3), e(3, 4)),
        (e(2, 3), e(5, 3, 4)),
        (c(2, 3), e(5, 3, 4)),
        (e(3), e(5, 3, 4)),
    ]
    shapes += [(e(5, 2, 3), e(3)), (e(5, 1, 2, 3), c(6, 3, 4)), (c(6, 2, 3), e(5, 1, 3, 4))]
    for left, right in shapes:
        yield s("MatMul", left, right)
    yield s("Gemm", e(2, 3), c(3, 4))
    yield s("Gemm", e(2, 3), c(4, 3), c(4), transB=1, alpha=0.5, beta=2.0)
    yield s("Gemm", e(3, 2), c(3, 4), c(2, 4), transA=1)
    yield s("Gemm", c(3, 2), e(4, 3), e(2, 1), transA=1, transB=1, beta=0.25)
    yield s("Gemm", e(2, 3), e(3, 4), e(4))
    yield s("Gemm", e(2, 3), c(3, 4), e())
    yield s("Gemm", c(2, 3), c(3, 4), e(1, 4))
    yield s("Einsum", e(2, 3), c(3, 4), equation="ij,jk->ik")
    yield s("Einsum", c(2, 3), e(3, 4), equation=" ij , jk ")
    yield s("Einsum", e(3, 3), equation="ii->i")
    yield s("Einsum", e(2, 3), e(2, 3), equation="ba,ba->")
    yield s("Einsum", e(5, 2, 3), c(5, 3, 4), equation="...ij,...jk->...ik")


def _gathers() -> Iterator[Sample]:
    a = np.array
    for axis in (0, 1, -1):
        for indices in (a([[0, -1], [1, 0]]), a(1), whole(2, 2, low=-2, high=2), whole(high=2)):
            yield s("Gather", e(2, 2, 3) if axis == 1 else e(3, 4, 3), indices, axis=axis)
        yield s("Gather", c(3, 4, 3), whole(2, low=-3, high=3), axis=axis)
    yield s("Gather", c(5, 2), whole(high=5))
    yield s("GatherElements", e(3, 2), whole(2, 2, low=-3, high=3))
    yield s("GatherElements", e(3, 2), a([[0, 1], [2, -1]]), axis=0)
    yield s("GatherElements", c(3, 2), whole(3, 3, high=2), axis=1)
    yield s("GatherElements", c(3, 2), whole(3, 3, high=2), axis=-1)
    yield s("GatherND", e(3, 2), a([[0], [2]]))
    yield s("GatherND", e(3, 2), whole(2, 2, low=-2, high=2))
    yield s("GatherND", c(3, 2), whole(2, 1, high=3))
    yield s("GatherND", c(3, 2), whole(3, 1, high=2), batch_dims=1)
    yield s("GatherND", e(3, 2), a([[0], [1], [-1]]), batch_dims=1)
    for axis in (0, 1, -1):
        yield s("ScatterElements", e(3, 2), a([[0, 1]]), e(1, 2), axis=axis)
    yield s("ScatterElements", c(3, 2), whole(2, 2, high=2), c(2, 2), axis=0, reduction="add")
    yield s("ScatterND", e(3, 2), a([[0], [2]]), e(2, 2))
    yield s("ScatterND", c(3, 2), whole(2, 1, high=3), c(2, 2), reduction="add")
    yield s("ScatterND", e(3, 2), a([[[0, 1]], [[2, -1]]]), c(2, 1))


def _layers() -> Iterator[Sample]:
    image = e(2, 4, 5, 6)
    yield s("Conv", e(1, 4, 5, 6), c(3, 4, 2, 2), c(3), **F32)
    yield s("Conv", e(2, 4, 7), c(6, 2, 3), group=2, pads=[1, 1], strides=[2], **F32)
    yield s("ConvTranspose", e(1, 4, 5), c(4, 3, 2), strides=[2], **F32)
    for kind in ("AveragePool", "MaxPool", "LpPool"):
        yield s(kind, image, kernel_shape=[2, 3], strides=[1, 2], **F32)
    for kind in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"):
        yield s(kind, image, **F32)
    channels = [c(4, **POSITIVE) for _ in range(4)]
    yield s("BatchNormalization", image, *channels, **F32)
    yield s("BatchNormalization", e(3, 4), *channels, **F32)
    yield s("InstanceNormalization", image, *channels[:2], **F32)
    yield s("GroupNormalization", image, *channels[:2], num_groups=2, **F32)
    yield s("LRN", image, size=3, **F32)
    yield s("DepthToSpace", image, blocksize=2, **F32)
    yield s("SpaceToDepth", e(1, 1, 4, 6), blocksize=2, **F32)
    yield s("GridSample", e(1, 2, 4, 4), e(1, 3, 3, 2, low=-0.9, high=0.9), **F32)
    yield s("GridSample", c(1, 2, 4, 4), e(1, 3, 3, 2, low=-0.9, high=0.9), **F32)
    larger = np.array([1, 1, 2, 1.5], np.float32)
    yield s("Resize", e(1, 2, 3, 4), None, larger, mode="linear", **F32)
    yield s("Resize", e(1, 2, 3, 4), None, None, np.array([1, 2, 5, 4]), mode="linear", **F32)
    yield s("Resize", e(1, 2, 3, 4), None, larger[2:], axes=[2, 3], **F32)
    for kind, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        hidden, weights = 3, lambda d, g=gates: (c(d, 3 * g, 2), c(d, 3 * g, 3), c(d, 6 * g))
        more = {"hidden_size": hidden, "outputs": 3 if kind == "LSTM" else 2, **F32}
        yield s(kind, e(4, 1, 2), *weights(1), **more)
        yield s(kind, e(4, 2, 2), *weights(2), None, e(2, 2, 3), direction="bidirectional", **more)
        yield s(kind, c(4, 1, 2), *weights(1), np.array([3], np.int32), e(1, 1, 3), **more)
    first = {"hidden_size": 3, "outputs": 1, **F32}
    yield s("LSTM", e(4, 1, 2), c(1, 12, 2), c(1, 12, 3), None, None, c(1, 1, 3), **first)


SAMPLES = [
    *_unary(),
    *_broadcast(),
    *_axes(),
    *_shapes(),
    *_products(),
    *_gathers(),
    *_layers(),
    *timed(),
]
