"""The graph rewritten to one function: features (events, n) in, responses (events, C) out.

Every engine then works on f: Rⁿ → R^C, whatever the file looked like: several inputs are cut out
of one row of features and brought to their shapes, held inputs become constants of the graph, the
chosen outputs are flattened and joined, and the link is applied to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.errors import ModelError, OptionError, printable
from onnxtaylor.graph.choose import Choice, feature_count
from onnxtaylor.graph.load import LoadedModel
from onnxtaylor.graph.ports import FLOATS, Port, zipmap_labels
from onnxtaylor.graph.prune import prune

__all__ = ["LINKS", "RESPONSES", "GraphFunction", "build_function", "select_responses"]

FEATURES = "onnxtaylor/features"
RESPONSES = "onnxtaylor/responses"
LINKS = ("identity", "logit", "log")

# The digits of a number, leading one included: what a step of finite differences is exact in.
DIGITS = {"float16": 11, "float32": 24, "float64": 53}


@dataclass(frozen=True)
class GraphFunction:
    """f as an ONNX model with the input ``FEATURES`` (N, n) and the output ``RESPONSES`` (N, C).

    ``precision`` is the format of the features in the original graph, ``fixed_batch`` the number
    of events that the graph insists on (0: any), ``labels`` the class names per output tensor.
    """

    proto: onnx.ModelProto
    n_features: int
    precision: str
    fixed_batch: int
    outputs: tuple[str, ...]
    labels: tuple[tuple[str, ...] | None, ...]
    link: str

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """The format in which the graph is fed: float64 or float32 (half precision is cast)."""
        return np.dtype(np.float64 if self.precision == "float64" else np.float32)

    @property
    def digits(self) -> int:
        """Binary digits of the features in the original graph."""
        return DIGITS[self.precision]

    @property
    def width(self) -> int:
        """The longest side of a weight, or n: a measure of what an event occupies on the way."""
        sides = [max(t.dims) for t in self.proto.graph.initializer if len(t.dims) >= 2]
        return max([self.n_features, *(s for s in sides if s < 2**16)])


def build_function(
    model: LoadedModel, choice: Choice, *, n_columns: int | None = None, link: str = "identity"
) -> GraphFunction:
    """Rewrites the graph for a choice of inputs and outputs.

    ``n_columns`` is the number of the data's columns, needed where an input's size is free.
    Raises ModelError and OptionError. Ensures: the values are the original graph's.
    """
    if link not in LINKS:
        raise OptionError(f"link '{printable(link)}' is not offered: {', '.join(LINKS)}")
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    graph = proto.graph
    shapes = _feature_shapes(model, choice, n_columns)
    n = sum(prod(s[1:]) for s in shapes)
    fixed_batch = next((s[0] for s in shapes if s[0] > 0), 0)
    prune(graph, choice.outputs)
    _modernize_header(proto)
    builder = _Builder(proto)
    precision = max(
        (FLOATS[p.type] for p in choice.features), key=lambda name: DIGITS[name], default="float32"
    )
    feed = TensorProto.DOUBLE if precision == "float64" else TensorProto.FLOAT
    _feed_features(builder, choice, shapes, feed)
    _hold_inputs(builder, choice, shapes)
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(FEATURES, feed, [fixed_batch or "N", n]))
    flat = [
        builder.node("Cast", [builder.node("Flatten", [name], axis=1, last=True)], to=feed, last=True)
        for name in choice.outputs
    ]
    joined = builder.node("Concat", flat, axis=1, last=True) if len(flat) > 1 else flat[0]
    function = GraphFunction(
        proto=proto,
        n_features=n,
        precision=precision,
        fixed_batch=fixed_batch,
        outputs=choice.outputs,
        labels=tuple(
            None if (found := zipmap_labels(model.proto.graph, name)) is None else tuple(found)
            for name in choice.outputs
        ),
        link=link,
    )
    _finish(builder, joined, function)
    return function


def select_responses(function: GraphFunction, columns: Sequence[int]) -> GraphFunction:
    """The same function with some of its responses only."""
    proto = onnx.ModelProto()
    proto.CopyFrom(function.proto)
    builder = _Builder(proto)
    inner = f"{RESPONSES}/all"
    for node in proto.graph.node:
        for place, name in enumerate(node.output):
            if name == RESPONSES:
                node.output[place] = inner
    kept = builder.node(
        "Gather", [inner, builder.constant(np.array(columns, dtype=np.int64))], axis=1, last=True
    )
    builder.node("Identity", [kept], output=RESPONSES, last=True)
    return replace(function, proto=proto)


class _Builder:
    """Adds nodes and constants under names that no graph has."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.graph = proto.graph
        self.first: list[onnx.NodeProto] = []
        taken = {name for node in self.graph.node for name in node.output}
        self.stem = next(
            stem
            for stem in (f"onnxtaylor/{k}" if k else "onnxtaylor" for k in range(len(taken) + 2))
            if not any(name.startswith(stem + "/_") for name in taken)
        )
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"{self.stem}/_{self.count}"

    def constant(self, value: npt.NDArray[np.generic]) -> str:
        name = self.name()
        self.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def node(
        self,
        kind: str,
        inputs: Sequence[str],
        *,
        output: str | None = None,
        last: bool = False,
        **attributes: int,
    ) -> str:
        output = output or self.name()
        node = helper.make_node(kind, list(inputs), [output], name=output, **attributes)
        if last:
            self.graph.node.append(node)
        else:
            self.first.append(node)
        return output

    def close(self) -> None:
        """Puts the nodes that feed the graph before its own."""
        own = [onnx.NodeProto.FromString(n.SerializeToString()) for n in self.graph.node]
        del self.graph.node[:]
        self.graph.node.extend([*self.first, *own])
        self.first = []


