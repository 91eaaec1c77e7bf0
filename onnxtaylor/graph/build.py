"""Rewrites a graph to one function f: features (N, n) → responses (N, C), for N events.

Engines see only this function, whatever the file looks like: inputs are cut out of one row of
features, with columns of context behind them, and brought to their shapes, held inputs become
constants of the graph, the chosen outputs are flattened and joined, and the link is applied to
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx
from onnx import TensorProto, helper

from onnxtaylor.errors import ModelError, OptionError, printable
from onnxtaylor.graph.builder import Builder
from onnxtaylor.graph.choose import Choice
from onnxtaylor.graph.context import feed_context, into_shape
from onnxtaylor.graph.dependence import find_dependence
from onnxtaylor.graph.function import DIGITS, GraphFunction
from onnxtaylor.graph.held import hold
from onnxtaylor.graph.layout import Layout, batch_of, lay_out
from onnxtaylor.graph.link import apply_link, cancel_link, check_link
from onnxtaylor.graph.load import LoadedModel
from onnxtaylor.graph.normalize.unrounded import unrounded
from onnxtaylor.graph.old_opsets import to_opset_7
from onnxtaylor.graph.ports import FLOATS, output_ports, zipmap_labels
from onnxtaylor.graph.prune import prune
from onnxtaylor.graph.rename import separate_node_names
from onnxtaylor.graph.transforms import transform_row

__all__ = ["build_function", "with_own_inputs"]

OLDEST_OPSET = 8  # the first one with Expand; onnxruntime runs operators from set 7 on


def build_function(
    model: LoadedModel,
    choice: Choice,
    *,
    n_columns: int | None = None,
    link: str = "identity",
) -> GraphFunction:
    """Rewrites a model's graph for a choice of inputs and outputs; its values stay the same.

    Parameters
    ----------
    model
        The model that was read.
    choice
        Its inputs and outputs, from ``choose``.
    n_columns
        Number of the data's columns; needed where an input has a free size.
    link
        Function of the responses: ``identity``, ``logit`` or ``log``.

    Returns
    -------
    GraphFunction
        The function (N, n) → (N, C).

    Raises
    ------
    ModelError
        The inputs cannot be laid out in a row of features, or the model is too old to convert.
    OptionError
        The link is unknown, or a held value does not fit its input.
    """
    check_link(link)
    ports = (*choice.features, *choice.context)
    unfed = choice.data.unfed
    known = None if n_columns is None else n_columns - unfed
    layout = lay_out(ports, printable(model.path), known)
    columns = layout.n_features + unfed
    proto = _modern(model)
    prune(proto.graph, choice.outputs)
    separate_node_names(proto)
    builder = Builder(proto)
    # after inputs of whole numbers most models compute in float32
    formats = [FLOATS.get(p.type, "float32") for p in choice.features]
    # whole numbers are fed as doubles, which hold them exactly
    feed = TensorProto.DOUBLE if choice.is_double else TensorProto.FLOAT
    features, responses = builder.unused("features"), builder.unused("responses")
    varied = _feed_inputs(builder, choice, layout, feed, features)
    _hold_inputs(builder, model, choice, layout, features)
    del proto.graph.input[:]
    proto.graph.input.append(
        helper.make_tensor_value_info(features, feed, [layout.batch or "N", columns])
    )
    axes = _batch_axes(model, choice)
    cancelled = [cancel_link(builder, name, link) for name in choice.outputs]
    if all(cancelled):
        joined = _join_outputs(
            builder, [name for name in cancelled if name], axes, layout.batch, feed
        )
    else:
        joined = _join_outputs(builder, choice.outputs, axes, layout.batch, feed)
        joined = apply_link(builder, joined, link, choice.is_double)
    _finish(builder, joined, responses, feed, layout.batch)
    proto = unrounded(proto)
    dependence = find_dependence(proto, varied)
    labels = [zipmap_labels(model.proto.graph, name) for name in choice.outputs]
    return GraphFunction(
        proto=proto,
        n_features=columns,
        precision=min((*formats, *dependence.formats), key=DIGITS.__getitem__),
        fixed_batch=layout.batch,
        outputs=choice.outputs,
        labels=tuple(None if names is None else tuple(names) for names in labels),
        link=link,
        dependence=dependence,
        n_context=columns - sum(map(prod, layout.sizes[: len(choice.features)])),
        varied=varied,
    )


def with_own_inputs(
    model: LoadedModel, choice: Choice, *, n_columns: int | None = None
) -> tuple[onnx.ModelProto, Layout]:
    """Returns the graph with its own inputs, apart from held ones, and their layout.

    It shows how many rows of each input the model takes. Parameters and errors are those of
    ``build_function``.
    """
    ports = (*choice.features, *choice.context)
    known = None if n_columns is None else n_columns - choice.data.unfed
    layout = lay_out(ports, printable(model.path), known)
    proto = _modern(model)
    prune(proto.graph, choice.outputs)
    builder = Builder(proto)
    _hold_inputs(builder, model, choice, layout, choice.features[0].name)
    builder.close()
    own = {port.name for port in ports}
    inputs = [info for info in proto.graph.input if info.name in own]
    del proto.graph.input[:], proto.graph.output[:]
    proto.graph.input.extend(inputs)
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in choice.outputs)
    return proto, layout


def _modern(model: LoadedModel) -> onnx.ModelProto:
    """Copy of the model's graph, converted to an opset that has all operators of the rewrite."""
    proto = onnx.ModelProto()
    version = model.opset.get("ai.onnx")
    if version is not None and version < OLDEST_OPSET:
        try:
            proto = onnx.version_converter.convert_version(to_opset_7(model.proto), OLDEST_OPSET)
        except Exception as error:  # the converter raises whatever its adapters do
            raise ModelError(
                f"operator set {version} is too old for onnxruntime and cannot be converted: export"
                f" the model again [{printable(error)}]"
            ).located(model.path) from None
    else:
        proto.CopyFrom(model.proto)
    # before IR version 4, initializers had to be inputs, too
    proto.ir_version = max(proto.ir_version, 4)
    # a file that uses only ai.onnx.ml need not import the default domain; where it uses that domain
    # without an import, onnxruntime takes the newest version, and no import is added here
    if version is None and all(n.domain not in ("", "ai.onnx") for n in proto.graph.node):
        proto.opset_import.append(helper.make_opsetid("", 12))
    return proto


