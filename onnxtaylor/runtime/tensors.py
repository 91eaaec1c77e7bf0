"""All tensors of a graph: runs it as it is written, and keeps what every node computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.errors import EndlessError, ModelError
from onnxtaylor.runtime.bounded import TimeLimit
from onnxtaylor.runtime.provider import import_onnxruntime
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.whole_products import exact_products
from onnxtaylor.supervision.work import at_work

__all__ = ["observe_event", "run_all"]

Array = npt.NDArray[Any]


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
    return run_all(proto, [{name: np.asarray(value) for name, value in feeds.items()}])[0]


def run_all(proto: onnx.ModelProto, feeds: Sequence[Mapping[str, Array]]) -> list[dict[str, Array]]:
    """Returns all tensors of a graph by name, for each of several feeds.

    Sequences are left out. Raises ModelError where onnxruntime cannot run one of the nodes.
    """
    whole = onnx.ModelProto()
    whole.CopyFrom(exact_products(proto))
    names = [name for node in whole.graph.node for name in node.output if name]
    del whole.graph.output[:]
    whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    # as written: an optimized graph lacks some of the tensors
    level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.graph_optimization_level = level
    options.log_severity_level = 4
    observed, limit = [], TimeLimit(proto)
    try:
        with at_work("onnxruntime loads the model"):
            session = onnxruntime.InferenceSession(
                whole.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        for fed in feeds:
            with limit.watch(1) as run_options, at_work("onnxruntime runs the model"):
                answers = dict(zip(names, session.run(None, dict(fed), run_options), strict=True))
            # what is no array is a sequence
            tensors = {k: v for k, v in answers.items() if isinstance(v, np.ndarray)}
            observed.append({**fed, **tensors})
    except EndlessError:
        raise
    except Exception as error:
        raise ModelError(f"onnxruntime cannot run all its nodes: {reason(error)}") from None
    return observed