def _feature_shapes(
    model: LoadedModel, choice: Choice, n_columns: int | None
) -> list[tuple[int, ...]]:
    """The shape of each feature input; the batch is its size, or 0 where it is free."""
    known = sum(feature_count(p) or 0 for p in choice.features)
    shapes = []
    for p in choice.features:
        dims = p.shape if p.shape is not None else (None, None)
        free = [k for k, d in enumerate(dims) if k and not isinstance(d, int)]
        sizes = [d if isinstance(d, int) else 0 for d in dims]
        if free:
            rest = prod(s for k, s in enumerate(sizes) if k and k not in free)
            if n_columns is None:
                raise ModelError(
                    f"{printable(model.path)}: the size of input '{printable(p.name)}'"
                    f" {p.shape_text} is free: only data can tell it"
                )
            columns = n_columns - known
            if len(free) > 1 or columns < 1 or columns % rest:
                raise ModelError(
                    f"{printable(model.path)}: input '{printable(p.name)}' {p.shape_text} cannot"
                    f" be filled from {columns} columns"
                )
            sizes[free[0]] = columns // rest
            known += columns
        shapes.append(tuple(sizes))
    return shapes


def _feed_features(
    builder: _Builder, choice: Choice, shapes: list[tuple[int, ...]], feed: int
) -> None:
    start = 0
    for p, shape in zip(choice.features, shapes, strict=True):
        size = prod(shape[1:])
        row = FEATURES
        if len(shapes) > 1:
            columns = builder.constant(np.arange(start, start + size))
            row = builder.node("Gather", [row, columns], axis=1)
        start += size
        if len(shape) != 2:
            target = np.array([shape[0] or -1, *shape[1:]], dtype=np.int64)
            row = builder.node("Reshape", [row, builder.constant(target)])
        kind = "Cast" if p.type != feed else "Identity"
        builder.node(kind, [row], output=p.name, **({"to": p.type} if kind == "Cast" else {}))


def _hold_inputs(builder: _Builder, choice: Choice, shapes: list[tuple[int, ...]]) -> None:
    """Held inputs become constants, repeated along the batch where they have one.

    The batch is the axis that shares the features' symbol, else the first one that is free; of a
    graph with a fixed batch nothing needs to be repeated.
    """
    batch_symbol = (choice.features[0].shape or (None,))[0]
    for p, value in choice.fixed:
        dtype = helper.tensor_dtype_to_np_dtype(p.type)
        dims = p.shape or ()
        axis = next((k for k, d in enumerate(dims) if d == batch_symbol and isinstance(d, str)), -1)
        if axis < 0:
            axis = next((k for k, d in enumerate(dims) if not isinstance(d, int)), -1)
        sizes = [d if isinstance(d, int) else 1 for d in dims]
        whole = np.broadcast_to(_shaped(value, sizes), sizes).astype(dtype)
        if axis < 0:
            held = numpy_helper.from_array(np.ascontiguousarray(whole), p.name)
            builder.graph.initializer.append(held)
            continue
        shape = builder.node("Shape", [FEATURES])
        events = builder.node("Gather", [shape, builder.constant(np.array([0]))], axis=0)
        pieces = [np.array(sizes[:axis]), np.array(sizes[axis + 1 :])]
        named = [builder.constant(v.astype(np.int64)) if v.size else "" for v in pieces]
        parts = [name for name in (named[0], events, named[1]) if name]
        target = builder.node("Concat", parts, axis=0) if len(parts) > 1 else events
        source = builder.constant(np.ascontiguousarray(whole))
        builder.node("Expand", [source, target], output=p.name)


def _shaped(value: npt.NDArray[np.float64], sizes: list[int]) -> npt.NDArray[np.float64]:
    if value.size == 1:
        return value.reshape(())
    return value.reshape(sizes if value.size == prod(sizes) else sizes[1:])


def _finish(builder: _Builder, joined: str, function: GraphFunction) -> None:
    """Applies the link, names the output, and forgets shapes that the rewrite made stale."""
    dtype = function.dtype
    if function.link == "identity":
        linked = joined
    else:
        linked = builder.node("Log", [joined], last=True)
        if function.link == "logit":
            one = builder.constant(np.ones(1, dtype=dtype))
            rest = builder.node("Sub", [one, joined], last=True)
            linked = builder.node(
                "Sub", [linked, builder.node("Log", [rest], last=True)], last=True
            )
    builder.node("Identity", [linked], output=RESPONSES, last=True)
    builder.close()
    graph = function.proto.graph
    del graph.output[:]
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    graph.output.append(
        helper.make_tensor_value_info(RESPONSES, kind, [function.fixed_batch or "N", None])
    )


def _modernize_header(proto: onnx.ModelProto) -> None:
    """Lets the graph have what the rewrite adds.

    Before IR version 4 initializers had to be inputs, too, and a file that uses only ai.onnx.ml
    need not import the default domain.
    """
    proto.ir_version = max(proto.ir_version, 4)
    if not any(entry.domain in ("", "ai.onnx") for entry in proto.opset_import):
        proto.opset_import.append(helper.make_opsetid("", 12))
