"""Reads an ONNX file. The file is untrusted: nothing outside its own folder is opened."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import external_data_helper

from onnxtaylor.errors import ModelError, printable

__all__ = ["LoadedModel", "read_model"]

MAX_PROTOBUF = 2**31 - 1  # a protobuf message cannot be larger, nor can what onnxruntime is handed


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, external tensors included."""

    proto: onnx.ModelProto
    path: str
    sha256: str

    @property
    def producer(self) -> str:
        """Name and version of the exporter, as the file states them."""
        return f"{self.proto.producer_name} {self.proto.producer_version}".strip()

    @property
    def opset(self) -> dict[str, int]:
        """Versions of the operator sets by domain; the default domain is ``ai.onnx``."""
        return {entry.domain or "ai.onnx": entry.version for entry in self.proto.opset_import}


def read_model(source: str | os.PathLike[str] | bytes | onnx.ModelProto) -> LoadedModel:
    """Reads a model from a file, its bytes, or takes one that is in memory.

    Raises ModelError: no such file, a directory, truncated or no ONNX at all, external tensors
    that are missing, too short, or outside the model's folder.
    """
    if isinstance(source, onnx.ModelProto):
        content = source.SerializeToString()
        copy = onnx.ModelProto()
        copy.CopyFrom(source)
        return LoadedModel(copy, "<model in memory>", hashlib.sha256(content).hexdigest())
    if isinstance(source, bytes):
        return LoadedModel(_parse(source, "<bytes>"), "<bytes>", hashlib.sha256(source).hexdigest())
    path = Path(source)
    where = printable(path)
    content = _read_bytes(path, where)
    proto = _parse(content, where)
    _load_external(proto, path, where)
    return LoadedModel(proto, os.fspath(source), hashlib.sha256(content).hexdigest())


def _read_bytes(path: Path, where: str) -> bytes:
    try:
        if path.is_dir():
            raise ModelError(f"{where}: is a directory, not an ONNX file")
        if path.stat().st_size > MAX_PROTOBUF:
            raise ModelError(
                f"{where}: larger than the 2 GiB of a protobuf file: save its tensors externally"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{where}: no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{where}: cannot be read: {printable(reason)}") from None


def _parse(content: bytes, where: str) -> onnx.ModelProto:
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(content)
    except (DecodeError, RuntimeError):
        raise ModelError(f"{where}: truncated, or no ONNX model") from None
    if not proto.ir_version or not proto.graph.output:
        raise ModelError(f"{where}: no ONNX model: it has no graph with outputs")
    return proto


def _load_external(proto: onnx.ModelProto, path: Path, where: str) -> None:
    folder = path.parent
    outside = False
    for tensor in _tensors(proto):
        if not external_data_helper.uses_external_data(tensor):
            continue
        info = external_data_helper.ExternalDataInfo(tensor)
        name = printable(tensor.name)
        target = folder / info.location
        # resolve() follows links: a link out of the folder is outside, too
        outside = not target.resolve().is_relative_to(folder.resolve())
        if outside or not info.location:
            raise ModelError(
                f"{where}: tensor '{name}' lies in '{printable(info.location)}', outside the"
                " model's folder: it is not opened"
            )
        if not target.is_file():
            raise ModelError(
                f"{where}: the file '{printable(info.location)}' of tensor '{name}' is missing:"
                " put it beside the model"
            )
        if (info.offset or 0) + (info.length or 0) > target.stat().st_size:
            raise ModelError(
                f"{where}: the file '{printable(info.location)}' of tensor '{name}' is too short"
            )
        try:
            external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:
            raise ModelError(f"{where}: tensor '{name}': {printable(error)}") from None
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All tensors that can be external: initializers and attributes, subgraphs included."""
    yield from _graph_tensors(proto.graph)
    for function in proto.functions:
        yield from _node_tensors(function.node)


def _graph_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: object) -> Iterator[onnx.TensorProto]:
    for node in nodes:  # type: ignore[attr-defined]  # protobuf's repeated fields are untyped
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("g"):
                yield from _graph_tensors(attribute.g)
            for graph in attribute.graphs:
                yield from _graph_tensors(graph)
