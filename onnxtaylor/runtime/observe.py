"""Observes a graph: runs it and keeps every tensor.

Functions are run with two and with three events, graphs without a batch axis with one.
The compiler reads shapes from it, and what does not depend on the data. It does not use ONNX's
shape inference, which gives up on the first shape that is computed. Sequences are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.compiler import Observation
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.provider import import_onnxruntime
from onnxtaylor.runtime.reason import reason

__all__ = ["observe", "observe_event"]

Array = npt.NDArray[Any]


def observe(function: GraphFunction, x: npt.NDArray[np.float64] | None = None) -> Observation:
    """Evaluates all tensors of a function at its first two and its first three events.

    Parameters
    ----------
    function
        The function; its batch must be free.
    x
        Events (B, n). With fewer than three, or without any, normally distributed stand-ins are
        used for the features; their context is that of the events, or 0.

    Returns
    -------
    Observation
        The tensors by name, at two and at three events: axes that differ count events.

    Raises
    ------
    ModelError
        onnxruntime cannot run one of the nodes.
    """
    if x is None or len(x) < 3:
        x = _stand_ins(function, x)
    rows = [np.ascontiguousarray(x[:events], dtype=function.dtype) for events in (2, 3)]
    return Observation(*_run_all(function.proto, [{function.feed: row} for row in rows]))


def observe_event(proto: onnx.ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Evaluates all tensors of a graph that has no batch axis, at one event.

    Parameters
    ----------
    proto
        The model.
    feeds
        All of its inputs by name, with the shapes of one event.

    Returns
    -------
    dict
        The tensors by name, the inputs included.

    Raises
    ------
    ModelError
        onnxruntime cannot run one of the nodes.
    """
    # a row of a vector is a NumPy number, which onnxruntime does not take
    return _run_all(proto, [{name: np.asarray(value) for name, value in feeds.items()}])[0]


def _run_all(
    proto: onnx.ModelProto, feeds: Sequence[Mapping[str, Array]]
) -> list[dict[str, Array]]:
    """Returns all tensors of a graph for each of several feeds."""
    whole = onnx.ModelProto()
    whole.CopyFrom(proto)
    names = [name for node in whole.graph.node for name in node.output if name]
    del whole.graph.output[:]
    whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    # as written: an optimized graph lacks some of the tensors
    level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.graph_optimization_level = level
    options.log_severity_level = 4
    observed = []
    try:
        session = onnxruntime.InferenceSession(
            whole.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        for fed in feeds:
            answers = dict(zip(names, session.run(None, dict(fed)), strict=True))
            # what is no array is a sequence
            tensors = {k: v for k, v in answers.items() if isinstance(v, np.ndarray)}
            observed.append({**fed, **tensors})
    except Exception as error:
        raise ModelError(f"onnxruntime cannot run all its nodes: {reason(error)}") from None
    return observed


def _stand_ins(
    function: GraphFunction, x: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float64]:
    rows = np.random.default_rng(0).normal(size=(3, function.n_features))
    known = 0.0 if x is None or not len(x) else np.resize(x, rows.shape)
    return np.where(function.is_varied, rows, known)
