"""Opens a model file as a function that can be called, and probes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.errors import ModelError, ProbeError, printable
from onnxtaylor.graph import (
    Choice,
    GraphFunction,
    InputData,
    LoadedModel,
    build_function,
    choose,
    free_batch,
)
from onnxtaylor.graph.dependence import QUANTIZED, TREES
from onnxtaylor.graph.function import select_responses
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.alone import one_at_a_time
from onnxtaylor.problem.axes import objects_hint, require_events
from onnxtaylor.problem.deployed import compare_as_deployed, run_as_written
from onnxtaylor.problem.probes import are_close, probe, require_finite, with_displaced
from onnxtaylor.problem.responses import name_responses
from onnxtaylor.problem.slots import Slots, find_slots, settle_masks
from onnxtaylor.results.classes import ResponseNode
from onnxtaylor.results.taylor import Notice
from onnxtaylor.runtime.promotion import open_session
from onnxtaylor.runtime.session import Session

__all__ = ["OpenModel", "open_model"]

PROBE_EVENTS = 8

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenModel:
    """A model as a function whose responses have names, in a session of onnxruntime.

    Parameters
    ----------
    model, choice
        The loaded file, and the choice of its inputs and outputs.
    session
        Evaluates the chosen responses: rows (B, n) to (B, C), with all threads.
    response_names, nodes
        Names of the C chosen responses; the nodes of all outputs that they were chosen from.
    batch
        How the graph takes its events, in words.
    notices
        Remarks on the function: that others get another one from the file, or that it depends on
        the batch.
    slots
        Which slots of sets are filled.
    """

    model: LoadedModel
    choice: Choice
    session: Session
    response_names: tuple[str, ...]
    nodes: tuple[ResponseNode, ...]
    batch: str
    notices: tuple[Notice, ...] = ()
    slots: Slots = field(default_factory=Slots)

    @property
    def function(self) -> GraphFunction:
        """The function f: Rⁿ → R^C that is analyzed."""
        return self.session.function

    @property
    def provider(self) -> str:
        """Device that evaluates the model: ``cpu`` or ``cuda``."""
        return self.session.provider


def open_model(
    model: LoadedModel,
    options: ModelOptions,
    x: Floats,
    *,
    provider: str = "cpu",
    derivatives: bool = True,
    finite: bool = True,
    data: InputData | None = None,
) -> OpenModel:
    """Resolves the options, frees the batch where that changes nothing, probes, names responses.

    Parameters
    ----------
    model, options
        The file, and the choice of its inputs and responses.
    x
        Events (B ≥ 1, n) of the data, or stand-ins for them.
    derivatives
        Whether responses must have a slope; False where responses to finite steps are wanted.
    finite
        Whether responses must be finite at the first events.
    data
        What the data say about the inputs.

    Raises
    ------
    ModelError, ProbeError
        The model cannot be run, is random, mixes its events, or has no slope.
    OptionError
        An option names what the model does not have.
    """
    choice = choose(model, options, derivatives=derivatives, data=data)
    function = build_function(model, choice, n_columns=x.shape[1])
    if x.shape[1] != function.n_features:
        raise ModelError(
            f"{printable(model.path)}: the model takes {function.n_features} features, the data"
            f" have {x.shape[1]}: choose them with feature_names=…, or leave columns out with"
            " exclude=…"
        )
    _require_slope(model, function, derivatives=derivatives)
    sample, whole = x[:PROBE_EVENTS], any(p.is_whole for p in choice.features)
    with _located(model):
        require_events(model, choice, function, sample, whole=whole)
        try:
            session, batch, freed = _with_batch(function, sample, provider, whole=whole)
        except ProbeError as error:
            raise ProbeError(f"{error}{objects_hint(choice.features)}") from None
        responses = name_responses(model, choice, session, sample, options)
        notices: tuple[Notice, ...] = ()
        if alone := one_at_a_time(session, sample, whole=whole):
            freed = freed or bool(session.function.fixed_batch)
            session, (batch, notices) = alone[0], _one_at_a_time_notice(alone[1])
        probe(model, session, sample, whole=whole, hint=objects_hint(choice.features))
        everything = list(range(len(responses.nodes)))
        # without a choice all nodes are taken, even those of a first output that has no name
        chosen = responses.columns(choice, model) if options.output else everything
        session = run_as_written(session, x)
        slots = settle_masks(model, choice, session, find_slots(model, choice), x)
        notices += compare_as_deployed(session, x, responses.stored_names, chosen)
        if options.link != "identity":
            session = _with_link(session, model, choice, sample, options.link, freed=freed)
        if finite:
            require_finite(model, session, sample, responses.stored_names)
        if chosen != everything:
            session = Session(select_responses(session.function, chosen), provider=provider)
    return OpenModel(
        model=model,
        choice=choice,
        session=session,
        response_names=tuple(responses.nodes[c].name for c in chosen),
        nodes=responses.nodes,
        batch=batch,
        notices=notices,
        slots=slots,
    )


def _one_at_a_time_notice(node: onnx.NodeProto) -> tuple[str, tuple[Notice, ...]]:
    """Returns a phrase and a notice: the graph is run one event at a time because of a node."""
    which = f"node '{printable(node.name or node.output[0])}' ({node.op_type})"
    text = (
        f"{which} quantizes by the range of the whole batch, so that the response to an event"
        " depends on the others beside it: the model is evaluated one event at a time, as if"
        " deployed so"
    )
    return f"one event at a time: {which} depends on the batch", (Notice("batch", None, text),)


def _require_slope(model: LoadedModel, function: GraphFunction, *, derivatives: bool) -> None:
    """Raises ModelError where responses are constant or, for ``derivatives``, almost everywhere."""
    where, path = printable(model.path), function.dependence
    outputs = ", ".join(map(printable, function.outputs))
    if not path.connected:
        raise ModelError(
            f"{where}: output {outputs} does not depend on the features at all: choose another"
            " with output=…, or other features with input=…"
        )
    if path.smooth or not derivatives:
        return
    kind, node, before = path.steps[-1]
    if kind in TREES:
        way_out = "or analyze a network trained to give the same responses"
    elif kind in QUANTIZED:
        way_out = "or analyze the model as it was before quantization"
    else:
        way_out = f'or choose what comes before it, such as output="{printable(before)}"'
    raise ModelError(
        f"{where}: output {outputs} is a step function: node '{printable(node)}' ({kind}) is flat"
        ' almost everywhere, so that all derivatives vanish: analyze with finite_step="0.5sigma",'
        f" {way_out}"
    )


@contextmanager
def _located(model: LoadedModel) -> Iterator[None]:
    """Puts the file's name before error messages of the session."""
    try:
        yield
    except ModelError as error:
        raise error.located(model.path) from None


def _with_batch(
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


def _with_link(
    session: Session, model: LoadedModel, choice: Choice, sample: Floats, link: str, *, freed: bool
) -> Session:
    """Opens a session of the link of the responses, with the batch that the probes have settled."""
    known = session.function
    linked = build_function(model, choice, n_columns=sample.shape[1], link=link)
    if freed:
        linked = free_batch(replace(linked, fixed_batch=linked.fixed_batch or 1))
    linked = replace(linked, fixed_batch=known.fixed_batch, plain=known.plain)
    return open_session(linked, sample, provider=session.provider)
