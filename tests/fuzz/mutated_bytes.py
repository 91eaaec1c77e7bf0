"""Small tables in every format, and mutations of their bytes."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from tests.data.conftest import text, write_hdf5, write_root

__all__ = ["FORMATS", "mutated_file", "original_files"]

FORMATS = (
    "csv", "csv.gz", "txt", "tsv", "parquet", "zstd.parquet", "feather", "arrow", "ipc", "npy",
    "records.npy", "npz", "h5", "gzip.h5", "root", "ntuple.root",
)  # fmt: skip
CELLS = (
    "", "nan", "inf", "-inf", "1e999", "-1e308", "1e-320", "=1+1", '"', '"a,b"', "x", "\0", "1,5",
    "9" * 400, "٣", "\ud83d", "true", "#", "\r", "1 2", "0x10", "−1",
)  # fmt: skip


def original_files(folder: Path) -> dict[str, bytes]:
    """Makes one table of 60 events in every format: its bytes by the format."""
    chance, size = np.random.default_rng(5), 60
    columns = {f"f{i}": chance.normal(size=size) for i in range(3)}
    columns["w"] = chance.normal(1, 0.3, size)
    columns["kind"] = chance.choice(["s", "b", "tt bar"], size)
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    for ending in FORMATS:
        path = folder / f"original.{ending}"
        last = ending.rpartition(".")[2]
        if last == "parquet":
            kind = "zstd" if "zstd" in ending else "none"
            pq.write_table(table, path, row_group_size=25, compression=kind)
        elif last == "feather":
            pyarrow.feather.write_feather(table, str(path), chunksize=25, compression="lz4")
        elif last in ("arrow", "ipc"):
            new = pa.ipc.new_stream if last == "ipc" else pa.ipc.new_file
            with new(path, table.schema) as writer:
                writer.write_table(table, max_chunksize=25)
        elif last == "root":
            write_root(path, {"events": columns}, ntuple="ntuple" in ending)
        elif ending == "gzip.h5":
            _write_packed(path, columns)
        elif last == "h5":
            write_hdf5(path, columns)
        elif last == "npz":
            np.savez_compressed(path, **columns)
        elif ending == "npy":
            np.save(path, np.stack([columns[f"f{i}"] for i in range(3)], axis=1))
        elif last == "npy":
            records = np.empty(size, [(name, values.dtype) for name, values in columns.items()])
            for name, values in columns.items():
                records[name] = values
            np.save(path, records)
        else:
            lines = text(columns, {"txt": ";", "tsv": "\t"}.get(ending, ",")).encode()
            path.write_bytes(gzip.compress(lines, mtime=0) if last == "gz" else lines)
    return {ending: (folder / f"original.{ending}").read_bytes() for ending in FORMATS}


def _write_packed(path: Path, columns: dict[str, np.ndarray]) -> None:
    """Writes an HDF5 file whose data sets are compressed, chunk by chunk."""
    import h5py

    with h5py.File(path, "w", track_order=True) as file:
        for name, values in columns.items():
            packed = {"chunks": (16,), "compression": "gzip", "shuffle": True}
            is_text = values.dtype.kind == "U"
            data = values.astype("S8") if is_text else values
            file.create_dataset(name, data=data, **packed)


def mutated_file(content: bytes, ending: str, chance: random.Random) -> bytes:
    """Bytes that are flipped, cut, doubled or moved; of text also odd cells and headers."""
    if ending in ("csv", "txt", "tsv") and chance.random() < 0.6:
        return _odd_text(content, ending, chance)
    if ending == "csv.gz" and chance.random() < 0.4:
        return gzip.compress(_odd_text(gzip.decompress(content), "csv", chance), mtime=0)
    changed, how = bytearray(content), chance.randrange(8)
    if how == 0:
        return content[: chance.randrange(len(content))]
    if how == 1:
        return content + bytes(chance.randrange(256) for _ in range(chance.choice((1, 100))))
    if how == 2:
        start = chance.randrange(len(content))
        size = chance.choice((1, 8, 64, 512))
        return content[:start] + content[start + size :]
    if how == 3:
        start = chance.randrange(len(content))
        size = min(chance.choice((4, 8, 64)), len(content) - start)
        changed[start : start + size] = chance.choice((b"\0", b"\xff", b"\x7f")) * size
        return bytes(changed)
    # headers are at either end
    low, high = chance.choice(((0, len(content)), (0, 300), (len(content) - 300, len(content))))
    low, high = max(0, low), min(high, len(content))
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        k = chance.randrange(low, high)
        changed[k] = chance.choice((chance.randrange(256), changed[k] ^ (1 << chance.randrange(8))))
    return bytes(changed)


def _odd_text(content: bytes, ending: str, chance: random.Random) -> bytes:
    delimiter = {"txt": ";", "tsv": "\t"}.get(ending, ",")
    lines = [line.split(delimiter) for line in content.decode().splitlines()]
    for _ in range(chance.choice((1, 1, 3))):
        row = 0 if chance.random() < 0.3 else chance.randrange(len(lines))
        how, line = chance.randrange(6), lines[row]
        place = chance.randrange(len(line)) if line else 0
        if how == 0 and line:
            del line[place]
        elif how == 1:
            line.insert(place, chance.choice(CELLS))
        elif how == 2:
            lines.insert(row, list(line))
        elif how == 3:
            del lines[row]
            lines = lines or [[""]]
        elif line:
            line[place] = chance.choice(CELLS)
    end = chance.choice(("\n", "\n", "\r\n", "\r", "\n\n"))
    return end.join(map(delimiter.join, lines)).encode(errors="surrogatepass")
