"""Collections of Dask: the result of the same events in memory, with and without workers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.data import in_memory
from onnxtaylor.data.partitions import Partitions
from onnxtaylor.data.request import ColumnRequest
from onnxtaylor.errors import DataError, OptionError
from tests.run.divided import MODEL, OPTIONS, assert_equal, higgs_table

pytest.importorskip("dask")
pd = pytest.importorskip("pandas")

SMALL = OPTIONS | {"batch_size": 64, "precision": "float64"}
PLAIN = {"bootstrap": 10, "batch_size": 64, "check": 8, "precision": "float64"}


@pytest.fixture(scope="module")
def frame():
    return higgs_table(400).to_pandas()


@pytest.fixture(scope="module")
def whole(frame):
    return ot.analyze(MODEL, frame, **SMALL)


def in_partitions(frame):
    """Partitions of different sizes, the first without an event."""
    dask, dd = pytest.importorskip("dask"), pytest.importorskip("dask.dataframe")
    cuts = pairwise([0, 0, 50, 51, 150, 150, len(frame)])
    return dd.from_delayed([dask.delayed(frame.iloc[start:stop]) for start, stop in cuts])


def as_dask_array(x, chunks):
    return pytest.importorskip("dask.array").from_array(x, chunks=chunks)


def test_a_data_frame(frame, whole):
    assert_equal(ot.analyze(MODEL, in_partitions(frame), **SMALL), whole)


def test_selected_events(frame):
    options = SMALL | {"where": "PRI_tau_pt > 30"}
    expected = ot.analyze(MODEL, frame, **options)
    assert_equal(ot.analyze(MODEL, in_partitions(frame), **options), expected)


def test_an_array_of_any_chunks():
    x = np.random.default_rng(1).normal(size=(300, 30)).astype(np.float32)
    expected = ot.analyze(MODEL, x, **PLAIN)
    assert_equal(ot.analyze(MODEL, as_dask_array(x, (70, 11)), **PLAIN), expected)


def test_an_array_with_unknown_chunks():
    x = np.random.default_rng(1).normal(size=(300, 30))
    chosen = as_dask_array(x, (70, 30))
    chosen = chosen[chosen[:, 0] > 0]  # Dask does not know how many these are
    expected = ot.analyze(MODEL, x[x[:, 0] > 0], **PLAIN)
    assert_equal(ot.analyze(MODEL, chosen, **PLAIN), expected)


def test_each_partition_is_held_alone_and_its_rows_are_remembered():
    x = as_dask_array(np.arange(60.0).reshape(20, 3), (8, 3))
    parts = Partitions(x)
    assert [table.rows for table in parts.tables] == [None, None, None]
    read = in_memory(parts, ColumnRequest(n_features=3))
    batches = list(read.batches(7))
    assert [len(batch) for batch in batches] == [7, 7, 6]
    np.testing.assert_array_equal(
        np.concatenate([b.x for b in batches]), np.arange(60).reshape(20, 3)
    )
    assert [table.rows for table in parts.tables] == [8, 8, 4]


def test_a_bad_cell_is_named(frame):
    bad = frame.copy()
    bad.loc[170, "DER_mass_vis"] = np.inf
    with pytest.raises(DataError, match=r"^partition 5 of the data: .*DER_mass_vis.*row 21 "):
        ot.analyze(MODEL, in_partitions(bad), **SMALL)


def test_a_partition_that_cannot_be_computed(frame):
    dd = pytest.importorskip("dask.dataframe")

    def fail(part):
        if len(part) and part.index[0] >= 200:
            raise RuntimeError("the disk\nis gone")
        return part

    parts = dd.from_pandas(frame, npartitions=4)
    broken = parts.map_partitions(fail, meta=parts._meta)
    with pytest.raises(DataError, match=r"^partition 2 of the data: cannot be .*the disk is gone"):
        ot.analyze(MODEL, broken, **SMALL)


def test_arrays_beside_a_collection(frame):
    with pytest.raises(OptionError, match="a collection of Dask: name one of its columns"):
        ot.analyze(MODEL, in_partitions(frame), weights=np.ones(400))


def test_an_array_of_three_axes():
    with pytest.raises(DataError, match=r"has 3 axes, .* must have the shape \(events, features\)"):
        ot.analyze(MODEL, as_dask_array(np.zeros((4, 3, 2)), (2, 3, 2)))


@pytest.mark.slow
def test_on_workers(frame, whole):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        parts = in_partitions(frame)
        assert_equal(ot.analyze(MODEL, parts, client=client, **SMALL), whole)
        with pytest.raises(DataError, match="is persisted on a cluster: give it as it was before"):
            ot.analyze(MODEL, parts.persist(), client=client, **SMALL)


def test_records_of_awkward(frame, whole):
    """Of dask_awkward, as coffea makes them."""
    ak, dak = pytest.importorskip("awkward"), pytest.importorskip("dask_awkward")
    records = ak.zip({name: frame[name].to_numpy() for name in frame.columns if name != "Label"})
    records["Label"] = ak.Array(frame["Label"].tolist())
    parts = dak.from_awkward(records, npartitions=4)
    assert_equal(ot.analyze(MODEL, parts, **SMALL), whole)
