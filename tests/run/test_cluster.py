"""The workers of Dask: the same result for any number of them, also where one dies."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import DataError, OptionError
from tests.data.conftest import write_root
from tests.run.divided import MODEL, OPTIONS, assert_equal, higgs_table, write_files

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.slow

SMALL = OPTIONS | {"batch_size": 64, "precision": "float64"}  # so there are fifteen parts


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("data"), higgs_table(), [0, 1, 50, 50, 611, 1000])


@pytest.fixture(scope="module")
def whole(data):
    return ot.analyze(MODEL, data, **SMALL)


@pytest.fixture(scope="module", params=[1, 2, 4])
def client(request):
    with (
        distributed.LocalCluster(
            n_workers=request.param,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
        ) as cluster,
        distributed.Client(cluster) as own,
    ):
        yield own


BYTES: set[str] = set()


def test_any_number_of_workers(data, whole, client):
    result = ot.analyze(MODEL, data, client=client, **SMALL)
    assert_equal(result, whole)
    BYTES.add(result.to_json())
    assert len(BYTES) == 1  # also of the numbers of workers before


def test_arrays_are_sent(client):
    x = np.random.default_rng(1).normal(size=(300, 30))
    options = {"bootstrap": 10, "batch_size": 64, "check": 8}
    assert_equal(ot.analyze(MODEL, x, client=client, **options), ot.analyze(MODEL, x, **options))


def test_a_bad_cell_is_named(tmp_path, client):
    table = higgs_table(100).to_pandas()
    table.loc[70, "DER_mass_vis"] = np.inf
    table.to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(DataError, match=r"bad.csv: .*DER_mass_vis.* row 71"):
        ot.analyze(MODEL, tmp_path / "bad.csv", client=client, **SMALL)


def test_a_worker_that_is_killed_loses_nothing(data, whole):
    """In the middle of the run, while it has a part."""
    done, killed = threading.Event(), []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):

        def progress(stage, events, total):
            if stage == "coefficients" and events > 0 and not killed:
                pid = next(iter(cluster.workers.values())).pid
                killed.append((pid, events))
                import os
                import signal

                os.kill(pid, signal.SIGKILL)

        result = ot.analyze(MODEL, data, client=client, progress=progress, **SMALL)
        done.set()
    assert killed
    assert 0 < killed[0][1] < 1000
    assert_equal(result, whole)


def test_ctrl_c_cancels(data):
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):

        def progress(stage, events, total):
            if stage == "coefficients" and events > 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ot.analyze(MODEL, data, client=client, progress=progress, **SMALL)
        deadline = time.monotonic() + 20
        while client.processing() and any(client.processing().values()):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_local_workers_by_their_number(data, whole):
    assert_equal(ot.analyze(MODEL, data, dask="local:2", **SMALL), whole)


def test_names_of_files_mean_the_same_to_workers(tmp_path, monkeypatch):
    """Their folder is another one: patterns, trees, friends and classes stay what they are."""
    table = higgs_table(400).drop_columns(["Label", "EventId", "Weight"])
    columns = {name: table[name].to_numpy() for name in table.column_names}
    (tmp_path / "here").mkdir()
    for k in range(3):
        part = {name: values[k::3] for name, values in columns.items()}
        trees = {
            "events": part,
            "others": {"v": np.linspace(0.5, 2.0, len(table["PRI_met"][k::3]))},
        }
        write_root(tmp_path / "here" / f"{'tau' if k else 'qcd'}_{k}.root", trees)
    options = {name: SMALL[name] for name in ("missing", "bootstrap", "check", "batch_size")}
    options |= {
        "weights": ["KaggleWeight", "v"],
        "where": "PRI_tau_pt > 25",
        "friends": [":others"],
    }
    by_class = {"tau": "tau_*.root:events", "qcd": "qcd_0.root:events"}
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        monkeypatch.chdir(tmp_path / "here")
        for x, chosen in ((None, {"files_by_class": by_class}), (["tau_*.root:events"], {})):
            whole = ot.analyze(MODEL, x, **options, **chosen)
            assert_equal(ot.analyze(MODEL, x, client=client, **options, **chosen), whole)
            assert whole.groups == (("all", "qcd", "tau") if chosen else ("all",))


def test_what_cannot_be_done_is_said(data, tmp_path):
    with pytest.raises(OptionError, match=r"dask tcp://127.0.0.1:1: no scheduler answers"):
        ot.analyze(MODEL, data, dask="tcp://127.0.0.1:1", **SMALL)
    problem = ot.Problem.open(MODEL, np.zeros((10, 30)) + np.eye(10, 30))
    with pytest.raises(OptionError, match="dask opens model and data on its workers"):
        ot.analyze(problem, dask="local:1")
