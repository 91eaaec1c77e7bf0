"""Mutations of models: each changes what a hostile or broken file may have, at a random place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

__all__ = ["MUTATIONS", "mutated"]

Random = np.random.Generator

EXTREMES = (
    -1,
    0,
    1,
    2,
    7,
    255,
    65536,
    2**31 - 1,
    2**31,
    2**40,
    2**62,
    2**63 - 1,
    -(2**63),
    -(2**31),
)
NUMBERS = (0.0, -0.0, 1e-310, 1e-44, 1e38, 1e160, np.inf, -np.inf, np.nan, -1.0)
NAMES = ("", "x", "y", "\x1b[31m", "a\nb", "A" * 5000, "ü", "../../x", "%s{0}", "value")
KINDS = ("Tanh", "Loop", "If", "Div", "Mod", "Expand", "Tile", "ConstantOfShape", "Split", "Einsum",
         "MatMul", "Concat", "Gather", "Resize", "Conv", "LSTM", "Cast", "Reshape", "OneHot", "Pad",
         "RandomNormalLike", "Multinomial", "LpPool", "MaxPool", "Shape", "Nonsense")  # fmt: skip


def mutated(source: onnx.ModelProto, random: Random) -> bytes:
    """A file of the model with one to three changes, in its structure or in its bytes."""
    proto = onnx.ModelProto()
    proto.CopyFrom(source)
    for _ in range(int(random.integers(1, 4))):
        change = MUTATIONS[int(random.integers(len(MUTATIONS)))]
        try:
            change(proto, random)
        except (ValueError, TypeError, IndexError, OverflowError, KeyError):
            continue  # this model has no place for it
    content = bytearray(proto.SerializeToString())
    if random.random() < 0.15:
        for place in random.integers(0, len(content), int(random.integers(1, 5))):
            content[place] ^= 1 << int(random.integers(8))
    elif random.random() < 0.03:  # a name that is no text
        for name in (b"Tanh", b"x", b"y"):
            place = content.rfind(name)
            if place >= 0:
                content[place] = 0xAC
                break
    elif random.random() < 0.03:
        del content[int(random.integers(len(content))) :]
    return bytes(content)


def pick(items, random):
    """One of some items; of none an IndexError."""
    items = list(items)
    return items[int(random.integers(len(items)))] if items else items[0]


def graphs(proto):
    """The graph and those inside its nodes."""
    found = [proto.graph]
    for graph in found:
        for node in graph.node:
            found += [a.g for a in node.attribute if a.HasField("g")]
    return found


def _nodes(proto):
    return [n for g in graphs(proto) for n in g.node] + [n for f in proto.functions for n in f.node]


def _tensors(proto):
    stored = [t for g in graphs(proto) for t in g.initializer]
    return stored + [a.t for n in _nodes(proto) for a in n.attribute if a.HasField("t")]


def _names(proto):
    return [name for n in _nodes(proto) for name in (*n.input, *n.output)] or ["x"]


def _port_size(proto, random):
    port = pick([*proto.graph.input, *proto.graph.output], random)
    dim = pick(port.type.tensor_type.shape.dim, random)
    dim.dim_value = pick(EXTREMES, random)


def _port_type(proto, random):
    port = pick([*proto.graph.input, *proto.graph.output], random)
    port.type.tensor_type.elem_type = int(random.integers(0, 26))


def _port_rank(proto, random):
    shape = pick([*proto.graph.input], random).type.tensor_type.shape
    if random.random() < 0.5:
        shape.dim.add().dim_value = pick(EXTREMES, random)
    else:
        del shape.dim[:]


def _tensor_size(proto, random):
    tensor = pick(_tensors(proto), random)
    tensor.dims[int(random.integers(len(tensor.dims)))] = pick(EXTREMES, random)


def _tensor_type(proto, random):
    pick(_tensors(proto), random).data_type = int(random.integers(0, 30))


def _tensor_values(proto, random):
    tensor = pick(_tensors(proto), random)
    value = numpy_helper.to_array(tensor).copy()
    flat = value.reshape(-1)
    place = int(random.integers(flat.size))
    if value.dtype.kind == "f":
        with np.errstate(all="ignore"):
            flat[place] = pick(NUMBERS, random)
    else:
        number = pick(EXTREMES, random)
        flat[place] = np.array(number, np.int64).astype(value.dtype)
    tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))


def _tensor_storage(proto, random):
    tensor = pick(_tensors(proto), random)
    which = int(random.integers(4))
    if which == 0:
        tensor.segment.begin, tensor.segment.end = 0, 1
    elif which == 1:
        tensor.raw_data = tensor.raw_data[: len(tensor.raw_data) // 2]
    elif which == 2:
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=pick(("w.bin", "/etc/passwd", ""), random))
    else:
        tensor.float_data.append(1.0)


def _wiring(proto, random):
    node = pick(_nodes(proto), random)
    node.input[int(random.integers(len(node.input)))] = pick([*_names(proto), ""], random)


def _outputs(proto, random):
    node = pick(_nodes(proto), random)
    node.output[int(random.integers(len(node.output)))] = pick([*_names(proto), *NAMES], random)


def _more_tensors(proto, random):
    node = pick(_nodes(proto), random)
    which = int(random.integers(4))
    if which == 0:
        node.input.append(pick(_names(proto), random))
    elif which == 1:
        node.output.append("further")
    elif which == 2:
        del node.input[-1]
    else:
        del node.output[:]


def _order(proto, random):
    graph = pick(graphs(proto), random)
    nodes = [graph.node[int(k)] for k in random.permutation(len(graph.node))]
    copies = [onnx.NodeProto.FromString(n.SerializeToString()) for n in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _drop_node(proto, random):
    graph = pick(graphs(proto), random)
    del graph.node[int(random.integers(len(graph.node)))]


def _double_node(proto, random):
    graph = pick(graphs(proto), random)
    graph.node.add().CopyFrom(pick(graph.node, random))


def _kind(proto, random):
    node = pick(_nodes(proto), random)
    node.op_type = pick(KINDS, random)
    if random.random() < 0.2:
        node.domain = pick(("", "ai.onnx.ml", "com.microsoft", "own", "ai.onnx"), random)


def _version(proto, random):
    entry = pick(proto.opset_import, random)
    which = int(random.integers(3))
    if which == 0:
        entry.version = pick((*EXTREMES, 1, 6, 8, 10, 12, 13, 18, 22, 24, 999), random)
    elif which == 1:
        entry.domain = pick(("", "ai.onnx.ml", "nonsense"), random)
    else:
        proto.ir_version = pick((1, 2, 3, 9, 99, *EXTREMES), random)


def _attribute_value(proto, random):
    node = pick([n for n in _nodes(proto) if n.attribute], random)
    attribute = pick(node.attribute, random)
    if attribute.type == AttributeProto.INT:
        attribute.i = pick(EXTREMES, random)
    elif attribute.type == AttributeProto.INTS:
        if random.random() < 0.3:
            attribute.ints.append(pick(EXTREMES, random))
        else:
            attribute.ints[int(random.integers(len(attribute.ints)))] = pick(EXTREMES, random)
    elif attribute.type == AttributeProto.FLOAT:
        attribute.f = float(np.float32(pick(NUMBERS[:5] + NUMBERS[6:], random)))
    elif attribute.type == AttributeProto.FLOATS:
        del attribute.floats[-1]
    elif attribute.type == AttributeProto.STRING:
        attribute.s = pick((b"", b"\xac", b"nonsense", b"ij,jk->", b"linear", b"LEAF"), random)


def _attribute_type(proto, random):
    node = pick([n for n in _nodes(proto) if n.attribute], random)
    attribute = pick(node.attribute, random)
    value = pick((1, 1.5, "text", [1, 2], [0.5], ["a"]), random)
    attribute.CopyFrom(helper.make_attribute(attribute.name, value))
    if random.random() < 0.2:
        attribute.type = int(random.integers(0, 15))


def _attribute_gone(proto, random):
    node = pick([n for n in _nodes(proto) if n.attribute], random)
    del node.attribute[int(random.integers(len(node.attribute)))]


def _attribute_more(proto, random):
    names = ("axis", "axes", "p", "keepdims", "to", "num_outputs", "alpha", "group", "nonsense")
    value = pick((*EXTREMES, 1.5, "text", [1, 2], [2**40]), random)
    pick(_nodes(proto), random).attribute.append(helper.make_attribute(pick(names, random), value))


def _stored_gone(proto, random):
    graph = pick(graphs(proto), random)
    del graph.initializer[int(random.integers(len(graph.initializer)))]


def _stored_double(proto, random):
    graph = pick(graphs(proto), random)
    graph.initializer.add().CopyFrom(pick(graph.initializer, random))


def _port_name(proto, random):
    pick([*proto.graph.input, *proto.graph.output], random).name = pick(NAMES, random)


def _ports(proto, random):
    which = int(random.integers(4))
    if which == 0:
        proto.graph.output.add().CopyFrom(pick(proto.graph.output, random))
    elif which == 1:
        proto.graph.input.add().CopyFrom(pick(proto.graph.input, random))
    elif which == 2:
        del proto.graph.input[0]
    else:
        proto.graph.output.add().CopyFrom(
            helper.make_tensor_value_info(pick(_names(proto), random), 1, None)
        )


def _port_kind(proto, random):
    port = pick([*proto.graph.input, *proto.graph.output], random)
    inner = helper.make_tensor_type_proto(1, None)
    port.type.CopyFrom(
        helper.make_sequence_type_proto(inner)
        if random.random() < 0.5
        else helper.make_optional_type_proto(inner)
    )


def _recursion(proto, random):
    depth, width = int(random.integers(1, 12)), int(random.integers(1, 12))
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    last = int(random.random() < 0.5)  # whether the last one calls the first
    for k in range(depth):
        kind, domain = (f"F{k + 1}", "own") if k + 1 < depth or last else ("Tanh", "")
        kind = "F0" if kind == f"F{depth}" else kind
        names = ["a", *(f"t{j}" for j in range(width - 1)), "b"]
        calls = [
            helper.make_node(kind, [names[j]], [names[j + 1]], domain=domain) for j in range(width)
        ]
        proto.functions.add().CopyFrom(
            helper.make_function("own", f"F{k}", ["a"], ["b"], calls, sets)
        )
    if not any(entry.domain == "own" for entry in proto.opset_import):
        proto.opset_import.append(helper.make_opsetid("own", 1))
    node = pick(proto.graph.node, random)
    node.op_type, node.domain = "F0", "own"
    del node.attribute[:]


def _metadata(proto, random):
    key = pick(("feature_names", "classes", "class_names", "missing", "nonsense"), random)
    value = pick((*NAMES, "a,a,a", '["a", "a"]', "[" * 2000, "[1e999]", "{}", "null"), random)
    proto.metadata_props.add(key=key, value=value)


MUTATIONS: tuple[Callable[[onnx.ModelProto, Random], None], ...] = (
    *(_port_size, _port_type, _port_rank, _port_name, _ports, _port_kind),
    *(_tensor_size, _tensor_type, _tensor_values, _tensor_values, _tensor_storage),
    *(_wiring, _wiring, _outputs, _more_tensors, _order, _drop_node, _double_node, _kind),
    *(_version, _attribute_value, _attribute_value, _attribute_type, _attribute_gone),
    *(_attribute_more, _stored_gone, _stored_double, _recursion, _metadata),
)
