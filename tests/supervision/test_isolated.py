"""Work in another process: what it gives back, and how its end is told."""

from __future__ import annotations

import ctypes
import os
import threading
import time
import warnings

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import (
    DisagreementError,
    ModelError,
    OnnxTaylorWarning,
    OptionError,
    WorkerError,
)
from onnxtaylor.supervision.isolated import call_isolated
from onnxtaylor.supervision.work import at_work, is_watched, opening_model, set_limits
from tests.cli.conftest import write_model, write_table


def call(function, *arguments, limits=None, **keywords):
    return call_isolated(f"{__name__}:{function}", *arguments, limits=limits or {}, **keywords)


def give_back(*arguments, **keywords):
    return os.getpid(), is_watched(), arguments, keywords


def crash():
    with opening_model("bad.onnx", 1), at_work("onnxruntime loads it"):
        ctypes.string_at(0)


def leave():
    os._exit(7)


def swallow():
    set_limits(free=2**29)
    kept = []
    while True:
        kept.append(b"x" * 2**20)
        time.sleep(0.001)


def wait():
    time.sleep(600)


def raise_it(error):
    raise error


def fail():
    return 1 / 0


def warn():
    warnings.warn("said there", OnnxTaylorWarning, stacklevel=1)


def report(progress):
    for k in range(3):
        progress("stage", k, 3)
    return "done"


def test_what_a_function_is_given_and_gives_back():
    pid, watched, arguments, keywords = call("give_back", 1, np.arange(3), key={"a": 2})
    assert pid != os.getpid()
    assert watched
    assert (arguments[0], arguments[1].tolist(), keywords) == (1, [0, 1, 2], {"key": {"a": 2}})


def test_a_crash():
    with pytest.raises(WorkerError, match=r"bad\.onnx: the process crashed while .* SIGSEGV"):
        call("crash")


def test_an_end_without_an_answer():
    with pytest.raises(WorkerError, match="ended with status 7, and no answer"):
        call("leave")


def test_memory_has_a_limit():
    with pytest.raises(WorkerError, match="takes more than 512 MiB of memory"):
        call("swallow")


def test_time_has_a_limit():
    with pytest.raises(WorkerError, match="not finished within 2 s"):
        call("wait", limits={"timeout": 2.0})


@pytest.mark.parametrize(
    "error",
    [
        OptionError("must be 1", option="order"),
        ModelError("is none").located("m.onnx"),
        DisagreementError("they differ", 0.5, np.ones(2)),
    ],
)
def test_errors_are_those_of_the_function(error):
    with pytest.raises(type(error)) as caught:
        call("raise_it", error)
    assert str(caught.value) == str(error)
    assert vars(caught.value).keys() == vars(error).keys()


def test_a_fault_tells_where_it_was():
    with pytest.raises(ZeroDivisionError) as caught:
        call("fail")
    assert "return 1 / 0" in caught.value.__notes__[0]


def test_warnings_are_given_here():
    with pytest.warns(OnnxTaylorWarning, match="said there"):
        call("warn")


def test_progress_is_reported_here():
    told = []
    assert call("report", progress=lambda *one: told.append(one)) == "done"
    assert told == [("stage", k, 3) for k in range(3)]


def test_what_cannot_be_handed_over():
    with pytest.raises(OptionError, match="hands model and data over to another process"):
        call("give_back", threading.Lock())


def test_nothing_is_left_open():
    handles, threads = len(os.listdir("/proc/self/fd")), threading.active_count()  # noqa: PTH208
    call("give_back")
    with pytest.raises(WorkerError):
        call("leave")
    assert len(os.listdir("/proc/self/fd")) == handles  # noqa: PTH208
    assert threading.active_count() == threads


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("isolated")
    write_model(place / "model.onnx")
    write_table(place / "events.csv")
    return place


def test_inspection(folder):
    model = folder / "model.onnx"
    assert ot.inspect_model(model, isolated=True, timeout=600) == ot.inspect_model(model)
    with pytest.raises(ModelError, match="no such file"):
        ot.inspect_model(folder / "no.onnx", isolated=True)
    with pytest.raises(OptionError, match=r"timeout is a limit of another process: add isolated"):
        ot.inspect_model(model, timeout=9)
    with pytest.raises(OptionError, match=r"isolated opens model and data in another process"):
        ot.inspect_model(ot.Problem.open_without_data(model), isolated=True)


def test_an_audit(folder):
    told = []
    call = {"exclude": ["Label", "w"]}
    model, data = folder / "model.onnx", folder / "events.csv"
    here = ot.audit(model, data, **call)
    there = ot.audit(model, data, isolated=True, progress=lambda *one: told.append(one), **call)
    assert there.verdict == here.verdict
    assert [check.status for check in there.checks] == [check.status for check in here.checks]
    np.testing.assert_array_equal(there.result.score, here.result.score)
    assert told
    with pytest.raises(OptionError, match="timeout must be at least"):
        ot.audit(model, data, isolated=True, timeout=0, **call)
