"""Observes a graph: runs it with two and with three events, and keeps every tensor.

The compiler reads shapes from it, and what does not depend on the data. It does not use ONNX's
shape inference, which gives up on the first shape that is computed. Sequences are left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.compiler import Observation
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.provider import import_onnxruntime
from onnxtaylor.runtime.reason import reason

__all__ = ["observe"]


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
    proto = onnx.ModelProto()
    proto.CopyFrom(function.proto)
    names = [name for node in proto.graph.node for name in node.output if name]
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    if x is None or len(x) < 3:
        x = _stand_ins(function, x)
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    # as written: an optimized graph lacks some of the tensors
    level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.graph_optimization_level = level
    options.log_severity_level = 4
    observed = []
    try:
        session = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        for events in (2, 3):
            rows = np.ascontiguousarray(x[:events], dtype=function.dtype)
            answers = dict(zip(names, session.run(None, {function.feed: rows}), strict=True))
            # what is no array is a sequence
            tensors = {k: v for k, v in answers.items() if isinstance(v, np.ndarray)}
            observed.append({function.feed: rows, **tensors})
    except Exception as error:
        raise ModelError(f"onnxruntime cannot run all its nodes: {reason(error)}") from None
    return Observation(*observed)


def _stand_ins(
    function: GraphFunction, x: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float64]:
    rows = np.random.default_rng(0).normal(size=(3, function.n_features))
    known = 0.0 if x is None or not len(x) else np.resize(x, rows.shape)
    return np.where(function.is_varied, rows, known)
