"""A program that analyzes again and again, from several threads, or in processes that it forks."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.runtime.resident import forget_peak, resident_bytes
from tests.cli.conftest import write_model

KEYWORDS = {"bootstrap": 20, "check": 8}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("long") / "model.onnx", responses=3)


@pytest.fixture(scope="module")
def events():
    return np.random.default_rng(7).normal(size=(400, 3))


def threads():
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_a_hundred_analyses_take_the_memory_of_a_few(model, events, engine):
    def analyze(times):
        for _ in range(times):
            ot.analyze(model, events, engine=engine, **KEYWORDS)
        gc.collect()
        forget_peak()
        return resident_bytes()

    first, running = analyze(10), threads()
    last = analyze(90)
    assert last < 1.05 * first
    assert threads() <= running


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_two_threads_give_the_results_of_one(model, events, engine):
    def analyze(seed):
        return ot.analyze(model, events, engine=engine, seed=seed, **KEYWORDS)

    running = threading.active_count()
    alone = [analyze(seed) for seed in range(2)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(analyze, [0, 1, 0, 1]))
    for k, result in enumerate(together):
        np.testing.assert_allclose(result.score, alone[k % 2].score, rtol=1e-12)
        np.testing.assert_allclose(result.sem, alone[k % 2].sem, rtol=1e-9)
        assert result.check["verdict"] == "agrees"
    assert threading.active_count() == running


IMPORTS = """
import os, sys
import numpy, scipy.linalg, pyarrow, pyarrow.dataset, onnx, numba, matplotlib
def threads():
    return len(os.listdir("/proc/self/task"))
before = threads()
import onnxtaylor as ot
for name in ot.__all__:
    getattr(ot, name)
import onnxtaylor.cli.app
from onnxtaylor.runtime.provider import import_onnxruntime
import_onnxruntime()
print(threads() - before)
"""


def test_no_import_starts_a_thread():
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "0\n"


FORKS = """
import multiprocessing, sys
import numpy as np
import onnxtaylor as ot
x = np.random.default_rng(7).normal(size=(200, 3))
{before}
def work(engine):
    return float(ot.analyze(sys.argv[1], x, engine=engine, bootstrap=9, check=4).score.sum())
with multiprocessing.get_context("fork").Pool(2) as pool:
    a, b = pool.map_async(work, ["exact", "differences"]).get(timeout=100)
assert abs(a - b) < 1e-3 * a, (a, b)
print("done")
"""


@pytest.mark.parametrize(
    "before",
    ["ot.analyze; ot.cross_check; ot.audit", "ot.analyze(sys.argv[1], x, bootstrap=9, check=4)"],
    ids=["touched", "used"],
)
def test_processes_that_are_forked_analyze_too(model, before):
    done = subprocess.run(
        [sys.executable, "-c", FORKS.format(before=before), str(model)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"NUMBA_NUM_THREADS": "2"},
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
