"""Reads ONNX files. They are untrusted: nothing outside a file's own folder is opened."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import onnx

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.files.bounded import read_bounded
from onnxtaylor.files.recognize import HEAD_BYTES, kind_of
from onnxtaylor.graph.dense import make_dense
from onnxtaylor.graph.external import MAX_PROTOBUF, external_tensors, load_external
from onnxtaylor.graph.limits import require_limits
from onnxtaylor.supervision.work import at_work, model_grows, opening_model

__all__ = ["LoadedModel", "read_model"]

# what to do with a file that is recognized as something else
WAYS = {
    "a PyTorch file": ": export the network with torch.onnx.export",
    "a Keras file": ": convert it with tf2onnx",
    "an HDF5 file (.h5)": ": convert it with tf2onnx if it is a network of Keras",
    "a TensorFlow Lite model": ": convert it with tf2onnx",
    "a model in onnxruntime's own format (.ort)": ": name the ONNX file that it was made from",
    "a Python pickle, which is never loaded": ": export the model, scikit-learn's with skl2onnx",
}


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory: external tensors are read, sparse constants made dense."""

    proto: onnx.ModelProto
    path: str
    sha256: str

    @property
    def producer(self) -> str:
        """Name and version of the exporter, as the file states them."""
        version = self.proto.producer_version.removesuffix(" None")  # tf2onnx: of no commit
        return f"{self.proto.producer_name} {version}".strip()

    @property
    def opset(self) -> dict[str, int]:
        """Versions of the operator sets by domain; the default domain is ``ai.onnx``."""
        return {entry.domain or "ai.onnx": entry.version for entry in self.proto.opset_import}

    @property
    def content_sha256(self) -> str:
        """SHA-256 of the model with its external tensors, which ``sha256`` of its file leaves out.

        Where none lie in other files it tells no more than ``sha256`` does.
        """
        return hashlib.sha256(self.proto.SerializeToString(deterministic=True)).hexdigest()


def read_model(source: str | os.PathLike[str] | bytes | onnx.ModelProto) -> LoadedModel:
    """Reads a model.

    Parameters
    ----------
    source
        Path of an ONNX file, its content as bytes, or a model in memory.

    Returns
    -------
    LoadedModel
        The model, with external tensors read and sparse constants made dense.

    Raises
    ------
    ModelError
        The file does not exist, is a directory, truncated or no ONNX file; an external tensor is
        missing, too short or outside the model's folder; a sparse one is damaged; the model is
        beyond the limits that ``onnxtaylor.graph.limits`` states.
    """
    if isinstance(source, onnx.ModelProto):
        try:
            content = source.SerializeToString()
        except Exception:  # what it raises depends on the version of protobuf
            raise ModelError(
                "<model in memory>: larger than 2 GiB, the most that can be handed to onnxruntime"
            ) from None
        return _in_memory(content, "<model in memory>")
    if isinstance(source, bytes):
        return _in_memory(source, "<bytes>")
    path = Path(source)
    where = printable(path)
    with opening_model(where, 0), at_work("reading the model"):
        content = _read_bytes(path, where)
        model_grows(len(content))
        proto = _parse(content, where)
        load_external(proto, path.parent, where, len(content))
        make_dense(proto, where)
        require_limits(proto, where)
        return LoadedModel(proto, os.fspath(source), hashlib.sha256(content).hexdigest())


def _recognized(content: bytes) -> str | None:
    """Name of the content's format, and how to get an ONNX model from it; None: unknown."""
    head = content[:HEAD_BYTES]
    if kind := kind_of(head):
        if kind.endswith((".gz)", ".bz2)", ".zst)")):
            return f"{kind}: decompress it first"
        return f"{kind}{WAYS.get(kind, '')}"
    if head.lstrip().startswith(b"<ir_version"):
        return "ONNX as text: read it with onnx.parser.parse_model and save it with onnx.save"
    # a character of several bytes may be cut at the end of the head
    text = head.decode("utf-8", errors="ignore") if head.isascii() else ""
    if text and all(c.isprintable() or c in "\t\r\n" for c in text):
        return "text: is it the data? The model comes first, then the data"
    return None


def _in_memory(content: bytes, where: str) -> LoadedModel:
    with opening_model(where, len(content)), at_work("reading the model"):
        proto = _parse(content, where)
        for tensor in external_tensors(proto):
            raise ModelError(
                f"{where}: tensor '{printable(tensor.name)}' lies in another file: give the name of"
                " the model's file, or load its external data first"
            )
        make_dense(proto, where)
        require_limits(proto, where)
    return LoadedModel(proto, where, hashlib.sha256(content).hexdigest())


def _read_bytes(path: Path, where: str) -> bytes:
    try:
        if path.is_dir():
            raise ModelError(f"{where}: is a directory, not an ONNX file")
        if path.is_char_device() or path.is_block_device():
            raise ModelError(f"{where}: is a device, not an ONNX file")
        if path.stat().st_size > MAX_PROTOBUF:
            raise ModelError(
                f"{where}: larger than 2 GiB, the most that can be handed to onnxruntime"
            )
        return read_bounded(path, MAX_PROTOBUF)
    except FileNotFoundError:
        raise ModelError(f"{where}: no such file") from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{where}: cannot be read: {printable(reason)}") from None


def _parse(content: bytes, where: str) -> onnx.ModelProto:
    proto = onnx.ModelProto()
    if not content:
        raise ModelError(f"{where}: is empty, not an ONNX model")
    try:
        proto.ParseFromString(content)
    except Exception:  # what it raises depends on the version of protobuf
        kind = _recognized(content)
        raise ModelError(
            f"{where}: not an ONNX model, but {kind}"
            if kind
            else f"{where}: not an ONNX model, or a truncated one: copy or export it again"
        ) from None
    if not proto.ir_version or not proto.graph.output:
        why = _recognized(content)
        why = f", but {why}" if why else ": it has no graph with outputs"
        raise ModelError(f"{where}: not an ONNX model{why}")
    if not proto.opset_import:
        # exporters write it after the graph: a file that is cut in the graph has none
        raise ModelError(
            f"{where}: truncated: the file does not say which operator set it uses; copy or export"
            " it again"
        )
    return proto
