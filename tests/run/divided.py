"""Data and comparisons of the tests of divided analyses."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

MODEL = str(files("onnxtaylor").joinpath("demo", "higgs.onnx"))
EVENTS = 1000
OPTIONS = {
    "weights": "KaggleWeight",
    "labels": "Label",
    "missing": -999.0,
    "bootstrap": 40,
    "check": 16,
}


def higgs_table(events: int = EVENTS) -> pa.Table:
    """Real events with weights of both signs, as next-to-leading-order simulation has them."""
    table = pq.read_table(str(files("onnxtaylor").joinpath("demo", "higgs.parquet")))[:events]
    signs = pa.array(np.where(np.arange(len(table)) % 7 == 3, -1.0, 1.0))
    place = table.schema.get_field_index("KaggleWeight")
    return table.set_column(place, "KaggleWeight", pc.multiply(table["KaggleWeight"], signs))


def write_files(folder: Path, table: pa.Table, cuts: list[int]) -> list[Path]:
    """Files of the events between the cuts, some as text, which does not tell its rows."""
    paths = []
    for k, (start, stop) in enumerate(pairwise(cuts)):
        part, path = table.slice(start, stop - start), folder / f"events-{k}.parquet"
        if k % 3 == 1:
            path = path.with_suffix(".csv")
            pa.csv.write_csv(part, path)
        else:
            pq.write_table(part, path, row_group_size=37)
        paths.append(path)
    return paths


def assert_equal(found, expected) -> None:
    """Equal to 1e-12, with all ranks and their intervals, warnings and the check."""
    for name in ("score", "sem", "signed_mean", "rms"):
        a, b = getattr(found, name), getattr(expected, name)
        # a signed mean may cancel to nothing: its round-off is that of the score
        limit = 1e-12 * np.abs(expected.score).max()
        assert a == pytest.approx(b, rel=1e-12, abs=limit, nan_ok=True)
    for name in ("rank", "rank_low", "rank_high"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    if expected.numerical_error is not None:
        # an estimate of round-off is made of round-off, which depends on the place in a batch
        np.testing.assert_allclose(found.numerical_error, expected.numerical_error, rtol=1e-3)
    assert found.indices.tuples() == expected.indices.tuples()
    assert found.warnings == expected.warnings
    assert found.model == expected.model
    a, b = (json.loads(one.to_json()) for one in (found, expected))
    assert a["check"] == b["check"]
    assert a["options"] == b["options"]
    assert a["data"]["features"] == b["data"]["features"]
    for one, other in zip(a["data"]["groups"], b["data"]["groups"], strict=True):
        assert one["name"] == other["name"]
        assert one["events"] == other["events"]
        assert one["n_eff"] == pytest.approx(other["n_eff"], rel=1e-12)
