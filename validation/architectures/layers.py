"""Normalizations, convolutions with pooling, and attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import helper

from validation.architectures.base import EPSILON, Architecture, Writer, linear

__all__ = ["attention", "batch_norm", "convolution", "group_norm", "layer_norm"]


def batch_norm() -> Architecture:
    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        first, norm, last = nn.Linear(6, 10), nn.BatchNorm1d(10, EPSILON), nn.Linear(10, 3)
        for t in (norm.weight, norm.bias, norm.running_mean):
            t.data.normal_()
        norm.running_var.data.uniform_(0.5, 2.0)
        chain = nn.Sequential(first, norm, nn.Tanh(), last).double().eval()
        return (first, norm, last), chain

    def write(w: Writer, m: Any) -> str:
        first, norm, last = m
        weights = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        x = linear(w, "x", first)
        x = w.op("BatchNormalization", x, *map(w.w, weights), epsilon=norm.eps)
        return linear(w, w.op("Tanh", x), last)

    return Architecture("BatchNorm (inference)", 6, build, write)


def layer_norm() -> Architecture:
    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        first, norm, last = nn.Linear(6, 10), nn.LayerNorm(10, EPSILON), nn.Linear(10, 3)
        norm.weight.data.normal_()
        norm.bias.data.normal_()
        return (first, norm, last), nn.Sequential(first, norm, nn.Tanh(), last).double()

    def write(w: Writer, m: Any) -> str:
        first, norm, last = m
        x = linear(w, "x", first)
        x = w.op("LayerNormalization", x, w.w(norm.weight), w.w(norm.bias), epsilon=norm.eps)
        return linear(w, w.op("Tanh", x), last)

    return Architecture("LayerNorm", 6, build, write)


def group_norm() -> Architecture:
    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        first, norm, last = nn.Linear(6, 24), nn.GroupNorm(2, 4, EPSILON), nn.Linear(24, 3)
        norm.weight.data.normal_()
        norm.bias.data.normal_()
        shape = nn.Unflatten(1, (4, 6))
        chain = nn.Sequential(first, shape, norm, nn.Tanh(), nn.Flatten(), last)
        return (first, norm, last), chain.double()

    def write(w: Writer, m: Any) -> str:
        first, norm, last = m
        stash = helper.np_dtype_to_tensor_dtype(w.dtype)
        x = w.op("Reshape", linear(w, "x", first), w.w(np.array([-1, 4, 6])))
        x = w.op(
            "GroupNormalization", x, w.w(norm.weight), w.w(norm.bias), epsilon=norm.eps,
            num_groups=2, stash_type=stash,
        )  # fmt: skip
        return linear(w, w.op("Flatten", w.op("Tanh", x)), last)

    return Architecture("GroupNorm", 6, build, write)


def convolution() -> Architecture:
    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        a, b, last = nn.Conv1d(2, 4, 3, padding=1), nn.Conv1d(4, 3, 3), nn.Linear(3, 3)
        chain = nn.Sequential(
            nn.Unflatten(1, (2, 12)), a, nn.Tanh(), nn.AvgPool1d(2), b, nn.Softplus(threshold=1000),
            nn.MaxPool1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), last,
        ).double()  # fmt: skip
        return (a, b, last), chain

    def write(w: Writer, m: Any) -> str:
        a, b, last = m
        x = w.op("Reshape", "x", w.w(np.array([-1, 2, 12])))
        x = w.op("Tanh", w.op("Conv", x, w.w(a.weight), w.w(a.bias), pads=[1, 1]))
        x = w.op("AveragePool", x, kernel_shape=[2], strides=[2])
        x = w.op("Softplus", w.op("Conv", x, w.w(b.weight), w.w(b.bias)))
        x = w.op("MaxPool", x, kernel_shape=[2], strides=[2])
        x = w.op("GlobalAveragePool", x)
        return linear(w, w.op("Flatten", x), last)

    return Architecture("Conv1d, average and max pooling", 24, build, write)


def _rank3(w: Writer, x: str, module: Any) -> str:
    """The same for the last axis of any tensor."""
    found: str = w.op("Add", w.op("MatMul", x, w.w(module.weight.T)), w.w(module.bias))
    return found


def attention() -> Architecture:
    steps, width, heads = 3, 4, 2

    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        attention = nn.MultiheadAttention(width, heads, batch_first=True)
        attention.in_proj_bias.data.normal_()
        attention.out_proj.bias.data.normal_()
        norm, last = nn.LayerNorm(width, EPSILON), nn.Linear(steps * width, 3)
        modules = nn.ModuleList([attention, norm, last]).double()

        def f(x: Any) -> Any:
            t = x.reshape(-1, steps, width)
            t = norm(t + attention(t, t, t, need_weights=True)[0])
            return last(t.reshape(-1, steps * width))

        return tuple(modules), f

    def write(w: Writer, m: Any) -> str:
        attention, norm, last = m
        size = width // heads
        t = w.op("Reshape", "x", w.w(np.array([-1, steps, width])))
        weights = attention.in_proj_weight.detach().numpy()
        bias = attention.in_proj_bias.detach().numpy()
        parts = []
        for k in range(3):
            rows = slice(k * width, (k + 1) * width)
            part = w.op("Add", w.op("MatMul", t, w.w(weights[rows].T)), w.w(bias[rows]))
            part = w.op("Reshape", part, w.w(np.array([-1, steps, heads, size])))
            parts.append(w.op("Transpose", part, perm=[0, 2, 3, 1] if k == 1 else [0, 2, 1, 3]))
        q, k, v = parts
        scores = w.op("Mul", w.op("MatMul", q, k), w.w(np.array(size**-0.5)))
        mixed = w.op("MatMul", w.op("Softmax", scores, axis=-1), v)
        mixed = w.op("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = w.op("Reshape", mixed, w.w(np.array([-1, steps, width])))
        t = w.op("Add", t, _rank3(w, mixed, attention.out_proj))
        t = w.op("LayerNormalization", t, w.w(norm.weight), w.w(norm.bias), epsilon=norm.eps)
        return linear(w, w.op("Reshape", t, w.w(np.array([-1, steps * width]))), last)

    return Architecture("attention of 2 heads, residual, LayerNorm", steps * width, build, write)
