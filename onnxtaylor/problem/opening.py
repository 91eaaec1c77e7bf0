"""A model file becomes a function that can be called, probed before it is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.errors import ModelError, OptionError, ProbeError, nearest, printable
from onnxtaylor.graph import (
    Choice,
    GraphFunction,
    LoadedModel,
    ModelRequest,
    build_function,
    choose,
    free_batch,
    stored_names,
)
from onnxtaylor.graph.dependence import QUANTIZED, TREES
from onnxtaylor.graph.function import select_responses
from onnxtaylor.graph.link import check_link
from onnxtaylor.graph.prune import tensor_names
from onnxtaylor.problem.alone import one_at_a_time
from onnxtaylor.problem.axes import objects_hint, require_events
from onnxtaylor.problem.deployed import compare_as_deployed, run_as_written
from onnxtaylor.problem.probes import distinct, probe, require_finite, same
from onnxtaylor.results.classes import ResponseNode, name_nodes
from onnxtaylor.results.taylor import Notice
from onnxtaylor.runtime.promotion import session_of
from onnxtaylor.runtime.session import Session

__all__ = ["OpenModel", "open_model"]

PROBE_EVENTS = 8
OUTPUT_KEYS = ("output_names", "class_names", "classes", "labels")


@dataclass(frozen=True)
class OpenModel:
    """A function whose responses have names, and how it came about.

    ``nodes`` are those of all outputs that were asked for, ``response_names`` the names of those
    that were chosen of them; ``batch`` says in words how the graph takes its events, ``notes`` what
    a user must know of the function: that others may get another one from the file, or that it
    depends on the batch.
    """

    model: LoadedModel
    choice: Choice
    function: GraphFunction
    response_names: tuple[str, ...]
    nodes: tuple[ResponseNode, ...]
    batch: str
    provider: str
    notes: tuple[Notice, ...] = ()


def open_model(
    model: LoadedModel,
    request: ModelRequest,
    x: npt.NDArray[np.float64],
    *,
    provider: str = "cpu",
    finite: bool = True,
) -> OpenModel:
    """Resolves a request, frees the batch where that changes nothing, probes, names responses.

    x (B ≥ 1, n) are events of the data, or stand-ins for them, at which responses need not be
    ``finite``. Raises ModelError, OptionError and ProbeError.
    """
    choice = choose(model, request)
    check_link(request.link)
    function = build_function(model, choice, n_columns=x.shape[1])
    if x.shape[1] != function.n_features:
        raise ModelError(
            f"{printable(model.path)}: the model takes {function.n_features} features, the data"
            f" have {x.shape[1]}: choose them with --features, or leave columns out with --exclude"
        )
    _require_slope(model, function, by_steps=request.by_steps)
    sample = x[:PROBE_EVENTS]
    whole = any(p.is_whole for p in choice.features)
    with _naming(model):
        require_events(model, choice, function, sample, whole=whole)
        try:
            session, batch, freed = _with_batch(function, sample, provider, whole=whole)
        except ProbeError as error:
            raise ProbeError(f"{error}{objects_hint(choice.features)}") from None
        names = _response_names(model, choice, session, sample)
        notes: tuple[Notice, ...] = ()
        if found := one_at_a_time(session, sample, whole=whole):
            freed = freed or bool(session.function.fixed_batch)
            session, batch, notes = found[0], *_told_alone(found[1])
        probe(model, session, sample, whole=whole, hint=objects_hint(choice.features))
        flat = [name for group in names for name in group]
        places = [
            place
            for output, group in zip(session.function.outputs, names, strict=True)
            for place in _numbered(output, len(group))
        ]
        nodes = name_nodes(places, flat, names=request.output_names, classes=request.classes)
        columns = list(range(len(nodes)))
        if request.outputs:
            columns = _columns(choice, session.function.outputs, names, nodes, model)
        session = run_as_written(session, x)
        notes += compare_as_deployed(session, x, flat, columns)
        if request.link != "identity":
            linked = build_function(model, choice, n_columns=x.shape[1], link=request.link)
            if freed:
                linked = free_batch(replace(linked, fixed_batch=linked.fixed_batch or 1))
            known = session.function
            linked = replace(linked, fixed_batch=known.fixed_batch, plain=known.plain)
            session = session_of(linked, sample, provider=provider)
        if finite:
            require_finite(model, session, sample, flat)
    function = session.function
    if columns != list(range(len(nodes))):
        function = select_responses(function, columns)
    chosen = tuple(nodes[c].name for c in columns)
    return OpenModel(model, choice, function, chosen, nodes, batch, provider, notes)


def _told_alone(node: onnx.NodeProto) -> tuple[str, tuple[Notice, ...]]:
    """How a graph takes its events that is given one at a time because of a node, and a warning."""
    which = f"node '{printable(node.name or node.output[0])}' ({node.op_type})"
    text = (
        f"{which} quantizes by the range of the whole batch, so that the response to an event"
        " depends on the others beside it: the model is evaluated one event at a time, as if"
        " deployed so"
    )
    return f"one event at a time: {which} depends on the batch", (Notice("batch", None, text),)


def _require_slope(model: LoadedModel, function: GraphFunction, *, by_steps: bool) -> None:
    """Raises ModelError where the responses are constant, or constant almost everywhere.

    ``by_steps`` asks for responses to finite steps, which the latter have.
    """
    where, path = printable(model.path), function.dependence
    outputs = ", ".join(map(printable, function.outputs))
    if not path.connected:
        raise ModelError(
            f"{where}: output {outputs} does not depend on the features at all: choose another"
            " with --output, or other features with --input"
        )
    if path.smooth or by_steps:
        return
    kind, node, before = path.steps[-1]
    if kind in TREES:
        way_out = "or analyze a network trained to give the same responses"
    elif kind in QUANTIZED:
        way_out = "or analyze the model as it was before quantization"
    else:
        way_out = f"or choose what comes before it, such as --output {printable(before)}"
    raise ModelError(
        f"{where}: output {outputs} is a step function: node '{printable(node)}' ({kind}) is flat"
        " almost everywhere, so that all derivatives vanish: use analyze --finite-step 0.5sigma,"
        f" {way_out}"
    )


@contextmanager
def _naming(model: LoadedModel) -> Iterator[None]:
    """Puts the file's name before errors of the session, which does not know it."""
    where = f"{printable(model.path)}: "
    try:
        yield
    except ModelError as error:
        if str(error).startswith(where):
            raise
        raise type(error)(where + str(error)) from None


