"""Models without a batch axis: lifted to a batch and compared with the original event by event."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import ModelError
from onnxtaylor.graph import Choice, GraphFunction, LoadedModel, Port, build_function
from onnxtaylor.graph.layout import sizes_after_batch
from onnxtaylor.graph.lift import lift
from onnxtaylor.problem.own_inputs import OwnInputs
from onnxtaylor.problem.probes import are_close, with_displaced
from onnxtaylor.runtime.promotion import open_session
from onnxtaylor.runtime.tensors import observe_event

__all__ = ["LIFTED", "lift_to_batch"]

LIFTED = "none in the file: lifted to a batch, and verified event by event"


def lift_to_batch(
    model: LoadedModel,
    choice: Choice,
    function: GraphFunction,
    x: npt.NDArray[np.float64],
    *,
    provider: str = "cpu",
) -> tuple[LoadedModel, Choice, GraphFunction]:
    """Gives a model of one event a batch axis.

    Parameters
    ----------
    model, choice, function
        The model of one event, the choice of its inputs without a batch, and its function, which
        is evaluated one event at a time.
    x
        Events (B, n), all of one size; the model is lifted at the first, and both functions are
        compared at all of them and at displaced ones.

    Returns
    -------
    tuple
        The model with a free batch, the choice of its inputs, and its function.

    Raises
    ------
    ModelError
        An operator cannot be lifted, or both respond differently; the message is one line without
        the name of the file.
    """
    own = OwnInputs(model, choice, x.shape[1])
    event = own.event(x[0])
    proto = lift(own.proto, list(event), lambda graph: observe_event(graph, event))
    lifted = replace(model, proto=proto)
    chosen = replace(
        choice,
        features=tuple(map(_with_batch, choice.features)),
        context=tuple(map(_with_batch, choice.context)),
        held=(),
    )
    free = build_function(lifted, chosen, n_columns=x.shape[1])
    free = replace(free, labels=function.labels)  # ZipMaps are not lifted
    whole = any(port.is_whole for port in choice.features)
    rows = with_displaced(x, whole=whole, context=function.n_context)
    alone = open_session(function, x, provider=provider)(rows)
    session = open_session(free, x, provider=provider)
    for few in (rows, rows[:1]):
        if not are_close(session(few), alone[: len(few)], function.digits):
            raise ModelError("lifted to a batch it responds differently")
    return lifted, chosen, free


def _with_batch(port: Port) -> Port:
    """The input of the lifted model: a batch before all of its axes."""
    sizes = sizes_after_batch(port) if port.batch_axis is None else (1, *port.sizes)
    return replace(port, shape=("N", *sizes), batch_axis=0)
