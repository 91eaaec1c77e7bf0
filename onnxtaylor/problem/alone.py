"""Models that quantize by the range of a whole batch, evaluated one event at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.errors import EndlessError, ModelError, printable
from onnxtaylor.graph import GraphFunction, free_batch
from onnxtaylor.graph.dynamic import (
    dynamic_nodes,
    dynamic_scales,
    hold_scales,
    in_single_precision,
)
from onnxtaylor.problem.probes import are_close, with_displaced
from onnxtaylor.results.taylor import Notice
from onnxtaylor.runtime.bounded import TimeLimit
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import Session, start

__all__ = ["batch_notice", "one_at_a_time"]

Floats = npt.NDArray[np.float64]

# Where scales are held, sums in another order may still carry a number over the edge of a step: a
# difference of 2⁻⁶ of the largest response, what 15 digits allow in ``same``, is no mixing.
DIGITS = 15


def one_at_a_time(
    session: Session, sample: Floats, *, whole: bool
) -> tuple[Session, onnx.NodeProto] | None:
    """Returns a session that evaluates one event at a time, and the node that requires this.

    None where no node quantizes by the range of its batch, where the batch is one event anyway, or
    where the model mixes its events for another reason as well.
    """
    function = session.function
    nodes = dynamic_nodes(function.proto)
    if not nodes or function.fixed_batch == 1:
        return None
    few = with_displaced(sample, whole=whole, context=function.n_context)
    try:
        free = function if not function.fixed_batch else _freed(session, few)
        if free is None or _mixes(free, few, session.provider):
            return None
        return Session(replace(free, fixed_batch=1), provider=session.provider), nodes[0]
    except ModelError:
        return None


def batch_notice(node: onnx.NodeProto) -> tuple[str, tuple[Notice, ...]]:
    """Returns a phrase and a notice: the graph is run one event at a time because of a node."""
    which = f"node '{printable(node.name or node.output[0])}' ({node.op_type})"
    text = (
        f"{which} quantizes by the range of the whole batch, so that the response to an event"
        " depends on the others beside it: the model is evaluated one event at a time, as if"
        " deployed so"
    )
    return f"one event at a time: {which} depends on the batch", (Notice("batch", None, text),)


def _freed(session: Session, few: Floats) -> GraphFunction | None:
    """Returns the function with a free batch size; None where this changes its responses."""
    function = session.function
    free = free_batch(function)
    rows = np.resize(few, (function.fixed_batch, few.shape[1]))
    agree = are_close(
        Session(free, provider=session.provider)(rows), session(rows), function.digits
    )
    return free if agree else None


def _mixes(function: GraphFunction, few: Floats, provider: str) -> bool:
    """Whether events respond differently alone once the ranges of the batch are held."""
    single = in_single_precision(function.proto)
    names = dynamic_scales(single)
    held = function.with_proto(hold_scales(single, _values(function, single, names, few)))
    session = Session(held, provider=provider)
    alone = np.concatenate([session(row[None]) for row in few])
    return not are_close(alone, session(few), DIGITS)


def _values(
    function: GraphFunction, proto: onnx.ModelProto, names: list[str], rows: Floats
) -> dict[str, npt.NDArray[np.generic]]:
    """Evaluates the tensors of these names at the rows."""
    if not names:
        return {}
    open_graph = onnx.ModelProto()
    open_graph.CopyFrom(proto)
    del open_graph.graph.output[:]
    open_graph.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = start(open_graph, plain=True)
    try:
        feed = {function.feed: np.ascontiguousarray(rows, function.dtype)}
        with TimeLimit(open_graph).watch(len(rows)) as options:
            return dict(zip(names, session.run(names, feed, options), strict=True))
    except EndlessError:
        raise
    except Exception as error:
        raise ModelError(f"the model fails: {reason(error)}") from None
