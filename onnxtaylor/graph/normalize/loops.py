"""Replaces a Loop or Scan that runs a known number of times by that many copies of its body.

A Loop's number of turns follows from values that are the same for all events, see ``trips``; a
Scan's is the length of the axis along which it reads. What the copies have in common is written
once: nodes that read neither a state that changes nor the number of the turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.graph.normalize.branch import rename_in_node
from onnxtaylor.graph.normalize.trips import count_trips
from onnxtaylor.graph.normalize.writer import Writer, axes, replace_nodes
from onnxtaylor.graph.prune import needed_nodes, read_names

__all__ = ["LONGEST", "NODES", "settle_loops", "unroll_loops"]

LONGEST = 2000  # turns
NODES = 2**14  # of all copies together
NESTED = 8  # loops inside loops
AXES_ARE_INPUTS = 13  # the opset from which on Unsqueeze takes its axes as an input
COUNTED_SPLIT = 18  # the opset from which on Split takes the number of its outputs

Values = Mapping[str, npt.NDArray[Any]]
Shapes = Mapping[str, Sequence[int]]
Known = Callable[[onnx.ModelProto, set[str]], tuple[Values, Shapes]]


def settle_loops(proto: onnx.ModelProto, known: Known) -> onnx.ModelProto:
    """Ensures: at the top level no Loop or Scan is left whose number of turns is known and small.

    Parameters
    ----------
    proto
        The model.
    known
        Gives, of a graph, the values of those tensors among the names it is passed that are the
        same for all data, and the shapes of those that it can compute, with sizes below 0 that
        depend on the number of events. Called only if the graph has loops.

    Returns
    -------
    onnx.ModelProto
        The model with copies of the bodies of its loops; the proto itself where all loops stay.
    """
    for _ in range(NESTED):
        names = {
            name
            for node in proto.graph.node
            if _is_loop(node) or _is_scan(node)
            for name in read_names(node)
        }
        if not names:
            break
        values, shapes = known(proto, names)
        after = unroll_loops(proto, values, shapes)
        if after is proto:
            break
        proto = after
    return proto


def unroll_loops(
    proto: onnx.ModelProto, values: Values | None = None, shapes: Shapes | None = None
) -> onnx.ModelProto:
    """Writes out loops whose number of turns follows from constants, or from the given values.

    Parameters
    ----------
    proto
        The model.
    values
        Values of further tensors that are the same for all data.
    shapes
        Shapes of tensors, as in ``writer.replace_nodes``.

    Returns
    -------
    onnx.ModelProto
        The model with copies of the bodies; the proto itself where all loops stay.
    """
    imports = {entry.domain: int(entry.version) for entry in proto.opset_import}
    version = max((imports.get(domain, 0) for domain in ("", "ai.onnx")), default=0)
    known = values or {}

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        def value(name: str) -> npt.NDArray[Any] | None:
            stored = w.value(name)
            return known.get(name) if stored is None else stored

        if _is_loop(node):
            trips = count_trips(node, value, imports, LONGEST)
            return trips is not None and _write_loop(w, node, trips, version)
        return _is_scan(node) and version >= COUNTED_SPLIT and _write_scan(w, node)

    for _ in range(NESTED):
        after = replace_nodes(proto, rewrite, shapes)
        if after is proto or values is not None:
            return after
        proto = after
    return proto


def _is_loop(node: onnx.NodeProto) -> bool:
    return node.op_type == "Loop" and node.domain in ("", "ai.onnx")


def _is_scan(node: onnx.NodeProto) -> bool:
    return node.op_type == "Scan" and node.domain in ("", "ai.onnx")


def _write_loop(w: Writer, node: onnx.NodeProto, trips: int, version: int) -> bool:
    """Writes the copies of a Loop's body; False if the loop stays."""
    body = node.attribute[0].g
    states = [str(name) for name in node.input[2:]]
    scans = list(node.output[len(states) :])
    if any(scans) and (version < AXES_ARE_INPUTS or not trips):
        return False
    copies = _Copies.of(w, node, body, trips, _Layout(2, len(states), 1))
    if copies is None:
        return False
    yes = w.constant(np.array(True))
    collected: list[list[str]] = [[] for _ in scans]
    for number in range(trips):
        results = copies.write([w.constant(np.int64(number)), yes, *states])
        states = results[: len(states)]
        for parts, name in zip(collected, results[len(states) :], strict=False):
            parts.append(w.op("Unsqueeze", name, axes(w, 0)))
    _write_results(w, node.output, states)
    for output, parts in zip(scans, collected, strict=True):
        if output:
            w.write("Concat", parts, output, axis=0)
    return True


