"""Converts operators to the one opset that the rules are written for."""

from __future__ import annotations

import onnx
from onnx import helper, numpy_helper, version_converter

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.builder import Builder
from onnxtaylor.graph.old_opsets import to_opset_7
from onnxtaylor.graph.onnx_errors import ONNX_ERRORS

__all__ = ["OPSET", "upgrade"]

OPSET = 21  # of ai.onnx; newer models keep theirs
IR_VERSION = 10
PRESENT_INPUTS = 11  # the opset in which Clip, Pad and Resize got the inputs that they have now


def upgrade(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Ensures: the default domain's opset is ``OPSET`` or newer.

    Raises ModelError where ONNX's version converter cannot do that.
    """
    version = next(
        (entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0
    )
    if version >= OPSET:
        return proto
    try:
        converted = version_converter.convert_version(to_opset_7(proto), OPSET)
    except ONNX_ERRORS as error:
        raise ModelError(
            f"operators of opset {version} cannot be converted to opset {OPSET}: {printable(error)}"
        ) from None
    if not any(entry.domain in ("", "ai.onnx") for entry in converted.opset_import):
        converted.opset_import.append(helper.make_opsetid("", OPSET))
    converted.ir_version = max(converted.ir_version, IR_VERSION)
    if version < PRESENT_INPUTS:
        _cast_numbers(converted.graph, Builder(converted))
        _set_resize_modes(converted.graph)
    return converted


def _set_resize_modes(graph: onnx.GraphProto) -> None:
    """Gives Resize the modes that it had in operator set 10, and Upsample before.

    An output's place among the inputs was x/scale; ``nearest`` took the element before it, or after
    it where the image shrinks, as onnxruntime does. The converter leaves the modes of later sets,
    whose places are at the middle of elements.

    Raises ModelError for ``nearest`` where scales are computed, or some grow and others shrink.
    """
    known = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            known[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _set_resize_modes(attribute.g)
        if node.op_type != "Resize" or node.domain:
            continue
        mode = next((a.s for a in node.attribute if a.name == "mode"), b"nearest")
        modes = {"coordinate_transformation_mode": "asymmetric"}
        if mode == b"nearest":
            scales = known.get(node.input[2])
            if scales is None or (scales.min() < 1 < scales.max()):
                name = printable(node.name or node.output[0])
                why = "are computed" if scales is None else "both enlarge and shrink the image"
                raise ModelError(
                    f"node '{name}' (Resize): its scales {why}, which only opsets from 11 on define"
                    " clearly: export the model with a newer opset"
                )
            modes["nearest_mode"] = "floor" if scales.min() >= 1 else "ceil"
        node.attribute.extend(helper.make_attribute(k, v) for k, v in modes.items())


def _cast_numbers(graph: onnx.GraphProto, b: Builder) -> None:
    """Casts the numbers of Clip and Pad to the format of their data.

    The converter turns these attributes into inputs of single precision, whatever the data are in.
    """
    nodes = []
    for node in graph.node:
        first = {"Clip": 1, "Pad": 2}.get(node.op_type, 0)
        for place in range(first, len(node.input)) if first and node.domain == "" else ():
            if node.input[place]:
                name = b.unused(f"{node.output[0]}/number")
                cast = helper.make_node("CastLike", [node.input[place], node.input[0]], [name])
                nodes.append(cast)
                node.input[place] = name
        nodes.append(node)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _cast_numbers(attribute.g, b)
    del graph.node[:]
    graph.node.extend(nodes)
