"""An analysis of the same events gives the same from every format, rank intervals included."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import onnxtaylor as ot
from tests.data.conftest import write_hdf5, write_root

MODEL = str(files("onnxtaylor").joinpath("demo", "higgs.onnx"))
EVENTS = 150
OPTIONS = {
    "weights": "KaggleWeight",
    "missing": -999.0,
    "scale": "sigma",
    "bootstrap": 40,
    "check": 0,
    "order": 2,
}
ROOT_KINDS = ("root", "ntuple", "friend")


@pytest.fixture(scope="module")
def columns():
    """Columns of the demonstration's events, with weights of both signs."""
    table = pq.read_table(str(files("onnxtaylor").joinpath("demo", "higgs.parquet")))[:EVENTS]
    columns = {
        name: np.asarray(table[name].to_pylist())
        for name in table.column_names
        if not pa.types.is_string(table[name].type)
    }
    columns["KaggleWeight"] = columns["KaggleWeight"] * np.where(np.arange(EVENTS) % 7 == 3, -1, 1)
    columns["class"] = np.arange(EVENTS) % 2
    return columns


@pytest.fixture(scope="module")
def reference(columns, tmp_path_factory):
    return ot.analyze(MODEL, made("parquet", columns, tmp_path_factory.mktemp("r")), labels="class",
                      **OPTIONS)  # fmt: skip


def made(kind, columns, folder):
    """The events in one of the formats."""
    path = folder / f"events.{'root' if kind in ROOT_KINDS else kind}"
    table = pa.table(columns)
    if kind == "parquet":
        pq.write_table(table, path)
    elif kind == "feather":
        pyarrow.feather.write_feather(table, str(path))
    elif kind == "csv":
        pyarrow.csv.write_csv(table, path)
    elif kind == "h5":
        write_hdf5(path, columns)
    elif kind == "friend":
        some = dict(list(columns.items())[::2])
        write_root(path, {"t": some, "u": {k: v for k, v in columns.items() if k not in some}})
        return f"{path}:t"
    elif kind in ROOT_KINDS:
        write_root(path, {"t": columns}, ntuple=kind == "ntuple")
    elif kind == "pandas":
        return pytest.importorskip("pandas").DataFrame(columns)
    elif kind == "polars":
        return pytest.importorskip("polars").DataFrame(columns)
    elif kind == "awkward":
        return pytest.importorskip("awkward").Array(columns)
    elif kind == "arrow":
        return table
    return path


KINDS = ["csv", "feather", "h5", "root", "ntuple", "friend", "pandas", "polars", "awkward", "arrow"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_bits(kind, columns, reference, tmp_path):
    more = {"friends": [":u"]} if kind == "friend" else {}
    result = ot.analyze(
        MODEL, made(kind, columns, tmp_path), labels="class", batch_size=64, **OPTIONS, **more
    )
    whole = ot.analyze(MODEL, made(kind, columns, tmp_path), labels="class", **OPTIONS, **more)
    for name in ("score", "sem", "signed_mean", "rms", "rank", "rank_low", "rank_high"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(reference, name))
    limit = 1e-12 * np.abs(reference.score).max()
    for name in ("score", "sem", "signed_mean", "rms"):
        found, expected = getattr(result, name), getattr(reference, name)
        assert found == pytest.approx(expected, rel=1e-12, abs=limit, nan_ok=True)
    for name in ("rank", "rank_low", "rank_high"):
        assert (getattr(result, name) == getattr(reference, name)).all()
