"""However the events are cut into files, batches and shards, the result is the same to 1e-12."""

from importlib.resources import files
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import onnxtaylor as ot
from onnxtaylor.data import ArraySource, survey
from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.graph import read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.opening import open_model
from onnxtaylor.runtime.promotion import promote
from onnxtaylor.statistics import Accumulator

MODEL = str(files("onnxtaylor").joinpath("demo", "higgs.onnx"))
EVENTS = 211
OPTIONS = {
    "weights": "KaggleWeight",
    "labels": "Label",
    "missing": -999.0,
    "scale": "sigma",
    "bootstrap": 50,
}


@pytest.fixture(scope="module")
def table():
    events = pq.read_table(str(files("onnxtaylor").joinpath("demo", "higgs.parquet")))[:EVENTS]
    # weights of both signs, as next-to-leading-order simulation has them
    signs = pa.array(np.where(np.arange(EVENTS) % 7 == 3, -1.0, 1.0))
    place = events.schema.get_field_index("KaggleWeight")
    return events.set_column(place, "KaggleWeight", pc.multiply(events["KaggleWeight"], signs))


@pytest.fixture(scope="module", params=["exact", "differences"])
def engine(request):
    return request.param


@pytest.fixture(scope="module")
def reference(table, tmp_path_factory, engine):
    path = tmp_path_factory.mktemp("whole") / "events.parquet"
    pq.write_table(table, path)
    return ot.analyze(MODEL, path, engine=engine, **OPTIONS)


def assert_same(result, reference):
    for name in ("score", "sem", "signed_mean", "rms"):
        found, expected = getattr(result, name), getattr(reference, name)
        # a signed mean may cancel to nothing: its round-off is that of the score
        limit = 1e-12 * np.abs(reference.score).max()
        assert found == pytest.approx(expected, rel=1e-12, abs=limit, nan_ok=True)
    for name in ("rank", "rank_low", "rank_high"):
        assert (getattr(result, name) == getattr(reference, name)).all()
    for found, expected in zip(result.data.groups, reference.data.groups, strict=True):
        assert found.events == expected.events
        assert found.n_eff == pytest.approx(expected.n_eff, rel=1e-12)


@pytest.mark.parametrize(
    "batch_size", [1, 64, *(pytest.param(size, marks=pytest.mark.slow) for size in (7, 1000))]
)
def test_batches(table, reference, engine, tmp_path, batch_size):
    path = tmp_path / "events.parquet"
    pq.write_table(table, path, row_group_size=31)
    assert_same(ot.analyze(MODEL, path, batch_size=batch_size, engine=engine, **OPTIONS), reference)


def test_files_of_several_formats(table, reference, engine, tmp_path):
    cuts = [0, 1, 50, 50, 130, EVENTS]
    paths = []
    for k, (start, stop) in enumerate(pairwise(cuts)):
        part = table.slice(start, stop - start)
        path = tmp_path / f"part{k}.{'csv' if k % 2 else 'parquet'}"
        if path.suffix == ".csv":
            pa.csv.write_csv(part, path)
        else:
            pq.write_table(part, path)
        paths.append(path)
    assert_same(ot.analyze(MODEL, paths, engine=engine, **OPTIONS), reference)


def test_threads(table, reference, engine, tmp_path):
    path = tmp_path / "events.parquet"
    pq.write_table(table, path)
    assert_same(ot.analyze(MODEL, path, threads=1, engine=engine, **OPTIONS), reference)


def test_shards_that_are_merged(table, reference, engine):
    """Each shard has an engine and sums of its own, as on several machines.

    They share the few events on which noise is measured and steps are tried.
    """
    names = list(reference.features)
    x = np.stack([table[name].to_numpy() for name in names], axis=1)
    weights = table["KaggleWeight"].to_numpy()
    labels = np.array(table["Label"].to_pylist())
    found = survey(ArraySource(x, weights=weights, labels=labels), missing=-999.0)
    indices = MultiIndices.full(30)
    whole = None
    for chosen in (slice(150, EVENTS), slice(0, 40), slice(40, 150)):
        opened = open_model(read_model(MODEL), ModelOptions(), x[chosen])
        if engine == "exact":
            own = Exact(opened.function, indices, x=x[chosen][:64])
        else:
            function = promote(opened.function, x[:64]).function
            spread, largest = found.spread, found.largest
            own = Differences(function, indices, spread=spread, largest=largest, x=x[:64])
        sums = Accumulator(1, len(indices), classes=("b", "s"), replicates=50)
        numbers = np.arange(EVENTS)[chosen]
        answer = own.coefficients(x[chosen])
        sums.update(answer.terms, weights[chosen], numbers, labels[chosen], answer.error_bounds)
        if whole is None:
            whole = sums
        else:
            whole.merge(sums)
    merged = whole.finalize(indices.scale(found.std))
    assert merged.score == pytest.approx(reference.score, rel=1e-12)
    assert merged.sem == pytest.approx(reference.sem, rel=1e-12)
    assert (merged.numerical_error is None) == (engine == "exact")
    assert (merged.rank_low == reference.rank_low).all()
    assert (merged.rank_high == reference.rank_high).all()
