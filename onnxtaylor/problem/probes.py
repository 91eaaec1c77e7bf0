"""Probes of a function: conditions without which its derivatives have no meaning.

Three probes on the first events of the data, before anything is computed:

1. an event alone responds as it does among others (a model that mixes its batch has no derivative
   by the features of one event);
2. the same call twice gives the same response (a random model has no derivative at all);
3. the response is finite.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import NotFiniteError, ProbeError, printable
from onnxtaylor.graph import LoadedModel
from onnxtaylor.runtime.session import Session

__all__ = ["are_close", "probe", "require_finite", "with_displaced"]

NUDGE = 2.0**-10  # of the stand-ins beside events of the data that may be alike


def with_displaced(
    sample: npt.NDArray[np.float64], *, whole: bool = False, context: int = 0
) -> npt.NDArray[np.float64]:
    """Returns the events and slightly displaced copies: with equal events no mixing would show.

    Features of ``whole`` numbers are permuted instead: they may be row numbers of a finite table.
    The last columns, ``context``, stay as they are.
    """
    if whole:
        return np.concatenate((sample, sample[::-1]))
    displaced = sample * (1 + NUDGE) + NUDGE
    displaced[:, sample.shape[1] - context :] = sample[:, sample.shape[1] - context :]
    return np.concatenate((sample, displaced))


def are_close(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating], digits: int) -> bool:
    """Whether arrays are equal up to the round-off of reordered sums in this many digits."""
    if a.shape != b.shape:
        return False
    scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    return bool(
        np.allclose(a, b, rtol=0, atol=scale * min(2.0 ** (9 - digits), 2.0**-6), equal_nan=True)
    )


def probe(
    model: LoadedModel,
    session: Session,
    sample: npt.NDArray[np.float64],
    *,
    whole: bool = False,
    hint: str = "",
) -> None:
    """Raises ProbeError where the function is random or mixes events; ``hint`` ends the latter
    message.

    Requires: no link, since it amplifies the round-off of a saturated response.
    """
    where, digits = printable(model.path), session.function.digits
    few = with_displaced(sample, whole=whole, context=session.function.n_context)
    together = session(few)
    if not are_close(session(few), together, digits):
        raise ProbeError(
            f"{where}: the same events respond differently when asked twice: the model is random"
            " (dropout or sampling left on?): export it in inference mode"
        )
    batch = session.function.fixed_batch
    if batch == 1:
        alone = together
    else:
        # of a fixed batch, an event "alone" is an event among copies of itself
        copies = [np.repeat(row[None], max(batch, 1), axis=0) for row in few]
        alone = np.concatenate([session(rows)[:1] for rows in copies])
    if not are_close(alone, together, digits):
        raise ProbeError(
            f"{where}: an event responds differently alone and in a batch: the model mixes events"
            f" (batch normalization in training mode?): export it in inference mode{hint}"
        )


def require_finite(
    model: LoadedModel,
    session: Session,
    sample: npt.NDArray[np.float64],
    names: Sequence[str],
) -> None:
    """Raises NotFiniteError, naming the event, where a response is not finite."""
    responses = session(sample)
    finite = np.isfinite(responses)
    if not finite.all():
        event, column = np.argwhere(~finite)[0]
        raise NotFiniteError(
            f"{printable(model.path)}: response '{printable(names[column])}' is"
            f" {responses[event, column]} at event {event} (counted from 0): check that its"
            " features are in the units that the model was trained on"
            + (_other_link(model) if session.function.link != "identity" else "")
        )


def _other_link(model: LoadedModel) -> str:
    """Says what to expand instead where the link of a response is infinite."""
    graph = model.proto.graph
    before = {node.input[0] for node in graph.node if node.op_type in ("Sigmoid", "Softmax")}
    words = ', or use link="identity"'
    if len(before) != 1:  # none, or one of several layers
        return words
    return f"{words}, or without a link output='{printable(before.pop())}', what comes before it"
