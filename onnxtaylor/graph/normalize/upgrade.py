"""The operators become those of one opset, the one that the rules write for."""

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
TODAYS_INPUTS = 11  # where Clip, Pad and Resize got their inputs of today


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
        found = version_converter.convert_version(to_opset_7(proto), OPSET)
    except ONNX_ERRORS as error:
        raise ModelError(
            f"its operators of opset {version} cannot be brought to opset {OPSET}:"
            f" {printable(error)}"
        ) from None
    if not any(entry.domain in ("", "ai.onnx") for entry in found.opset_import):
        found.opset_import.append(helper.make_opsetid("", OPSET))
    found.ir_version = max(found.ir_version, IR_VERSION)
    if version < TODAYS_INPUTS:
        _in_the_format_of_the_data(found.graph, Builder(found))
        _at_their_places(found.graph)
    return found


def _at_their_places(graph: onnx.GraphProto) -> None:
    """Resize of operator set 10, and Upsample, took x/scale as an element's place, and for nearest
    what lies before it, or behind it where the image shrinks, as onnxruntime does. The converter
    leaves the places of later sets, at the middle of elements.

    Raises ModelError where nearest elements of an image that grows and shrinks cannot be told.
    """
    known = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            known[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _at_their_places(attribute.g)
        if node.op_type != "Resize" or node.domain:
            continue
        mode = next((a.s for a in node.attribute if a.name == "mode"), b"nearest")
        words = {"coordinate_transformation_mode": "asymmetric"}
        if mode == b"nearest":
            scales = known.get(node.input[2])
            if scales is None or (scales.min() < 1 < scales.max()):
                name = printable(node.name or node.output[0])
                why = "are computed" if scales is None else "both grow and shrink it"
                raise ModelError(f"node '{name}' (Resize): its scales {why}, in an old opset")
            words["nearest_mode"] = "floor" if scales.min() >= 1 else "ceil"
        node.attribute.extend(helper.make_attribute(k, v) for k, v in words.items())


def _in_the_format_of_the_data(graph: onnx.GraphProto, b: Builder) -> None:
    """The converter makes inputs of the numbers of Clip and Pad, in single precision whatever the
    data are in.
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
                _in_the_format_of_the_data(attribute.g, b)
    del graph.node[:]
    graph.node.extend(nodes)
