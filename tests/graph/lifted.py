"""Lifts graphs in tests, and compares the lifted ones with the originals, event by event."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime

from onnxtaylor.graph.lift import lift
from onnxtaylor.runtime.tensors import observe_event

__all__ = ["assert_lifted", "lifted", "run"]


def run(proto: onnx.ModelProto, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs of a graph by onnxruntime alone, without optimizations."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, dict(feeds)))


def lifted(proto: onnx.ModelProto, events: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The graph lifted by its first event; ``events``: inputs with an axis N."""
    first = {name: np.asarray(value[0]) for name, value in events.items()}
    return lift(proto, list(events), lambda graph: observe_event(graph, first))


def assert_lifted(
    proto: onnx.ModelProto, events: Mapping[str, np.ndarray], *, close: float = 1e-14
) -> onnx.ModelProto:
    """N events at once give what N calls of the original give, and so does each event alone."""
    whole = lifted(proto, events)
    onnx.checker.check_model(whole)
    count = len(next(iter(events.values())))
    single = [run(proto, {k: np.asarray(v[n]) for k, v in events.items()}) for n in range(count)]
    together = run(whole, events)
    for place, found in enumerate(together):
        expected = np.stack([answers[place] for answers in single])
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=close, atol=close)
    for n in range(count):
        alone = run(whole, {k: v[n : n + 1] for k, v in events.items()})
        for found, expected in zip(alone, together, strict=True):
            np.testing.assert_allclose(found[0], expected[n], rtol=close, atol=close)
    return whole