def _write_scan(w: Writer, node: onnx.NodeProto) -> bool:
    """Writes the copies of a Scan's body; False if the Scan stays.

    Turn k reads element k of each scanned input, counted from the end where its direction is 1; the
    scanned outputs are put together likewise.
    """
    a = {x.name: helper.get_attribute_value(x) for x in node.attribute}
    body, read = a["body"], int(a["num_scan_inputs"])
    first = len(node.input) - read
    states, scanned = list(node.input[:first]), list(node.input[first:])
    scans = list(node.output[first:])
    pieces = []
    for name, axis, backwards in zip(
        scanned, _numbers(a, "scan_input_axes", read), _numbers(a, "scan_input_directions", read),
        strict=True,
    ):  # fmt: skip
        shape = w.shape(name)
        axis += len(shape) if shape is not None and axis < 0 else 0
        if shape is None or not 0 <= axis < len(shape) or not 0 < shape[axis] <= LONGEST:
            return False
        pieces.append(_pieces(w, name, axis, int(shape[axis]))[:: -1 if backwards else 1])
    trips = len(pieces[0])
    copies = _Copies.of(w, node, body, trips, _Layout(0, first, 0))
    if copies is None or any(len(parts) != trips for parts in pieces):
        return False
    collected: list[list[str]] = [[] for _ in scans]
    for elements in zip(*pieces, strict=True):
        results = copies.write([*states, *elements])
        states = results[:first]
        for parts, name in zip(collected, results[first:], strict=False):
            parts.append(name)
    _write_results(w, node.output, states)
    for output, parts, axis, backwards in zip(
        scans, collected, _numbers(a, "scan_output_axes", len(scans)),
        _numbers(a, "scan_output_directions", len(scans)), strict=True,
    ):  # fmt: skip
        if output:
            wide = [w.op("Unsqueeze", part, axes(w, axis)) for part in parts]
            w.write("Concat", wide[:: -1 if backwards else 1], output, axis=axis)
    return True


def _numbers(a: Mapping[str, Any], name: str, count: int) -> list[int]:
    """Returns an attribute with one number for each tensor, 0 where it is left out."""
    return [int(k) for k in a.get(name) or [0] * count]


def _pieces(w: Writer, name: str, axis: int, count: int) -> list[str]:
    """Cuts a tensor into its elements along an axis."""
    parts = [name]
    if count > 1:
        parts = w.ops("Split", count, name, axis=axis, num_outputs=count)
    return [w.op("Squeeze", part, axes(w, axis)) for part in parts]


def _write_results(w: Writer, outputs: Sequence[str], states: Sequence[str]) -> None:
    for output, name in zip(outputs, states, strict=False):
        if output:
            w.write("Identity", [name], output)


class _Layout(NamedTuple):
    """Number of a body's inputs before its states, of states, and of outputs before them."""

    inputs: int
    states: int
    outputs: int


class _Copies:
    """Copies of a body: each with tensors of its own, except those that all have in common."""

    def __init__(self, w: Writer, stem: str, body: onnx.GraphProto, layout: _Layout) -> None:
        self._w, self._stem = w, stem
        self._inputs = [i.name for i in body.input]
        self._outputs = [o.name for o in body.output][layout.outputs :]
        places, _ = needed_nodes(body, self._outputs)
        self._nodes = [body.node[place] for place in sorted(places)]
        self._fixed = {t.name: w.constant(numpy_helper.to_array(t)) for t in body.initializer}
        self._changing = set(self._inputs) - self._passed_on(layout)
        self._shared: dict[str, str] = {}
        self._number = 0

    @classmethod
    def of(
        cls, w: Writer, node: onnx.NodeProto, body: onnx.GraphProto, trips: int, layout: _Layout
    ) -> _Copies | None:
        """Returns the copies of a body; None if they are too large."""
        if body.sparse_initializer or trips > LONGEST:
            return None
        copies = cls(w, next(name for name in node.output if name), body, layout)
        size = sum(1 for inner in copies._nodes for _ in _with_inner(inner))
        return copies if trips * size <= NODES else None

    def write(self, given: Sequence[str]) -> list[str]:
        """Writes a copy that reads the given tensors as its inputs; returns its outputs."""
        w, changing = self._w, set(self._changing)
        names = self._fixed | dict(zip(self._inputs, given, strict=True))
        for inner in self._nodes:
            outputs = [name for name in inner.output if name]
            if changing.intersection(read_names(inner)):
                changing.update(outputs)
            elif outputs[0] in self._shared:
                names |= {name: self._shared[name] for name in outputs}
                continue
            own = {name: w.unused(f"{self._stem}/{self._number}/{name}") for name in outputs}
            names |= own
            if not changing.intersection(outputs):
                self._shared |= own
            w.nodes.append(rename_in_node(inner, names))
        self._number += 1
        return [names.get(name, name) for name in self._outputs]

    def _passed_on(self, layout: _Layout) -> set[str]:
        """States that the body returns as it gets them: they are the same in all copies."""
        makers = {name: inner for inner in self._nodes for name in inner.output}
        states = self._inputs[layout.inputs : layout.inputs + layout.states]
        same = set()
        for before, after in zip(states, self._outputs, strict=False):
            while after in makers and makers[after].op_type == "Identity":
                after = makers[after].input[0]
            if after == before:
                same.add(before)
        return same


def _with_inner(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """Yields a node and the nodes of its subgraphs."""
    yield node
    for attribute in node.attribute:
        for graph in [attribute.g] if attribute.HasField("g") else list(attribute.graphs):
            for inner in graph.node:
                yield from _with_inner(inner)
