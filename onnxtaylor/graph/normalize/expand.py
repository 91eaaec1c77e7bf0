"""Replaces operators without a rule by the function body that ONNX defines them by."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import onnx
from onnx import defs, helper, inliner

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.onnx_errors import ONNX_ERRORS

__all__ = ["expand"]

ROUNDS = 8  # bodies may contain operators that have bodies themselves


def expand(proto: onnx.ModelProto, ruled: Collection[str]) -> onnx.ModelProto:
    """Ensures: every operator of the default domain is one of ``ruled`` or has no official body.

    Raises ModelError where a body cannot be written out.
    """
    for _ in range(ROUNDS):
        kinds = sorted(
            {
                node.op_type
                for node in proto.graph.node
                if node.domain in ("", "ai.onnx")
                and node.op_type not in ruled
                and _has_body(node.op_type)
            }
        )
        if not kinds:
            return proto
        before = len(proto.graph.node)
        try:
            proto = inliner.inline_selected_functions(
                _typed(_complete(proto, kinds)),
                [("", kind) for kind in kinds],
                inline_schema_functions=True,
            )
        except ONNX_ERRORS as error:
            raise ModelError(
                f"the function body of {', '.join(kinds)} cannot be written out: {printable(error)}"
            ) from None
        # the entry for inputs that are left out, see _typed
        unnamed = [info for info in proto.graph.value_info if not info.name]
        for info in unnamed:
            proto.graph.value_info.remove(info)
        if len(proto.graph.node) == before:
            return proto
    return proto


def _has_body(kind: str) -> bool:
    schema: Any = defs.get_schema(kind)
    return bool(schema.has_function or schema.has_context_dependent_function)


def _complete(proto: onnx.ModelProto, kinds: Collection[str]) -> onnx.ModelProto:
    """Copy with the defaults of attributes that are left out: the inliner needs them."""
    full = onnx.ModelProto()
    full.CopyFrom(proto)
    versions = [e.version for e in proto.opset_import if e.domain in ("", "ai.onnx")]
    for node in full.graph.node:
        if node.domain in ("", "ai.onnx") and node.op_type in kinds:
            schema: Any = defs.get_schema(node.op_type, max(versions, default=1), "")
            given = {a.name for a in node.attribute}
            defaults = [a.default_value for k, a in schema.attributes.items() if k not in given]
            node.attribute.extend(a for a in defaults if a.type)
    return full


def _typed(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Copy with the types of all tensors recorded, on which bodies depend."""
    typed = onnx.ModelProto()
    typed.CopyFrom(proto)
    del typed.graph.value_info[:]
    typed = onnx.shape_inference.infer_shapes(typed)
    known = {info.name for info in typed.graph.value_info}
    typed.graph.value_info.extend(
        helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
        for t in typed.graph.initializer
        if t.name not in known
    )
    # the inliner looks up the name "" of an input that is left out, too
    typed.graph.value_info.append(helper.make_tensor_value_info("", onnx.TensorProto.FLOAT, None))
    return typed
