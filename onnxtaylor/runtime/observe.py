"""Runs a graph once with two and once with three events, and keeps every tensor; sequences it
leaves out.

The compiler reads shapes from it, and what is the same for all data: it asks no shape inference,
which gives up on the first shape that is computed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.compiler import Observation
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.session import reason, runtime

__all__ = ["observe"]


def observe(function: GraphFunction, x: npt.NDArray[np.float64] | None = None) -> Observation:
    """All tensors of a function at the first two and three rows of x, or at stand-ins.

    Requires a free batch. Raises ModelError where onnxruntime cannot run the graph.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(function.proto)
    names = [name for node in proto.graph.node for name in node.output if name]
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    if x is None or len(x) < 3:
        x = np.random.default_rng(0).normal(size=(3, function.n_features))
    module = runtime()
    options = module.SessionOptions()
    # as written: an optimized graph has other tensors
    options.graph_optimization_level = module.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    seen = []
    try:
        session = module.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        for events in (2, 3):
            rows = np.ascontiguousarray(x[:events], dtype=function.dtype)
            found = dict(zip(names, session.run(None, {function.feed: rows}), strict=True))
            tensors = {k: v for k, v in found.items() if isinstance(v, np.ndarray)}
            seen.append({function.feed: rows, **tensors})
    except Exception as error:
        raise ModelError(f"onnxruntime cannot run all its nodes: {reason(error)}") from None
    return Observation(*seen)
