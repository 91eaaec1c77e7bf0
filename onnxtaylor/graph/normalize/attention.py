"""Attention becomes products and a softmax: Y = softmax(s Q Kᵀ + B) V for each head.

B is the mask, plus −∞ for each key that a query may not attend to: one that comes after the query
(causal), lies outside the window, or is padding. A query without any key gives 0: its logits are
set to 0 before the softmax, which would be NaN otherwise, and NaN times 0 in the reverse sweep.

The official function body has s in single precision, and the inliner fails on it where optional
inputs are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from onnxtaylor.graph.normalize.writer import Attributes, Writer, axes, format_of

__all__ = ["attention"]

QKV, MASK, PAST_K, PAST_V, LENGTHS = slice(0, 3), 3, 4, 5, 6
RAW, CAPPED, BIASED, WEIGHTS = range(4)  # qk_matmul_output_mode: content of the fourth output


def attention(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """Writes the node; returns its output, None where the number of heads or keys is unknown."""
    dtype = format_of(w, node)
    shapes = [w.shape(name) for name in node.input[QKV]]
    if dtype is None or any(s is None or len(s) not in (3, 4) for s in shapes):
        return None
    inputs = [*node.input, *[""] * (LENGTHS + 1 - len(node.input))]
    q_shape, k_shape, _ = ([int(d) for d in s or ()] for s in shapes)
    flat = len(q_shape) == 3
    q_heads, k_heads = (
        (int(a["q_num_heads"]), int(a["kv_num_heads"])) if flat else (q_shape[1], k_shape[1])
    )
    size = q_shape[2] // q_heads if flat else q_shape[3]
    if min(q_heads, k_heads, size) <= 0:
        return None
    q, k, v = inputs[QKV]
    if flat:
        q, k, v = _heads(w, q, q_heads), _heads(w, k, k_heads), _heads(w, v, k_heads)
    past = w.shape(inputs[PAST_K]) if inputs[PAST_K] else None
    if inputs[PAST_K]:
        k = w.op("Concat", inputs[PAST_K], k, axis=2)
        v = w.op("Concat", inputs[PAST_V], v, axis=2)
    for place, present in ((1, k), (2, v)):
        if len(node.output) > place and node.output[place]:
            w.write("Identity", [present], node.output[place])
    if q_heads != k_heads:
        each = w.constant(np.repeat(np.arange(k_heads), q_heads // k_heads))
        k, v = w.op("Gather", k, each, axis=1), w.op("Gather", v, each, axis=1)
    before = 0 if not inputs[PAST_K] else int(past[2]) if past and past[2] > 0 else -1
    rows = _Rows(w, a, dtype, q_shape[-2], k_shape[-2], before, inputs[MASK], inputs[LENGTHS])
    if not rows.known:
        return None
    # one number for each element: onnxruntime fuses a single one into the product that follows, as
    # an attribute of single precision, which costs 1e-8 in a graph of double precision
    scale = w.constant(np.full(size, a.get("scale", 1 / sqrt(size)), dtype))
    logits = w.op("MatMul", w.op("Mul", q, scale), w.op("Transpose", k, perm=[0, 1, 3, 2]))
    stages = {RAW: logits}
    cap = float(a.get("softcap", 0.0))
    if cap > 0:
        limit = w.constant(np.array(cap, dtype))
        logits = w.op("Mul", w.op("Tanh", w.op("Div", logits, limit)), limit)
    stages[CAPPED] = logits
    logits, weights = rows.softmax(logits)
    stages |= {BIASED: logits, WEIGHTS: weights}
    if len(node.output) > 3 and node.output[3]:
        w.write("Identity", [stages[int(a.get("qk_matmul_output_mode", RAW))]], node.output[3])
    heads = w.op("MatMul", weights, v)
    if not flat:
        return heads
    return w.op("Reshape", w.op("Transpose", heads, perm=[0, 2, 1, 3]), axes(w, 0, 0, -1))


def _heads(w: Writer, x: str, heads: int) -> str:
    """Reshapes (batch, sequence, heads·size) to (batch, heads, sequence, size)."""
    return w.op("Transpose", w.op("Reshape", x, axes(w, 0, 0, heads, -1)), perm=[0, 2, 1, 3])


@dataclass
class _Rows:
    """Rows of logits, one for each query, with the keys that it attends to."""

    w: Writer
    a: Attributes
    dtype: Any
    queries: int
    new_keys: int
    before: int  # keys of the past
    mask: str
    lengths: str
    _zero: str = field(init=False)
    _never: str = field(init=False)

    def __post_init__(self) -> None:
        self._zero = self.w.constant(np.array(0, self.dtype))
        self._never = self.w.constant(np.array(-np.inf, self.dtype))

    @property
    def _left(self) -> int:
        return int(self.a.get("left_window_size", -1))

    @property
    def _right(self) -> int:
        return int(self.a.get("right_window_size", -1))

    @property
    def _placed(self) -> bool:
        """Whether the keys that a query attends to depend on places in the sequence."""
        return bool(self.a.get("is_causal", 0)) or self._left >= 0 or self._right >= 0

    @property
    def known(self) -> bool:
        """Whether the numbers of queries and keys that B depends on are known."""
        if not (self._placed or self.lengths or self.mask):
            return True
        return self.new_keys > 0 and self.before >= 0 and (self.queries > 0 or not self._placed)

    @property
    def _keys(self) -> int:
        return self.before + self.new_keys

    def softmax(self, logits: str) -> tuple[str, str]:
        """Returns the logits with B added, and their softmax, with rows of 0 without a key."""
        w = self.w
        allowed, mask = self._allowed(), self._mask_bias()
        parts = [p for p in (mask, self._bias(allowed)) if p]
        if not parts:
            return logits, w.op("Softmax", logits, axis=-1)
        bias = w.op("Add", *parts) if len(parts) == 2 else parts[0]
        biased = w.op("Add", logits, bias)
        if not mask and isinstance(allowed, np.ndarray) and allowed.any(axis=-1).all():
            return biased, w.op("Softmax", biased, axis=-1)
        best = w.op("ReduceMax", bias, axes(w, -1), keepdims=1)
        empty = w.op("Equal", best, self._never)
        safe = w.op("Softmax", w.op("Where", empty, self._zero, biased), axis=-1)
        return biased, w.op("Where", empty, self._zero, safe)

    def _mask_bias(self) -> str:
        """Mask as numbers to add; a mask that is too short gets −∞ for the remaining keys."""
        w = self.w
        if not self.mask:
            return ""
        bias, kind = self.mask, w.kind(self.mask)
        if kind == TensorProto.BOOL:
            bias = w.op("Where", bias, self._zero, self._never)
        elif kind != helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype)):
            bias = w.op("Cast", bias, to=helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype)))
        if (w.shape(self.mask) or [0])[-1] == self._keys:
            return bias
        missing = w.op("Sub", axes(w, self._keys), w.op("Shape", bias, start=-1))
        pads = w.op("Concat", axes(w, 0), missing, axis=0)
        return w.op("Pad", bias, pads, self._never, axes(w, -1))

    def _bias(self, allowed: npt.NDArray[np.bool_] | str | None) -> str:
        """0 for keys that are allowed, −∞ for others; empty where all are."""
        if allowed is None:
            return ""
        if isinstance(allowed, str):
            return self.w.op("Where", allowed, self._zero, self._never)
        if allowed.all():
            return ""
        return self.w.constant(np.where(allowed, 0, -np.inf).astype(self.dtype))

    def _allowed(self) -> npt.NDArray[np.bool_] | str | None:
        """Keys j that each query i may attend to, as an array or a tensor's name; None: all."""
        w = self.w
        if not self.lengths:
            return self._placed_keys(self.before) if self._placed else None
        column = axes(w, -1, 1, 1, 1)
        lengths = w.op("Reshape", w.op("Cast", self.lengths, to=TensorProto.INT64), column)
        places = w.constant(np.arange(self._keys, dtype=np.int64))
        conditions = [w.op("Less", places, lengths)]
        if self._placed:
            # the last query stands at the last key that is not padding
            steps = w.constant(self._steps())
            offset = w.op("Sub", lengths, axes(w, self.queries))
            for kind, limit in self._limits():
                conditions.append(w.op(kind, steps, w.op("Add", offset, axes(w, limit))))
        whole = conditions[0]
        for part in conditions[1:]:
            whole = w.op("And", whole, part)
        return whole

    def _steps(self) -> npt.NDArray[np.int64]:
        """Distances j − i of key and query (queries, keys)."""
        keys, queries = np.arange(self._keys), np.arange(self.queries)
        return keys[None, :] - queries[:, None]

    def _limits(self) -> Sequence[tuple[str, int]]:
        """Conditions on j − i: a comparison with the offset of the first query plus a number."""
        limits = [("LessOrEqual", 0)] if self.a.get("is_causal", 0) else []
        limits += [("GreaterOrEqual", -self._left)] if self._left >= 0 else []
        return limits + ([("LessOrEqual", self._right)] if self._right >= 0 else [])

    def _placed_keys(self, offset: int) -> npt.NDArray[np.bool_]:
        compare = {"LessOrEqual": np.less_equal, "GreaterOrEqual": np.greater_equal}
        steps = self._steps()
        allowed = np.ones(steps.shape, dtype=bool)
        for kind, limit in self._limits():
            allowed &= compare[kind](steps, offset + limit)
        return allowed
