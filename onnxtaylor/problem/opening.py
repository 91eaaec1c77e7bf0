"""Opens a model file as a function that can be called, and probes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import EndlessError, ModelError, ProbeError, printable
from onnxtaylor.graph import (
    Choice,
    GraphFunction,
    InputData,
    LoadedModel,
    build_function,
    choose,
)
from onnxtaylor.graph.dependence import QUANTIZED, TREES
from onnxtaylor.graph.function import select_responses
from onnxtaylor.graph.limits import blame_invalid_model
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.alone import batch_notice, one_at_a_time
from onnxtaylor.problem.axes import objects_hint, require_events
from onnxtaylor.problem.batching import lifted_function, with_batch, with_link, without_empty
from onnxtaylor.problem.batchless import LIFTED
from onnxtaylor.problem.deployed import compare_as_deployed, run_as_written
from onnxtaylor.problem.jagged import find_jagged
from onnxtaylor.problem.probes import probe, require_finite
from onnxtaylor.problem.responses import name_responses
from onnxtaylor.problem.slots import Slots, add_lengths, find_slots, settle_masks
from onnxtaylor.results.classes import ResponseNode
from onnxtaylor.results.taylor import Notice
from onnxtaylor.runtime.session import Session
from onnxtaylor.supervision.work import at_work, opening_model

if TYPE_CHECKING:
    from onnxtaylor.problem.buckets import Buckets

__all__ = ["Evaluator", "OpenModel", "open_model"]

PROBE_EVENTS = 8

Floats = npt.NDArray[np.float64]


class Evaluator(Protocol):
    """A function that can be called on rows (B, n) of events, with its responses (B, C)."""

    function: GraphFunction
    provider: str

    def __call__(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns the responses (B, C)."""


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
    buckets
        Functions by size, where the data have sets of varying size without a mask.
    """

    model: LoadedModel
    choice: Choice
    session: Evaluator
    response_names: tuple[str, ...]
    nodes: tuple[ResponseNode, ...]
    batch: str
    notices: tuple[Notice, ...] = ()
    slots: Slots = field(default_factory=Slots)
    buckets: Buckets | None = None

    @property
    def function(self) -> GraphFunction:
        """The function f: Rⁿ → R^C that is analyzed."""
        return self.session.function

    @property
    def provider(self) -> str:
        """Device that evaluates the model: ``cpu`` or ``cuda``."""
        return self.session.provider


def fields_of(opened: OpenModel) -> dict[str, Any]:
    """Returns what an open model consists of, by name."""
    return {f.name: getattr(opened, f.name) for f in fields(OpenModel)}


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
    with opening_model(model.path), at_work("probing the model"):
        return _open(model, options, x, provider, derivatives=derivatives, finite=finite, data=data)


def _open(
    model: LoadedModel,
    options: ModelOptions,
    x: Floats,
    provider: str,
    *,
    derivatives: bool,
    finite: bool,
    data: InputData | None,
) -> OpenModel:
    """Opens a model, as ``open_model`` does."""
    with _located(model):
        choice, function = _function_of(model, options, x, data, derivatives=derivatives)
    sample, whole = x[:PROBE_EVENTS], any(p.is_whole for p in choice.features)
    original, as_chosen = model, choice
    if options.no_batch or choice.holds_one_event:
        model, choice, function = lifted_function(model, choice, function, x, provider)
    with _located(model):
        require_events(model, choice, function, sample, whole=whole)
        try:
            session, batch, freed = with_batch(function, sample, provider, whole=whole)
        except EndlessError:
            raise
        except ProbeError as error:
            raise ProbeError(f"{error}{objects_hint(choice.features)}") from None
        batch = batch if model is original else LIFTED
        responses = name_responses(model, choice, session, sample, options)
        notices: tuple[Notice, ...] = ()
        if alone := one_at_a_time(session, sample, whole=whole):
            freed = freed or bool(session.function.fixed_batch)
            session, (batch, notices) = alone[0], batch_notice(alone[1])
        probe(model, session, sample, whole=whole, hint=objects_hint(choice.features))
        everything = list(range(len(responses.nodes)))
        # without a choice all nodes are taken, even those of a first output that has no name
        chosen = responses.columns(choice, model) if options.output else everything
        session = run_as_written(session, x)
        slots = settle_masks(model, as_chosen, session, find_slots(original, as_chosen), x)
        if jagged := find_jagged(original, as_chosen):
            slots = add_lengths(slots, jagged.lengths)
        notices += compare_as_deployed(session, x, responses.stored_names, chosen)
        if options.link != "identity":
            session = with_link(session, model, choice, sample, options.link, freed=freed)
        if any(0 in sizes for sizes in as_chosen.data.sizes.values()):
            session = without_empty(session, sample)
        if finite:
            require_finite(model, session, sample, responses.stored_names)
        if chosen != everything:
            session = Session(select_responses(session.function, chosen), provider=provider)
    return OpenModel(
        model=original,
        choice=as_chosen,
        session=session,
        response_names=tuple(responses.nodes[c].name for c in chosen),
        nodes=responses.nodes,
        batch=batch,
        notices=notices,
        slots=slots,
    )


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
    """Puts the file's name before error messages; a model that is not valid is at fault itself."""
    try:
        with blame_invalid_model(model.proto, printable(model.path)):
            yield
    except ModelError as error:
        raise error.located(model.path) from None


def _function_of(
    model: LoadedModel,
    options: ModelOptions,
    x: Floats,
    data: InputData | None,
    *,
    derivatives: bool,
) -> tuple[Choice, GraphFunction]:
    """Resolves the options; the function has the columns of events x (B, n), and a slope."""
    choice = choose(model, options, derivatives=derivatives, data=data)
    jagged = find_jagged(model, choice)
    if jagged and jagged.sets:
        raise ModelError(
            "the data have sets of varying size without a mask: open both as a Problem"
        ).located(model.path)
    function = build_function(model, choice, n_columns=x.shape[1])
    if x.shape[1] != function.n_features:
        raise ModelError(
            f"{printable(model.path)}: the model takes {function.n_features} features, the data"
            f" have {x.shape[1]}: choose them with feature_names=…, or leave columns out with"
            " exclude=…"
        )
    _require_slope(model, function, derivatives=derivatives)
    return choice, function
