"""Sessions of a function as it is probed: with a free batch, with a link, without empty tensors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import EndlessError, ModelError, ProbeError
from onnxtaylor.graph import Choice, GraphFunction, LoadedModel, build_function, free_batch
from onnxtaylor.problem.batchless import lift_to_batch
from onnxtaylor.problem.empty import without_empty_tensors
from onnxtaylor.problem.probes import are_close, with_displaced
from onnxtaylor.runtime.promotion import open_session
from onnxtaylor.runtime.session import Session

__all__ = ["lifted_function", "with_batch", "with_link", "without_empty"]

Floats = npt.NDArray[np.float64]


def with_batch(
    function: GraphFunction, sample: Floats, provider: str, *, whole: bool
) -> tuple[Session, str, bool]:
    """Opens a session with a free batch if that is the same function, else with the fixed one.

    Returns the function, a phrase on how it takes its events, and whether its batch was made free.
    """
    original = open_session(function, sample, provider=provider)
    few = with_displaced(sample, whole=whole, context=function.n_context)
    origin = "fixed in the file"
    if not function.fixed_batch:
        try:
            original(few)
        except ProbeError:
            raise
        except ModelError:
            # some files declare a free batch and insist on the one event that was traced
            function = replace(function, fixed_batch=1)
            single = open_session(function, sample, provider=provider)
            try:
                single(few)
            except ModelError:
                original(few)  # no better: the first complaint stands
            original, origin = single, "free in the file, in truth fixed"
        else:
            return original, "free", False
    reference = original(few)
    try:
        freed = open_session(free_batch(function), sample, provider=provider)
        if all(are_close(freed(few[:k]), reference[:k], function.digits) for k in (len(few), 1)):
            return freed, f"{origin}, made free and verified", True
    except ModelError:
        pass
    batch = function.fixed_batch
    return original, f"fixed to {batch}: evaluated {batch} at a time", False


def with_link(
    session: Session, model: LoadedModel, choice: Choice, sample: Floats, link: str, *, freed: bool
) -> Session:
    """Opens a session of the link of the responses, with the batch that the probes have settled."""
    known = session.function
    linked = build_function(model, choice, n_columns=sample.shape[1], link=link)
    if freed:
        linked = free_batch(replace(linked, fixed_batch=linked.fixed_batch or 1))
    linked = replace(
        linked,
        fixed_batch=known.fixed_batch,
        plain=known.plain,
        fixed_because=known.fixed_because,
    )
    return open_session(linked, sample, provider=session.provider)


def lifted_function(
    model: LoadedModel, choice: Choice, function: GraphFunction, x: Floats, provider: str
) -> tuple[LoadedModel, Choice, GraphFunction]:
    """Returns a model of one event with a batch; where it cannot be lifted, the function says why
    and takes one event at a time.
    """
    try:
        return lift_to_batch(model, choice, function, x, provider=provider)
    except EndlessError:
        raise
    except ModelError as error:
        why = f"it holds one event and cannot be lifted to a batch: {error}"
        return model, choice, replace(function, fixed_because=why)


def without_empty(session: Session, sample: Floats) -> Session:
    """Opens a session without tensors that have no elements, unless its batch is fixed."""
    if session.function.fixed_batch:
        return session
    function = without_empty_tensors(session.function, sample)
    return open_session(function, sample, provider=session.provider)
