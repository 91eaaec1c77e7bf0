"""Heaps of an HDF5 file, which hold its texts of varying length: damaged ones are found before.

The HDF5 library goes from object to object of a heap by their sizes. Where a damaged size makes it
go nowhere, it goes on for ever, and nothing can stop it.

    "GCOL", version 1, 3 bytes of 0, size of the heap (8 bytes)
    then objects: number (2), references (2), 4 bytes of 0, size (8), content in units of 8 bytes

Number 0 is free space, whose size includes these 16 bytes. All numbers are little-endian. Source:
HDF5 File Format Specification 3.0, III.E. Disk Format: Level 1E - Global Heap.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from onnxtaylor.errors import DataError

__all__ = ["require_sound_heaps"]

MAGIC = b"GCOL\x01\0\0\0"
HEADER = 16  # bytes of a heap, and of an object
LARGEST = 2**31  # bytes of a file that is looked through: it takes about a second
PART = 2**24


def require_sound_heaps(path: Path) -> None:
    """Raises DataError for a file with a heap in which the library would go on for ever.

    Files of more than 2 GiB are not looked through.
    """
    if path.stat().st_size > LARGEST:
        return
    with path.open("rb") as stream:
        for place in _places(path):
            stream.seek(place + len(MAGIC))
            size = int.from_bytes(stream.read(8), "little")
            stream.seek(place)
            heap = stream.read(min(size, PART))
            if len(heap) >= HEADER and not _ends(heap):
                raise DataError(
                    f"its heap of texts at byte {place} is damaged: copy or write the file again"
                )


def _places(path: Path) -> Iterator[int]:
    """Yields where heaps begin."""
    start, tail = 0, b""
    with path.open("rb") as stream:
        while part := stream.read(PART):
            text, found = tail + part, -1
            while (found := text.find(MAGIC, found + 1)) >= 0:
                yield start - len(tail) + found
            start += len(part)
            tail = text[-len(MAGIC) + 1 :]


def _ends(heap: bytes) -> bool:
    """Whether going from object to object ends: every size leads forwards."""
    place = HEADER
    while place + HEADER <= len(heap):
        number, size = struct.unpack_from("<H6xQ", heap, place)
        step = size if number == 0 else HEADER + (size + 7) // 8 * 8
        if not HEADER <= step < 2**63:
            return False
        place += step
    return True
