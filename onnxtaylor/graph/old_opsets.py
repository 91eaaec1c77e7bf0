"""Converts operator sets 1 to 6 to operator set 7, the first one that broadcasts as NumPy does.

ONNX's version converter does so only where all sizes are known, so not with a free batch. The
changes need no sizes; only an operand that is placed along an ``axis`` needs ranks.

    operator         attribute of old      in operator set 7
    Add … Xor        broadcast, axis       trailing axes of size 1 on B
    PRelu            (slope per channel)   trailing axes of size 1 on the slope
    Reshape          shape                 an input
    others                                 attributes renamed, retyped or dropped

Source: the operators' changelog of the ONNX standard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.builder import Builder

__all__ = ["OPSET_7", "to_opset_7"]

OPSET_7 = 7

PLACED = {"Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"}
# attributes without meaning from set 7 on
DROPPED = {"consumed_inputs", "output_sequence", "broadcast"}

Attributes = dict[str, Any]


def to_opset_7(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Converts a model to operator set 7; returns newer models unchanged.

    Raises ModelError, naming the node, where operator set 7 has no equivalent.
    """
    imported = [e for e in proto.opset_import if e.domain in ("", "ai.onnx")]
    version = max((e.version for e in imported), default=OPSET_7)
    nested = any(a.HasField("g") for n in proto.graph.node for a in n.attribute)
    if version >= OPSET_7 or nested:
        return proto
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    for entry in copy.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = OPSET_7
    copy.ir_version = max(copy.ir_version, 4)  # initializers need not be inputs
    builder, waiting = Builder(copy), dict[str, int]()
    for node in copy.graph.node:
        if node.domain in ("", "ai.onnx"):
            axis = _convert(builder, node, version)
            if axis is not None:
                waiting[node.output[0]] = axis
    _place(builder, copy, waiting)
    return copy


def _convert(b: Builder, node: onnx.NodeProto, version: int) -> int | None:
    """Converts a node; returns the axis of A at which B begins, which needs ranks, else None."""
    old = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    new = {k: v for k, v in old.items() if k not in DROPPED}
    axis = None
    if node.op_type in PLACED:
        placed = new.pop("axis", None)
        axis = placed if old.get("broadcast") else None
    elif node.op_type == "PRelu":
        axis = 1
    elif node.op_type in ("BatchNormalization", "Dropout") and not new.pop("is_test", 0):
        raise _refused(node, "it is set to train (is_test is 0): export the model for inference")
    write = CONVERTERS.get(node.op_type)
    if write is not None and version < write[0]:
        new = write[1](b, node, new)
    if new != old:
        del node.attribute[:]
        node.attribute.extend(helper.make_attribute(k, v) for k, v in new.items())
    return axis


def _place(b: Builder, proto: onnx.ModelProto, waiting: dict[str, int]) -> None:
    """Appends axes of size 1 to operands that begin at an axis.

    A new operand with more axes may determine further ranks, so this is repeated.
    """
    while waiting:
        ranks, nodes, before = _ranks(proto), [], len(waiting)
        for node in proto.graph.node:
            left, right = (ranks.get(name) for name in (*node.input, "", "")[:2])
            if node.output[0] in waiting and left is not None and right is not None:
                axis = waiting.pop(node.output[0])
                missing = left - (axis + left if axis < 0 else axis) - right
                if right and missing > 0:
                    name = b.unused(f"{node.output[0]}/operand")
                    axes = list(range(right, right + missing))
                    nodes.append(helper.make_node("Unsqueeze", [node.input[1]], [name], axes=axes))
                    node.input[1] = name
            nodes.append(node)
        if len(waiting) == before:
            node = next(n for n in proto.graph.node if n.output[0] in waiting)
            raise _refused(node, "it broadcasts along an axis of tensors of unknown rank")
        del proto.graph.node[:]
        proto.graph.node.extend(nodes)


def _ranks(proto: onnx.ModelProto) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(proto).graph
    ranks = {t.name: len(t.dims) for t in graph.initializer}
    for info in (*graph.input, *graph.value_info, *graph.output):
        if info.type.tensor_type.HasField("shape"):
            ranks[info.name] = len(info.type.tensor_type.shape.dim)
    return ranks


def _refused(node: onnx.NodeProto, why: str) -> ModelError:
    name = printable(node.name or node.output[0])
    return ModelError(f"node '{name}' ({node.op_type}): {why}")


# --- operators -----------------------------------------------------------------------------------


def _cast(b: Builder, node: onnx.NodeProto, a: Attributes) -> Attributes:
    """Converts Cast: the old target format was a text, such as FLOAT."""
    kind = a["to"].decode().upper()
    formats = dict(TensorProto.DataType.items())
    if kind not in formats:
        raise _refused(node, f"there is no format {printable(kind)}")
    return {"to": formats[kind]}


def _reshape(b: Builder, node: onnx.NodeProto, a: Attributes) -> Attributes:
    """Converts Reshape: the old shape was an attribute."""
    node.input.append(b.constant(np.array(a.pop("shape", []), dtype=np.int64)))
    return a


def _pad(b: Builder, node: onnx.NodeProto, a: Attributes) -> Attributes:
    a["pads"] = a.pop("paddings")
    return a


def _concat(b: Builder, node: onnx.NodeProto, a: Attributes) -> Attributes:
    return {"axis": 1} | a


def _split(b: Builder, node: onnx.NodeProto, a: Attributes) -> Attributes:
    """Converts Split: the old sizes could be an input."""
    if len(node.input) < 2:
        return a
    known = {t.name: t for t in b.graph.initializer}
    if node.input[1] not in known:
        raise _refused(node, "the sizes of its parts are computed, not constant")
    a["split"] = numpy_helper.to_array(known[node.input[1]]).astype(np.int64).tolist()
    del node.input[1:]
    return a


def _selu(b: Builder, node: onnx.NodeProto, a: Attributes) -> Attributes:
    """Converts Selu: old defaults had fewer digits."""
    return {"alpha": 1.6732, "gamma": 1.0507} | a


def _power(b: Builder, node: onnx.NodeProto, a: Attributes) -> Attributes:
    """Converts LpPool: the old power was a real number."""
    p = a.get("p", 2.0)
    if p != int(p):
        raise _refused(node, f"its power {p:g} is not a whole number")
    return a | {"p": int(p)}


def _upsample(b: Builder, node: onnx.NodeProto, a: Attributes) -> Attributes:
    return a | {"scales": [1.0, 1.0, a.pop("height_scale"), a.pop("width_scale")]}


def _tile(b: Builder, node: onnx.NodeProto, a: Attributes) -> Attributes:
    raise _refused(node, "operator sets before 6 tile along one axis: export the model again")


Converter = Callable[[Builder, onnx.NodeProto, Attributes], Attributes]

# the operator set from which on an operator is as in set 7, and how older ones are converted
CONVERTERS: dict[str, tuple[int, Converter]] = {
    "Cast": (6, _cast),
    "Reshape": (5, _reshape),
    "Pad": (2, _pad),
    "Concat": (4, _concat),
    "Split": (2, _split),
    "Selu": (6, _selu),
    "LpPool": (2, _power),
    "GlobalLpPool": (2, _power),
    "Upsample": (7, _upsample),
    "Tile": (6, _tile),
}