def _hold_inputs(
    builder: Builder, model: LoadedModel, choice: Choice, layout: Layout, features: str
) -> None:
    # without a batch axis nothing is repeated for every event: there is one
    alone = any(port.batch_axis is None for port in (*choice.features, *choice.context))
    batch = None if alone else batch_of(choice.features[0])
    try:
        for port, value in choice.held:
            hold(builder, port, value, batch=batch, symbols=layout.symbols, features=features)
    except OptionError as error:
        raise error.located(model.path) from None


def _feed_inputs(
    builder: Builder, choice: Choice, layout: Layout, feed: int, fed: str
) -> str | None:
    """Cuts each input out of the fed row and gives it its shape and format.

    Returns the name of the tensor that holds the features alone; None where there is no context.
    """
    count, varied = len(choice.features), None
    needed = {info.name for info in builder.graph.input}
    start, features = 0, fed
    if choice.context or choice.data.unfed:
        own = np.arange(sum(map(prod, layout.sizes[:count])))
        varied = features = builder.unused("varied")
        builder.node("Gather", [fed, builder.constant(own)], output=varied, axis=1)
        start = len(own)
        for place, p in enumerate(choice.context, count):
            columns = np.arange(start, start + prod(layout.sizes[place]))
            start += len(columns)
            if p.name in needed:
                texts = choice.data.texts[columns[0] - len(own) : start - len(own)]
                feed_context(builder, p, columns, layout.target(place), row=fed, texts=texts)
        start = 0
    features = transform_row(builder, choice, layout, features, feed)
    for place, p in enumerate(choice.features):
        size = prod(layout.sizes[place])
        row = features
        if p.name not in needed:  # named by the user, though no chosen output needs it
            start += size
            continue
        if len(choice.features) > 1:
            places = builder.constant(np.arange(start, start + size))
            row = builder.node("Gather", [row, places], axis=1)
        start += size
        row = into_shape(builder, row, layout.target(place), p, feed)
        if p.type == feed:
            builder.node("Identity", [row], output=p.name)
        else:
            builder.node("Cast", [row], output=p.name, to=p.type)
    return varied


def _batch_axes(model: LoadedModel, choice: Choice) -> list[tuple[int, int]]:
    """Returns (axis of the batch, number of axes) of each chosen output; 0 where that is first."""
    ports = {port.name: port for port in output_ports(model.proto.graph)}
    known = [ports.get(name) for name in choice.outputs]
    return [(p.batch_axis or 0, len(p.shape or ())) if p else (0, 0) for p in known]


def _join_outputs(
    builder: Builder,
    outputs: Sequence[str],
    axes: Sequence[tuple[int, int]],
    batch: int,
    feed: int,
) -> str:
    """Joins all outputs to one tensor (N, C) in the format of the input; returns its name.

    ``axes`` are those of the batch and the number of axes, see ``_batch_axes``.
    """
    flat = []
    for name, (axis, rank) in zip(outputs, axes, strict=True):
        if axis and batch != 1:
            order = [axis, *(k for k in range(rank) if k != axis)]
            name = builder.node("Transpose", [name], perm=order, last=True)
        if batch == 1:
            # with one event at a time, the whole output belongs to it, whatever its shape
            shape = builder.constant(np.array([1, -1], dtype=np.int64))
            row = builder.node("Reshape", [name, shape], last=True)
        else:
            row = builder.node("Flatten", [name], axis=1, last=True)
        flat.append(builder.node("Cast", [row], to=feed, last=True))
    return builder.node("Concat", flat, axis=1, last=True) if len(flat) > 1 else flat[0]


def _finish(builder: Builder, joined: str, responses: str, kind: int, batch: int) -> None:
    """Declares the output and puts all nodes in order."""
    builder.node("Identity", [joined], output=responses, last=True)
    builder.close()
    del builder.graph.output[:]
    builder.graph.output.append(
        helper.make_tensor_value_info(responses, kind, [batch or "N", None])
    )
