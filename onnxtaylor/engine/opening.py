"""A model file becomes a function that can be called, probed before it is trusted.

Three probes on the first events of the data, before anything is computed:

1. an event alone responds as it does among others (a model that mixes its batch has no derivative
   by the features of one event);
2. the same call twice gives the same response (a random model has no derivative at all);
3. the response is finite.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.session import Session
from onnxtaylor.errors import ModelError, OptionError, ProbeError, printable
from onnxtaylor.graph import (
    Choice,
    GraphFunction,
    LoadedModel,
    ModelRequest,
    build_function,
    choose,
    free_batch,
    reach,
    stored_names,
)
from onnxtaylor.graph.choose import nearest
from onnxtaylor.graph.function import select_responses

__all__ = ["OpenModel", "open_model"]

PROBE_EVENTS = 8
OUTPUT_KEYS = ("output_names", "class_names", "classes", "labels")


@dataclass(frozen=True)
class OpenModel:
    """A function whose responses have names, and how it came about.

    ``batch`` says in words how the graph takes its events.
    """

    model: LoadedModel
    choice: Choice
    function: GraphFunction
    response_names: tuple[str, ...]
    batch: str
    provider: str


def open_model(
    model: LoadedModel,
    request: ModelRequest,
    x: npt.NDArray[np.float64],
    *,
    provider: str = "cpu",
) -> OpenModel:
    """Resolves a request, frees the batch where that changes nothing, probes, names responses.

    x (B ≥ 1, n) are events of the data, or stand-ins for them. Raises ModelError, OptionError and
    ProbeError.
    """
    choice = choose(model, request)
    function = build_function(model, choice, n_columns=x.shape[1], link=request.link)
    if x.shape[1] != function.n_features:
        raise ModelError(
            f"{printable(model.path)}: the model has {function.n_features} inputs, the data"
            f" {x.shape[1]} features"
        )
    path = reach(function)
    if not path.connected:
        raise ModelError(
            f"{printable(model.path)}: the response does not depend on the features at all"
        )
    if not path.smooth:
        kind, node = path.steps[-1]
        raise ModelError(
            f"{printable(model.path)}: the response is a step function: node '{printable(node)}'"
            f" ({kind}) is flat almost everywhere, so all derivatives vanish; analyze a smooth"
            " model, such as a network trained on this one's responses"
        )
    sample = x[:PROBE_EVENTS]
    session, batch = _with_batch(function, sample, provider)
    _probe(model, session, sample)
    names = _response_names(model, choice, session, sample)
    function = session.function
    if request.outputs and choice.nodes:
        columns = [_column(name, names, model) for name in choice.nodes]
        function, names = select_responses(function, columns), [names[c] for c in columns]
    return OpenModel(model, choice, function, tuple(names), batch, provider)


def _with_batch(
    function: GraphFunction, sample: npt.NDArray[np.float64], provider: str
) -> tuple[Session, str]:
    """The session with a free batch if that is the same function, else with the fixed one."""
    original = Session(function, provider=provider)
    if not function.fixed_batch:
        return original, "free"
    few = sample if len(sample) > 1 else np.concatenate((sample, sample + 1e-3))
    fixed = f"fixed to {function.fixed_batch}: evaluated {function.fixed_batch} at a time"
    reference = original(few)
    try:
        freed = Session(free_batch(function), provider=provider)
        same = _same(freed(few), reference) and _same(freed(few[:1]), reference[:1])
    except ModelError:
        return original, fixed
    return (freed, "fixed in the file, made free and verified") if same else (original, fixed)


def _same(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> bool:
    """Equal up to the round-off of sums taken in another order."""
    if a.shape != b.shape:
        return False
    eps = max(np.finfo(a.dtype).eps, np.finfo(np.float32).eps if a.dtype != np.float64 else 0)
    scale = np.abs(b[np.isfinite(b)]).max(initial=1.0)
    return bool(np.allclose(a, b, rtol=0, atol=64 * eps * scale, equal_nan=True))


def _probe(model: LoadedModel, session: Session, sample: npt.NDArray[np.float64]) -> None:
    where = printable(model.path)
    together = session(sample)
    if not _same(session(sample), together):
        raise ProbeError(
            f"{where}: the same events respond differently when asked twice: the model is random"
            " (dropout or sampling left on?): export it in inference mode"
        )
    batch = session.function.fixed_batch
    if batch == 1:
        alone = together
    else:
        # of a fixed batch, an event "alone" is an event among copies of itself
        copies = [np.repeat(row[None], max(batch, 1), axis=0) for row in sample]
        alone = np.concatenate([session(rows)[:1] for rows in copies])
    if not _same(alone, together):
        raise ProbeError(
            f"{where}: an event responds differently alone and in a batch: the model mixes events"
            " (batch normalization in training mode?): export it in inference mode"
        )
    if not np.isfinite(together).all():
        event, node = np.argwhere(~np.isfinite(together))[0]
        raise ProbeError(
            f"{where}: response {node} is {together[event, node]} at event {event}: check that the"
            " features are in the units that the model was trained on"
            + (", or use --link identity" if session.function.link != "identity" else "")
        )


def _response_names(
    model: LoadedModel, choice: Choice, session: Session, sample: npt.NDArray[np.float64]
) -> list[str]:
    """Names of the columns of the response: ZipMap labels, metadata, or ``tensor[k]``."""
    function = session.function
    total = session(sample[:1]).shape[1]
    if len(function.outputs) == 1:
        labels = function.labels[0] or stored_names(model.proto, OUTPUT_KEYS)
        if labels is not None and len(labels) == total and len(set(labels)) == total:
            return list(labels)
        return _numbered(function.outputs[0], total)
    names: list[str] = []
    for output in function.outputs:  # how wide each of several outputs is, only a call can tell
        alone = build_function(
            model, replace(choice, outputs=(output,)), n_columns=function.n_features
        )
        names += _numbered(output, Session(alone)(sample[:1]).shape[1])
    return names


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}[{k}]" for k in range(count)]


def _column(name: str, names: list[str], model: LoadedModel) -> int:
    if name in names:
        return names.index(name)
    raise OptionError(
        f"{printable(model.path)}: no output, inner tensor or response node is called"
        f" '{printable(name)}'{nearest(name, names)}"
    )
