"""An analysis that is killed again and again ends with the bytes of one that was left alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from onnxtaylor.errors import OptionError
from tests.run.divided import MODEL, OPTIONS, higgs_table, write_files

# each batch takes a while, and is saved
CHILD = """
import json, sys, time
import onnxtaylor as ot
import onnxtaylor.run.accumulate as accumulate

model, data, folder, out, options = json.loads(sys.argv[1])
accumulate.SAVE_SECONDS = 0.0

def progress(stage, done, total):
    if stage == "coefficients":
        print(done, flush=True)
        time.sleep(0.02)

result = ot.analyze(model, data, resume=folder, progress=progress, **options)
result.save(out)
"""
BATCHES = {"batch_size": 16}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("data"), higgs_table(), [0, 300, 611, 1000])


def start(data, folder, out, **further):
    call = [MODEL, list(map(str, data)), str(folder), str(out), OPTIONS | BATCHES | further]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps(call)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(data, folder, out, **further):
    process = start(data, folder, out, **further)
    told, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return list(map(int, told.split()))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("undisturbed")
    begin = time.monotonic()
    run(data, folder / "work", folder / "result.json")
    return (folder / "result.json").read_bytes(), time.monotonic() - begin


def kill_after(seconds, data, folder, out):
    """Kills the process at a moment; returns how far it was, None where it was done before."""
    process = start(data, folder, out)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
    told, errors = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), errors
    if out.exists():  # whole, also where the process was killed on its way out
        return None
    return [int(n) for n in told.split() if n.isdigit()]


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_at_random_moments(data, undisturbed, tmp_path, kills):
    expected, seconds = undisturbed
    random, work, out = np.random.default_rng(kills), tmp_path / "work", tmp_path / "result.json"
    reached = []
    for _ in range(kills):
        found = kill_after(seconds * random.uniform(0.5, 0.8), data, work, out)
        if found is None:
            break
        reached.append(found)
    done = run(data, work, out)
    assert out.read_bytes() == expected
    begun = [one[0] for one in (*reached, done) if one]
    assert begun == sorted(begun)  # nothing that was saved is lost
    assert done[0] > 0
    # the sums are there until who has saved the result deletes them
    assert [path.name for path in work.iterdir()] == ["finished.npz"]


def test_a_process_that_works_in_the_folder_keeps_others_out(data, tmp_path):
    process = start(data, tmp_path / "work", tmp_path / "result.json")
    try:
        assert process.stdout is not None
        assert process.stdout.readline()  # it has begun
        import onnxtaylor as ot

        with pytest.raises(OptionError, match=rf"is in use by process {process.pid} on ") as caught:
            ot.analyze(MODEL, data, resume=tmp_path / "work", **OPTIONS, **BATCHES)
        assert "\n" not in str(caught.value)
    finally:
        process.kill()
        process.communicate()
    assert (tmp_path / "work" / "in-use.json").exists()  # the lock of a dead process holds nobody
    assert run(data, tmp_path / "work", tmp_path / "result.json")[0] > 0


@pytest.mark.parametrize("change", ["data", "time", "weights of the model", "option"])
def test_what_has_changed_is_noticed(tmp_path, change):
    """Data by size and time, a model also by its weights in another file."""
    import onnx

    import onnxtaylor as ot

    data = write_files(tmp_path, higgs_table(200), [0, 200])
    model, options = tmp_path / "model.onnx", dict(OPTIONS | BATCHES)
    proto = onnx.load(MODEL)
    save = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    onnx.save_model(proto, model, **save)

    def interrupt(stage, done, total):
        if stage == "coefficients" and done >= 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ot.analyze(model, data, resume=tmp_path / "work", progress=interrupt, **options)
    assert (tmp_path / "work" / "sums.npz").exists()
    says = change
    if change == "data":
        write_files(tmp_path, higgs_table(201), [0, 201])
        says = "number of events: 201 in place of 200|number of events"
    elif change == "time":
        later = data[0].stat().st_mtime + 10
        os.utime(data[0], (later, later))
        says = "sizes and times of the files"
    elif change == "option":
        options["seed"] = 8
        says = "seed: 0 in place of 8"
    else:
        weights = bytearray((tmp_path / "weights.bin").read_bytes())
        weights[1] ^= 1
        (tmp_path / "weights.bin").write_bytes(weights)
    with pytest.raises(OptionError, match=f"sums of another analysis .*({says})"):
        ot.analyze(model, data, resume=tmp_path / "work", **options)
    shutil.rmtree(tmp_path / "work")
