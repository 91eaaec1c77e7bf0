"""Tensors that a model keeps in other files: only files inside its folder are opened."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.supervision.work import model_grows

__all__ = ["MAX_PROTOBUF", "external_tensors", "load_external"]

MAX_PROTOBUF = 2**31 - 1  # a protobuf message cannot be larger, nor can what onnxruntime is handed


def external_tensors(proto: onnx.ModelProto) -> Iterator[TensorProto]:
    """Yields all tensors that lie in other files, wherever they are in the model.

    All must be loaded before onnxruntime, which would search their files in the current folder.
    """
    for tensor in _tensors(proto):
        if tensor.data_location == TensorProto.EXTERNAL:
            yield tensor


def load_external(proto: onnx.ModelProto, folder: Path, where: str, size: int) -> None:
    """Reads every external tensor into the model, which is changed in place.

    Parameters
    ----------
    proto
        The model.
    folder
        Its folder.
    where
        Name of its file, for messages.
    size
        Bytes of the model without its external tensors.

    Raises
    ------
    ModelError
        A file is missing, too short or outside the folder (links included), or all tensors
        together are larger than a protobuf message can be.
    """
    for tensor in external_tensors(proto):
        at = f"{where}: tensor '{printable(tensor.name)}'"
        try:
            content = _read(tensor, folder, at, MAX_PROTOBUF - size)
        except (OSError, ValueError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or error
            raise ModelError(f"{at} in another file cannot be read: {printable(why)}") from None
        size += len(content)
        model_grows(len(content))
        tensor.raw_data = content
        tensor.ClearField("data_location")
        del tensor.external_data[:]


def _read(tensor: TensorProto, folder: Path, at: str, room: int) -> bytes:
    """Content of an external tensor; everything is checked before it is read."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    shown = printable(location)
    target = folder / location
    # resolve() follows links: a link out of the folder is outside, too
    if not location or not target.resolve().is_relative_to(folder.resolve()):
        raise ModelError(
            f"{at} lies in '{shown}', outside the model's folder: it is not opened; copy the file"
            " beside the model and save the model again"
        )
    if not target.is_file():
        raise ModelError(
            f"{at} lies in '{shown}', which is missing: put that file beside the model"
        )
    offset, length = int(entries.get("offset", 0)), entries.get("length")
    needed = _byte_count(tensor, at)
    if offset < 0 or (length and int(length) != needed):
        raise ModelError(
            f"{at} should have {length or 'some'} bytes from byte {offset} of '{shown}' on, but its"
            f" shape needs {needed}: the model file is damaged; export it again"
        )
    if needed > room:
        raise ModelError(
            f"{at} makes the model larger than 2 GiB, the most that can be handed to onnxruntime"
        )
    if offset + needed > target.stat().st_size:
        raise ModelError(f"{at} lies in '{shown}', which is too short: copy that file again")
    with target.open("rb") as file:
        file.seek(offset)
        return bytes(file.read(needed))


def _byte_count(tensor: TensorProto, at: str) -> int:
    """Bytes of a tensor by its shape and type; types below 8 bits are packed."""
    try:
        name = TensorProto.DataType.Name(tensor.data_type)
        item = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, ValueError):
        name, item = "UNDEFINED", 0
    if name in ("STRING", "UNDEFINED") or any(d < 0 for d in tensor.dims):
        raise ModelError(f"{at} cannot lie in another file: the model file is damaged")
    bits = 4 if name.endswith("INT4") or name.startswith("FLOAT4") else 8 * item
    bits = 2 if name.endswith("INT2") else bits
    return (int(prod(tensor.dims)) * bits + 7) // 8


def _tensors(message: Any) -> Iterator[TensorProto]:
    """All tensors inside a protobuf message, at any depth: in attributes, functions, subgraphs."""
    if isinstance(message, TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for inner in (value,) if hasattr(value, "ListFields") else value:
            yield from _tensors(inner)
