"""Graphs of one idea, promoted and run on onnxruntime, compared with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from onnxtaylor.graph.normalize import modernize
from onnxtaylor.graph.promote import promote_graph
from onnxtaylor.runtime.session import start
from tests.graph.graphs import F32, model, port

Array = np.ndarray
RANDOM = np.random.default_rng(3)


def single(*shape: int) -> Array:
    """Weights, which both sides know to single precision."""
    return RANDOM.normal(size=shape).astype(np.float32)


def run(proto: onnx.ModelProto, x: Array) -> Array:
    return start(proto, threads=1).run(None, {proto.graph.input[0].name: x})[0]


def promoted(
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[object],
    rank: int,
    constants: dict[str, Array] | None = None,
    kind: int = F32,
    **options: Any,
) -> onnx.ModelProto:
    proto = model(
        nodes,
        [port("x", shape, kind)],
        [port("y", [None] * rank, kind)],
        constants,
        **{"opset": 20, "ir": 9, **options},
    )
    found = promote_graph(modernize(proto))
    onnx.checker.check_model(found)
    return found


def agree(found: Array, wanted: Array, limit: float = 1e-14) -> None:
    assert found.dtype == np.float64
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= limit * max(1.0, np.abs(wanted).max())


def f32(x: float) -> float:
    """An attribute, as ONNX stores it."""
    return float(np.float32(x))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
