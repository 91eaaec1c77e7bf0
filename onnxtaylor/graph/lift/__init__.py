"""Gives a graph of one event a batch axis: each tensor that depends on the event gets an axis N.

An exporter that knows no batch writes the inputs of one event, such as a jet's features [F] and
those of its tracks [n_tracks, F], and the response [C]. The lifted graph has the inputs [N, F] and
[N, n_tracks, F] and the response [N, C], and each row is what the graph makes of that event alone.
Tensors that are the same for all events, weights above all, stay as they are.

``lifter``      what a rule may ask and write: shapes, values, broadcast and expanded tensors
``pointwise``   element by element, with broadcasting
``axes``        operators along axes: reductions, softmax, slices, shapes
``products``    matrix products and sums over indices
``gathers``     elements picked or placed by indices
``layers``      operators that have a batch axis of their own: it is merged with the events
``timed``       operators on signals and along times; the values of an event in their order

A rule is one line of the table of one of these files. No proof shows that the lifted graph is the
same function: whoever uses it compares it with the original, event by event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.errors import UNKNOWN_FORM, ModelError, join_names, printable
from onnxtaylor.graph.lift import axes, gathers, layers, pointwise, products, timed
from onnxtaylor.graph.lift.lifter import Lifter, Rule
from onnxtaylor.graph.normalize import (
    blend_branches,
    modernize,
    settle_branches,
    settle_loops,
    settle_sequences,
)
from onnxtaylor.graph.normalize.classical import expand_classical
from onnxtaylor.graph.normalize.composite import expand_composite
from onnxtaylor.graph.normalize.expand import expand
from onnxtaylor.graph.normalize.writer import Writer
from onnxtaylor.graph.prune import prune, read_names

__all__ = ["FOLDED", "LIFTING", "Observe", "lift"]

Array = npt.NDArray[Any]
Observe = Callable[[onnx.ModelProto], Mapping[str, Array]]

LIFTING: dict[str, Rule] = {
    **pointwise.RULES,
    **axes.RULES,
    **products.RULES,
    **gathers.RULES,
    **layers.RULES,
    **timed.RULES,
}
ROUNDS = 8  # a branch may hold a loop, a condition may be the length of a sequence
# they read no more than a shape, and become constants
FOLDED = ("EyeLike", "Shape", "Size")


def lift(proto: onnx.ModelProto, inputs: Collection[str], observe: Observe) -> onnx.ModelProto:
    """Returns the graph for any number of events: f(x₁, …, x_N) = (f(x₁), …, f(x_N)).

    All sizes are those of the observed event: a set of another size needs another lifted graph.

    Parameters
    ----------
    proto
        The model of one event, after ``read_model``; it is not changed.
    inputs
        Names of its inputs that belong to the event: all that have no stored value.
    observe
        Runs a graph with these inputs on one event, and returns all of its tensors by name, the
        inputs included; sequences may be left out. It is called for changed graphs, too.

    Returns
    -------
    onnx.ModelProto
        The model with inputs [N, *shape] and outputs [N, *shape], of the same names and formats;
        its operator set is ``normalize.OPSET`` or newer.

    Raises
    ------
    ModelError
        An operator has no rule, or a form that its rule does not know, or takes from the event what
        must be the same for all events, such as a shape; the message names the node.
    """
    plain = _written_out(proto, inputs, observe)
    tensors = observe(plain)
    for info in plain.graph.output:
        if info.name not in tensors:
            raise ModelError(f"output '{printable(info.name)}' is no tensor: choose another")
    lifted = _dependent(plain.graph, inputs)
    shapes = {t.name: tuple(t.dims) for t in plain.graph.initializer}
    w = Writer(plain, shapes | {name: value.shape for name, value in tensors.items()})
    context = Lifter(w, tensors, lifted, plain.graph.input[0].name)
    for node in plain.graph.node:
        _lift_node(context, node)
    return _assemble(plain, w, tensors)


def _lift_node(context: Lifter, node: onnx.NodeProto) -> None:
    """Writes what takes the place of one node."""
    w = context.w
    reads_events = any(map(context.is_lifted, _read(node)))
    if reads_events:
        if not _has_rule(node):
            raise context.refusal(node, "no rule is known for this operator")
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        try:
            LIFTING[node.op_type](context, node, given)
        except UNKNOWN_FORM as error:
            message = f"{type(error).__name__} {printable(error)}".strip()
            raise context.refusal(node, f"its form is not known ({message})") from error
        return
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    shared = {}  # outputs of the graph that are the same for all events
    for place, name in enumerate(node.output):
        if context.is_lifted(name):
            shared[name] = copy.output[place] = w.unused(f"{name}/of_one")
    if _is_standard(node) and node.op_type in FOLDED and context.is_lifted(node.input[0]):
        value = np.ascontiguousarray(context.tensors[node.output[0]])
        value = value.reshape(context.shape(node.output[0]))  # a scalar became a vector
        w.constants.append(numpy_helper.from_array(value, copy.output[0]))
    else:
        w.nodes.append(copy)
    for name, alone in shared.items():
        w.write("Expand", [alone, context.for_events(context.shape(name))], name)


def _is_standard(node: onnx.NodeProto) -> bool:
    return node.domain in ("", "ai.onnx")


def _has_rule(node: onnx.NodeProto) -> bool:
    return _is_standard(node) and node.op_type in LIFTING


def _read(node: onnx.NodeProto) -> list[str]:
    """Tensors whose values a node reads; of others it reads the shape or format."""
    if _is_standard(node) and node.op_type in FOLDED:
        return []
    if _is_standard(node) and node.op_type == "CastLike":
        return [node.input[0]]
    return list(read_names(node))


def _dependent(graph: onnx.GraphProto, inputs: Collection[str]) -> set[str]:
    """Tensors whose values depend on the event, and all outputs: they get the axis N."""
    lifted, outputs = set(inputs), {info.name for info in graph.output}
    for node in graph.node:
        names = {name for name in node.output if name}
        lifted |= names if lifted.intersection(_read(node)) else names & outputs
    return lifted


def _written_out(
    proto: onnx.ModelProto, inputs: Collection[str], observe: Observe
) -> onnx.ModelProto:
    """The graph in operators that have rules, as far as possible without branches and sequences."""

    def known(proto: onnx.ModelProto, conditions: set[str]) -> dict[str, bool]:
        tensors, lifted = observe(proto), _dependent(proto.graph, inputs)
        return {k: bool(tensors[k]) for k in conditions if k not in lifted and k in tensors}

    def observed(
        proto: onnx.ModelProto, names: Collection[str] = ()
    ) -> tuple[dict[str, Array], dict[str, tuple[int, ...]]]:
        tensors, lifted = observe(proto), _dependent(proto.graph, inputs)
        fixed = {k: v for k, v in tensors.items() if k not in lifted}
        stored = {t.name: tuple(t.dims) for t in proto.graph.initializer}
        return fixed, {k: v.shape for k, v in tensors.items()} | stored

    def shapes(proto: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
        return {name: value.shape for name, value in observe(proto).items()}

    whole = onnx.ModelProto()
    whole.CopyFrom(proto)
    _require_inputs(whole.graph, inputs)
    _prune(whole.graph)
    plain = modernize(whole)
    for _ in range(ROUNDS):
        before = plain
        plain = settle_branches(settle_loops(plain, observed), known)
        plain = settle_sequences(plain, observed)
        if plain is before:
            plain = blend_branches(plain, shapes)
        if plain is before:
            break
    plain = expand_classical(plain)
    _prune(plain.graph)  # sequences that nothing reads any more
    if _without_rule(plain.graph, inputs):
        # known shapes, by which more operators can be written out than by inferred ones
        plain = expand_composite(plain, shapes(plain))
        if missing := _without_rule(plain.graph, inputs):
            others = {node.op_type for node in plain.graph.node} - missing
            plain = expand(plain, {*others, *LIFTING, *FOLDED})
    return plain


def _without_rule(graph: onnx.GraphProto, inputs: Collection[str]) -> set[str]:
    """Operators that depend on the event and have no rule."""
    lifted = _dependent(graph, inputs)
    reading = (node for node in graph.node if lifted.intersection(_read(node)))
    return {node.op_type for node in reading if not _has_rule(node)}


def _require_inputs(graph: onnx.GraphProto, inputs: Collection[str]) -> None:
    """Removes stored values from the list of inputs; raises ModelError for another one."""
    stored = {t.name for t in graph.initializer}
    own = [info for info in graph.input if info.name not in stored]
    del graph.input[:]
    graph.input.extend(own)
    missing = sorted({info.name for info in own} - set(inputs))
    if missing:
        raise ModelError(
            f"inputs without a value: {join_names(missing)}: give them with"
            f' fix={{"{printable(missing[0])}": VALUE, …}}'
        )
    constant = [info.name for info in graph.output if info.name in stored]
    if constant:
        raise ModelError(
            f"output {join_names(constant)} is a stored value: choose another with output=…"
        )


def _assemble(plain: onnx.ModelProto, w: Writer, tensors: Mapping[str, Array]) -> onnx.ModelProto:
    """The model with the new nodes, its inputs and outputs declared with a free first axis."""
    copy = onnx.ModelProto()
    copy.CopyFrom(plain)
    graph = copy.graph
    del graph.node[:], graph.value_info[:]
    graph.node.extend(w.nodes)
    graph.initializer.extend(w.constants)
    for ports in (graph.input, graph.output):
        declared = [
            helper.make_tensor_value_info(
                info.name,
                info.type.tensor_type.elem_type
                or helper.np_dtype_to_tensor_dtype(tensors[info.name].dtype),
                ["N", *tensors[info.name].shape],
            )
            for info in ports
        ]
        del ports[:]
        ports.extend(declared)
    _prune(graph)
    return copy


def _prune(graph: onnx.GraphProto) -> None:
    """Drops, in place, what no output needs, but keeps all inputs."""
    inputs = list(graph.input)
    prune(graph, [info.name for info in graph.output])
    del graph.input[:]
    graph.input.extend(inputs)
