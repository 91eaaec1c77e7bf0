"""The operators become those of one opset, the one that the rules write for."""

from __future__ import annotations

import onnx
from onnx import helper, version_converter

from onnxtaylor.errors import ModelError, printable

__all__ = ["OPSET", "upgrade"]

OPSET = 21  # of ai.onnx; newer models keep theirs
IR_VERSION = 10


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
        found = version_converter.convert_version(proto, OPSET)
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"its operators of opset {version} cannot be brought to opset {OPSET}:"
            f" {printable(error)}"
        ) from None
    if not any(entry.domain in ("", "ai.onnx") for entry in found.opset_import):
        found.opset_import.append(helper.make_opsetid("", OPSET))
    found.ir_version = max(found.ir_version, IR_VERSION)
    return found
