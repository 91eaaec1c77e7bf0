"""Files on other machines, named by an address such as ``s3://…``: read through fsspec."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

from onnxtaylor.errors import DataError, printable
from onnxtaylor.files.recognize import HEAD_BYTES

__all__ = ["FilePath", "RemotePath"]

BLOCK = 1 << 20  # bytes that are fetched at least


class RemotePath:
    """A file at an address, with those methods of a ``Path`` that readers use.

    fsspec chooses the library by the beginning of the address: ``s3://`` takes s3fs, ``root://``
    fsspec-xrootd, ``https://`` aiohttp.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._path = PurePosixPath(urlsplit(address).path)

    def __str__(self) -> str:
        return self.address

    @property
    def suffix(self) -> str:
        """Last ending of the file's name."""
        return self._path.suffix

    @property
    def suffixes(self) -> list[str]:
        """All endings of the file's name."""
        return self._path.suffixes

    def open(self, mode: str = "rb") -> IO[bytes]:
        """Opens the file. Raises DataError if a library for such addresses is not installed."""
        where = printable(self.address)
        try:
            import fsspec
        except ImportError:
            raise DataError("addresses are read with fsspec: pip install fsspec").located(
                where
            ) from None
        try:
            stream: Any = fsspec.open(self.address, mode, block_size=BLOCK).open()
        except (ImportError, ValueError) as error:  # no library for this kind of address
            raise DataError(f"cannot be opened: {printable(error, 160)}").located(where) from None
        opened: IO[bytes] = stream
        return opened

    def head(self) -> bytes:
        """Reads the first bytes of the file."""
        with self.open() as stream:
            return stream.read(HEAD_BYTES)


FilePath = Path | RemotePath
