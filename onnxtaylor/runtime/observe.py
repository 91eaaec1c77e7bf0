"""Observes a function: runs it with two and with three events, and keeps every tensor.

The compiler reads shapes from it, and what does not depend on the data. It does not use ONNX's
shape inference, which gives up on the first shape that is computed. Sequences are left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler import Observation
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.tensors import run_all

__all__ = ["observe", "stand_ins"]


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
    x = stand_ins(function, x)
    rows = [np.ascontiguousarray(x[:events], dtype=function.dtype) for events in (2, 3)]
    return Observation(*run_all(function.proto, [{function.feed: row} for row in rows]))


def stand_ins(
    function: GraphFunction, x: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float64]:
    """Returns events x (B, n) if there are three or more, else three stand-ins, see ``observe``."""
    if x is not None and len(x) >= 3:
        return x
    rows = np.random.default_rng(0).normal(size=(3, function.n_features))
    known = 0.0 if x is None or not len(x) else np.resize(x, rows.shape)
    return np.where(function.is_varied, rows, known)
