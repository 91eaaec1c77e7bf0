"""RNN, GRU and LSTM, step by step in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from validation.architectures.base import Architecture, Array, Writer, linear

__all__ = ["recurrent"]


def recurrent(kind: str) -> Architecture:
    """torch orders the gates r z n and i f g o, ONNX z r h and i o f c."""
    steps, width, hidden = 4, 3, 5
    order = {"GRU": [1, 0, 2], "LSTM": [0, 3, 1, 2], "RNN": [0]}[kind]

    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        cell = getattr(nn, f"{kind}Cell")(width, hidden)
        last = nn.Linear(hidden, 3)
        modules = nn.ModuleList([cell, last]).double()

        def f(x: Any) -> Any:
            t = x.reshape(-1, steps, width)
            state = None
            for k in range(steps):
                state = cell(t[:, k], state)
            return last(state[0] if kind == "LSTM" else state)

        return tuple(modules), f

    def gates(t: Any) -> Array:
        parts = np.split(t.detach().numpy(), len(order))
        return np.concatenate([parts[k] for k in order])

    def write(w: Writer, m: Any) -> str:
        cell, last = m
        t = w.op("Reshape", "x", w.w(np.array([-1, steps, width])))
        t = w.op("Transpose", t, perm=[1, 0, 2])
        bias = np.concatenate([gates(cell.bias_ih), gates(cell.bias_hh)])
        weights = [w.w(v[None]) for v in (gates(cell.weight_ih), gates(cell.weight_hh), bias)]
        more = {"linear_before_reset": 1} if kind == "GRU" else {}
        _, h = w.op(kind, t, *weights, outputs=2, hidden_size=hidden, **more)
        return linear(w, w.op("Squeeze", h, w.w(np.array([0]))), last)

    return Architecture(f"{kind} of {steps} steps", steps * width, build, write)
