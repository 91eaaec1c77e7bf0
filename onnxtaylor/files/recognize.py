"""Recognizes the kind of a file from its first bytes, for messages."""

from __future__ import annotations

from pathlib import Path

__all__ = ["HEAD_BYTES", "head_of", "kind_of"]

HEAD_BYTES = 512

LFS = "a Git LFS pointer, not the file itself: fetch it with git lfs pull"

# first bytes, in the order in which they are tried, with the kind of file and the way out
MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs.github.com/spec/", LFS),
    (b"version https://hawser.github.com/spec/", LFS),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"PAR1", "a Parquet file (.parquet)"),
    (b"ARROW1", "an Arrow file (.arrow)"),
    (b"FEA1", "a Feather file of version 1: write it again, as version 2"),
    (b"\x1f\x8b", "compressed with gzip (.gz)"),
    (b"BZh", "compressed with bzip2 (.bz2)"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd (.zst)"),
    (b"\xfd7zXZ\0", "compressed with xz: decompress it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (.h5)"),
    (b"root\0", "a ROOT file (.root)"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF-", "a PDF document"),
    (b"\x7fELF", "a program or library"),
)
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
PICKLES = tuple(bytes((0x80, version)) for version in range(2, 6))
PAGES = (b"<!doctype html", b"<html", b"<?xml")


def head_of(path: Path) -> bytes:
    """Reads the first bytes of a file; none if it is not a regular file or cannot be read."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except (OSError, ValueError):
        return b""


def kind_of(head: bytes) -> str | None:
    """The kind of a file, to follow "it is" in a message; None if it is not recognized.

    Parameters
    ----------
    head
        The first bytes of the file, up to ``HEAD_BYTES``.

    >>> kind_of(b"root\\0\\0..."), kind_of(b"pt,eta\\n")
    ('a ROOT file (.root)', None)
    """
    for magic, kind in MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(ZIP):
        return _archive(head)
    if head.startswith(PICKLES) and not head.isascii():
        return "a Python pickle, which is never loaded"
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model"
    if head[4:8] == b"ORTM":
        return "a model in onnxruntime's own format (.ort)"
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it first"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(PAGES):
        return "a page of the web or XML, not the file itself: was the download an error page?"
    if text.startswith((b'{"', b"{\n", b"{\r", b"{ ", b"{}", b"[{", b"[[")):
        return "JSON"
    return None


def _archive(head: bytes) -> str:
    """The kind of a zip archive, from the name of its first member."""
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    if name.endswith(b".npy"):
        return "an archive of NumPy arrays (.npz)"
    if name.endswith((b"/data.pkl", b"/byteorder", b"/version", b".data/serialization_id")):
        return "a PyTorch file"
    if name.endswith((b"metadata.json", b"config.json", b"model.weights.h5")):
        return "a Keras file"
    if name.startswith((b"xl/", b"[Content_Types].xml", b"docProps/")):
        return "an Office document"
    return "a zip archive: unpack it first"
