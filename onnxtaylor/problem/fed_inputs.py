"""Requests of the inputs of a model: what each takes of an event, which of them data can feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from onnx import TensorProto

from onnxtaylor import data
from onnxtaylor.data import EventSource
from onnxtaylor.data.rows import element_names
from onnxtaylor.graph import Choice, InputData, LoadedModel, Port, input_ports
from onnxtaylor.graph.layout import batch_of, lay_out, sizes_after_batch
from onnxtaylor.graph.ports import without_batch
from onnxtaylor.graph.sets import flagged_axes

__all__ = [
    "default_names",
    "input_data",
    "present_inputs",
    "present_without_data",
    "requests_of",
]


def present_inputs(
    model: LoadedModel, names: Sequence[str], *, no_batch: bool = False
) -> frozenset[str]:
    """Finds the inputs of a model that data with columns or arrays of these names can feed.

    ``no_batch``: its inputs hold one event.
    """
    ports = input_ports(model.proto.graph)
    if no_batch:
        ports = list(map(without_batch, ports))
    return data.find_present(names, [_requested(port) for port in ports])


def present_without_data(model: LoadedModel) -> frozenset[str]:
    """Returns the inputs that are taken to be fed where there are no data to tell.

    Whole numbers, truth values and texts; and all inputs of floating-point numbers if their first
    axes have one symbol, so that none of them is a constant that an exporter left open.
    """
    ports = [p for p in input_ports(model.proto.graph) if p.type and p.shape != ()]
    floats = [p for p in ports if p.is_float]
    batches = {batch_of(p) for p in floats}
    together = len(batches) == 1 and isinstance(next(iter(batches)), str)
    return frozenset(p.name for p in ports if together or not p.is_float)


def input_data(model: LoadedModel, source: EventSource, *, no_batch: bool = False) -> InputData:
    """Returns what a source says about the inputs of a model; its texts after a pass over it.

    ``no_batch``: its inputs hold one event.
    """
    context = tuple(getattr(source, "context_names", ()))
    sizes: Mapping[str, tuple[int, ...]] = getattr(source, "sizes", {})
    texts: Mapping[str, Sequence[str]] = getattr(source, "texts", {})
    names = [*(source.feature_names or ()), *context, *sizes]
    return InputData(
        present=present_inputs(model, names, no_batch=no_batch),
        sizes=sizes,
        texts=tuple(tuple(texts.get(name, ())) for name in context),
        lengths=getattr(source, "lengths", {}),
        fillings=getattr(source, "fillings", {}),
        columns=context,
    )


def requests_of(choice: Choice) -> tuple[data.InputRequest, ...]:
    """Returns what each input takes of an event; masks tell along which axes there are slots."""
    ports = {port.name: port for port in (*choice.features, *choice.context)}
    slots: dict[str, int] = {}
    flagged = ((mask, owner) for mask, owners in choice.masks.items() for owner in owners)
    for mask, owner in flagged:
        pairs = flagged_axes(ports[mask], ports[owner])
        if pairs is not None and len(pairs) == 1:
            slots[mask], slots[owner] = pairs[0]
    context = {port.name for port in choice.context}
    return tuple(
        replace(_requested(port), context=name in context, slot=slots.get(name))
        for name, port in ports.items()
    )


def _requested(port: Port) -> data.InputRequest:
    """Returns what an input takes of each event."""
    text = port.type == TensorProto.STRING
    return data.InputRequest(port.name, sizes_after_batch(port), text=text)


def default_names(choice: Choice, n: int) -> list[str]:
    """Returns names of n features that neither data nor model name.

    ``x0``, ``x1``, … of one input; ``jet[0]``, ``pf[2,17]``, … of several.
    """
    if len(choice.features) < 2:
        return [f"x{i}" for i in range(n)]
    layout = lay_out(choice.features, "", n)
    names = [
        name
        for request, sizes in zip(requests_of(choice), layout.sizes, strict=False)
        for name in element_names(request, sizes)
    ]
    return names if len(names) == n else [f"x{i}" for i in range(n)]