def _with_batch(
    function: GraphFunction, sample: npt.NDArray[np.float64], provider: str, *, whole: bool
) -> tuple[Session, str, bool]:
    """The session with a free batch if that is the same function, else with the fixed one; in
    words; whether the batch had to be made free.
    """
    original = session_of(function, sample, provider=provider)
    few = distinct(sample, whole=whole)
    origin = "fixed in the file"
    if not function.fixed_batch:
        try:
            original(few)
        except ProbeError:
            raise
        except ModelError:
            # some files declare a free batch and insist on the one event that was traced
            function = replace(function, fixed_batch=1)
            single = session_of(function, sample, provider=provider)
            try:
                single(few)
            except ModelError:
                original(few)  # no better: the first complaint stands
            original, origin = single, "free in the file, in truth fixed"
        else:
            return original, "free", False
    reference = original(few)
    try:
        freed = session_of(free_batch(function), sample, provider=provider)
        if all(same(freed(few[:k]), reference[:k], function.digits) for k in (len(few), 1)):
            return freed, f"{origin}, made free and verified", True
    except ModelError:
        pass
    batch = function.fixed_batch
    return original, f"fixed to {batch}: evaluated {batch} at a time", False


def _response_names(
    model: LoadedModel, choice: Choice, session: Session, sample: npt.NDArray[np.float64]
) -> list[list[str]]:
    """Names of the responses of each output: ZipMap labels, metadata, or ``tensor[k]``."""
    function = session.function
    widths = [session(sample[:1]).shape[1]]
    if len(function.outputs) > 1:  # how wide each of them is, only a call can tell
        widths = []
        for output in function.outputs:
            one = replace(choice, outputs=(output,))
            alone = build_function(model, one, n_columns=function.n_features)
            widths.append(session_of(alone, sample)(sample[:1]).shape[1])
    if not sum(widths):
        raise ModelError(f"output {', '.join(map(printable, function.outputs))} is empty")
    stored = stored_names(model.proto, OUTPUT_KEYS)
    names = []
    for output, labels, width in zip(function.outputs, function.labels, widths, strict=True):
        found = labels or (stored if len(widths) == 1 else None)
        fits = found is not None and len(found) == width == len(set(found))
        names.append(list(found) if found and fits else _numbered(output, width))
    if len({name for group in names for name in group}) < sum(widths):
        return [_numbered(output, n) for output, n in zip(function.outputs, widths, strict=True)]
    return names


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}[{k}]" for k in range(count)]


def _columns(
    choice: Choice,
    outputs: tuple[str, ...],
    names: list[list[str]],
    nodes: tuple[ResponseNode, ...],
    model: LoadedModel,
) -> list[int]:
    """The columns that were asked for, in that order: all of a tensor, or single nodes.

    A node is called by the name that the user gave it, by that of the model, or by its place.
    """
    given = [node.name for node in nodes]
    flat = [name for group in names for name in group]
    widths = [(output, len(group)) for output, group in zip(outputs, names, strict=True)]
    numbered = [f"{output}[{k}]" for output, width in widths for k in range(width)]
    called = [*given, *flat, *numbered]
    starts = dict(zip(outputs, np.cumsum([0, *map(len, names)]).tolist(), strict=False))
    wanted: list[int] = []
    for name in choice.picks:
        if name in outputs:
            start = starts[name]
            wanted += range(start, start + len(names[outputs.index(name)]))
        elif name in called:
            wanted.append(called.index(name) % len(nodes))
        else:
            known = [
                *dict.fromkeys([*given, *flat]),
                *choice.outputs,
                *choice.others,
                *sorted(tensor_names(model.proto.graph)),
            ]
            raise OptionError(
                f"{printable(model.path)}: no output, inner tensor or response node is called"
                f" '{printable(name)}'{nearest(name, known)}"
            )
    return list(dict.fromkeys(wanted))
