"""Replaces calls of the model's own functions by the nodes of these."""

from __future__ import annotations

import onnx
from onnx import inliner

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.onnx_errors import ONNX_ERRORS

__all__ = ["inline"]


def inline(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Ensures: no node calls a function of the model, and the model has none.

    Raises ModelError where a function cannot be inlined.
    """
    if not proto.functions:
        return proto
    try:
        return inliner.inline_local_functions(proto)
    except ONNX_ERRORS as error:
        raise ModelError(f"a function of the model cannot be inlined: {printable(error)}") from None
