"""The same events in every format."""

from __future__ import annotations

import csv
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from onnxtaylor.data import Batch, ColumnRequest, EventSource, open_source
from onnxtaylor.errors import DataError

Columns = dict[str, np.ndarray]
NAMED = ("csv", "csv.gz", "csv.bz2", "csv.zst", "tsv", "txt", "parquet", "feather", "arrow", "ipc")
NAMED += ("npz", "npy", "root", "h5")


@pytest.fixture
def events() -> Columns:
    """Five features, a weight, a label of text and one of numbers; 1000 events."""
    random = np.random.default_rng(1)
    n = 1000
    columns: Columns = {f"f{i}": random.normal(size=n) * 10.0**i for i in range(3)}
    columns["count"] = random.integers(-5, 5, n)
    columns["flag"] = random.random(n) < 0.5
    columns["w"] = random.normal(1, 0.7, n)
    columns["kind"] = random.choice(["s", "b", "tt bar"], n)
    columns["class"] = random.choice([0.0, 1.0, 2.0], n)
    return columns


@pytest.fixture
def request_all() -> ColumnRequest:
    return ColumnRequest(5, label="kind", weight="w", exclude=("class",))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """write(format, columns, stem="events") → the path."""

    def write(ending: str, columns: Columns, stem: str = "events") -> Path:
        path = tmp_path / f"{stem}.{ending}"
        if ending in ("parquet", "feather", "arrow", "ipc"):
            table = pa.table({name: pa.array(values) for name, values in columns.items()})
            if ending == "parquet":
                pq.write_table(table, path, row_group_size=300)
            elif ending == "feather":
                pyarrow.feather.write_feather(table, str(path), chunksize=70)
            else:
                new = pa.ipc.new_stream if ending == "ipc" else pa.ipc.new_file
                with new(path, table.schema) as writer:
                    writer.write_table(table, max_chunksize=70)
        elif ending == "root":
            write_root(path, {"events": columns})
        elif ending == "h5":
            write_hdf5(path, columns)
        elif ending == "npz":
            np.savez(path, **columns)
        elif ending == "npy":
            dtype = [(name, values.dtype) for name, values in columns.items()]
            records = np.empty(len(next(iter(columns.values()))), dtype)
            for name, values in columns.items():
                records[name] = values
            np.save(path, records)
        else:
            base = ending.split(".")[0]
            delimiter = {"csv": ",", "tsv": "\t", "txt": ";"}[base]
            with pa.output_stream(str(path), compression="detect") as stream:
                stream.write(text(columns, delimiter).encode())
        return path

    return write


def write_root(path: Path, trees: dict[str, Columns], ntuple: bool = False) -> None:
    """Writes trees, in three baskets or clusters each where there are rows enough."""
    uproot = pytest.importorskip("uproot")
    awkward = pytest.importorskip("awkward")
    with uproot.recreate(path) as file:
        for name, columns in trees.items():
            arrays = {
                key: awkward.Array(values.tolist()) if is_text(values) else values
                for key, values in columns.items()
            }
            make = file.mkrntuple if ntuple else file.mktree
            rows = len(next(iter(arrays.values())))
            cuts = sorted({0, rows // 3, 2 * rows // 3, rows})
            parts = [{k: v[a:b] for k, v in arrays.items()} for a, b in pairwise(cuts)]
            tree = make(name, parts[0] if parts else arrays)
            for part in parts[1:]:
                tree.extend(part)


def is_text(values: np.ndarray) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind == "U"


def write_hdf5(path: Path, columns: Columns) -> None:
    """Writes a data set for each column, in the order given."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", track_order=True) as file:
        for name, values in columns.items():
            text = values.dtype.kind == "U"
            file.create_dataset(name, data=values.astype(h5py.string_dtype()) if text else values)


def text(columns: Columns, delimiter: str) -> str:
    """A text table that gives every float back to the last bit."""

    class Lines(list[str]):
        write = list.append

    lines = Lines()
    writer = csv.writer(lines, delimiter=delimiter)
    writer.writerow(columns)
    writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))
    return "".join(lines)


@pytest.fixture
def whole() -> Callable[[EventSource], Batch]:
    """All events of a source as one batch, read in odd pieces."""

    def whole(source: EventSource, size: int = 97) -> Batch:
        return join(list(source.batches(size)))

    return whole


@pytest.fixture
def same() -> Callable[[Batch, Batch], None]:
    return assert_same


def join(parts: list[Batch]) -> Batch:
    return Batch(
        np.concatenate([p.x for p in parts]),
        np.concatenate([p.weights for p in parts]),
        None if parts[0].labels is None else np.concatenate([p.labels for p in parts]),  # type: ignore[misc]
        np.concatenate([p.numbers for p in parts]),
    )


def assert_same(a: Batch, b: Batch) -> None:
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.weights, b.weights)
    np.testing.assert_array_equal(a.numbers, b.numbers)
    assert (a.labels is None) == (b.labels is None)
    if a.labels is not None and b.labels is not None:
        assert a.labels.tolist() == b.labels.tolist()


@pytest.fixture(params=NAMED)
def ending(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def fault() -> Callable[..., str]:
    """fault(paths, request) → the one line that opening and reading them brings."""

    def fault(paths: Path | list[Path], request: ColumnRequest) -> str:
        paths = paths if isinstance(paths, list) else [paths]
        with pytest.raises(DataError) as caught:
            for _ in open_source(paths, request=request).batches(1000):
                pass
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 600
        return message

    return fault


@pytest.fixture
def holds() -> Callable[..., None]:
    """holds(message, *words): every word is there."""

    def holds(message: str, *words: str) -> None:
        for word in words:
            assert word in message, message

    return holds


@pytest.fixture
def csv_of(tmp_path: Path) -> Callable[..., Path]:
    """csv_of(content, name="events.csv") → the path."""

    def csv_of(content: str | bytes, name: str = "events.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return csv_of
