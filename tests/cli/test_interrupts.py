"""Ctrl-C at any time: one line, status 2, nothing half written, and work that can be continued."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from onnxtaylor.cli import interrupts
from onnxtaylor.cli.interrupts import outside_imports


@pytest.fixture(autouse=True)
def heard():
    """SIGINT is heard here, also where whoever started the tests ignores it: so do background
    shells, nohup and some pipelines, and children inherit it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


COLUMNS = ["--weight", "KaggleWeight", "--label", "Label", "--missing", "-999"]
LINE = "error: interrupted: no result was written (--resume FOLDER keeps unfinished work)\n"


@pytest.fixture(scope="module")
def long_job(tmp_path_factory):
    """A folder with a job of several seconds: the demo's model and its events many times."""
    place = tmp_path_factory.mktemp("job")
    demo = files("onnxtaylor") / "demo"
    (place / "higgs.onnx").write_bytes((demo / "higgs.onnx").read_bytes())
    with (demo / "higgs.parquet").open("rb") as stream:
        events = pa.parquet.read_table(stream)
    pa.parquet.write_table(pa.concat_tables([events] * 4), place / "events.parquet")
    return place


def start(place, *words, sigint=signal.SIG_DFL):
    call = ["analyze", "higgs.onnx", "events.parquet", *COLUMNS, "--engine", "differences", *words]
    return subprocess.Popen(
        [sys.executable, "-m", "onnxtaylor", *call],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, sigint),
    )


def interrupted(process, number=signal.SIGINT):
    process.send_signal(number)
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, err


def of_the_worker(process, name):
    """A file of /proc about the process that does the work; empty before there is one."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    try:
        return Path(f"/proc/{children.read_text().split()[0]}/{name}").read_text()
    except (OSError, IndexError):
        return ""


def wait_for_the_program(process):
    """Until it listens: what comes while the interpreter itself starts, no program can answer."""
    while process.poll() is None:
        status = of_the_worker(process, "status").splitlines()
        caught = next((line for line in status if "SigCgt" in line), "SigCgt: 0")
        if int(caught.split()[1], 16) >> (signal.SIGALRM - 1) & 1:  # of ``outside_imports``
            return
        time.sleep(0.005)


def wait_for_the_sums(process, folder):
    """Until they are begun, when their folder is made, and for some of the events."""
    while process.poll() is None and not folder.exists():
        time.sleep(0.02)
    time.sleep(1)


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.2, 0.35, 0.6])
def test_while_it_loads(long_job, seconds):
    process = start(long_job, "-o", "loading.json")
    wait_for_the_program(process)
    time.sleep(seconds)
    status, out, err = interrupted(process)
    assert (status, out) == (2, "")
    assert err in ("error: interrupted\n", LINE)
    assert not (long_job / "loading.json").exists()


def test_where_sigint_is_ignored_it_is_not_heard(long_job, tmp_path):
    """As a job in the background, which Ctrl-C on the terminal is not meant for."""
    short = ["--events", "300", "--check", "0", "--bootstrap", "0"]
    process = start(long_job, *short, "-o", str(tmp_path / "done.json"), sigint=signal.SIG_IGN)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    out, err = process.communicate()
    assert (process.returncode, "interrupted" in err) == (0, False)
    assert out
    assert (tmp_path / "done.json").exists()


READY = """
import sys
print("ready", flush=True)
from onnxtaylor.cli import command
sys.argv[1:] = ["inspect", "higgs.onnx"]
command()
"""


@pytest.mark.slow
def test_a_whole_group_of_processes_at_twenty_moments(long_job, tmp_path):
    """From the moment on at which Python has started, and leaves the rest to this program."""
    (tmp_path / "start.py").write_text(READY)
    for moment in range(20):
        process = subprocess.Popen(
            [sys.executable, tmp_path / "start.py"],
            cwd=long_job,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.005 + 0.0003 * moment**3)  # to 2 s
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        if process.returncode:
            assert (process.returncode, err) == (2, "error: interrupted\n")
        else:
            assert (out.count("input") > 0, err) == (True, "")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_midst_of_the_work(long_job, number):
    process = start(long_job, "-o", "result.json", "--csv", "table.csv")
    runtime = "onnxruntime_pybind11_state"
    while process.poll() is None and runtime not in of_the_worker(process, "maps"):
        time.sleep(0.02)  # until it is loaded
    time.sleep(1)
    assert process.poll() is None, "the job is too short"
    assert interrupted(process, number) == (2, "", LINE)
    assert {path.name for path in long_job.iterdir()} == {"higgs.onnx", "events.parquet"}


@pytest.mark.slow
def test_continued_work_gives_the_same_bytes(long_job, tmp_path):
    sums, result = tmp_path / "sums", tmp_path / "result.json"
    tried = 0
    while tried < 3 and not (sums / "sums.npz").exists():
        process = start(long_job, "-o", str(result), "--resume", str(sums), "-q")
        wait_for_the_sums(process, sums)
        # batch systems send SIGTERM, people press Ctrl-C
        status, out, err = interrupted(process, signal.SIGINT if tried else signal.SIGTERM)
        tried += 1
        assert (status, out) == (2, "")
        assert err.startswith("error: interrupted: the same call continues from the sums in ")
        assert err.count("\n") == 1
        assert not result.exists()
    assert (sums / "sums.npz").exists()
    continued = start(long_job, "-o", str(result), "--resume", str(sums), "-q")
    assert continued.communicate() == ("", "")
    undisturbed = ["--resume", str(tmp_path / "undisturbed"), "-q"]  # cuts the events alike
    at_once = start(long_job, "-o", str(tmp_path / "at_once.json"), *undisturbed)
    assert at_once.communicate() == ("", "")
    assert continued.returncode == at_once.returncode == 0
    assert result.read_bytes() == (tmp_path / "at_once.json").read_bytes()
    assert not list(sums.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_spooled_stdin_is_removed(long_job, tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, "-m", "onnxtaylor", "analyze", "higgs.onnx", "-"],
        cwd=long_job,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    while process.poll() is None and not list(tmp_path.glob("onnxtaylor-*/stdin.csv")):
        time.sleep(0.02)
    process.send_signal(number)
    process.wait(timeout=60)  # stdin is still open: at its end the work would go on
    out, err = process.communicate()
    assert (process.returncode, out, err) == (2, "", LINE)
    assert not list(tmp_path.iterdir())


INTERRUPTED = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\n"


def send():
    os.kill(os.getpid(), signal.SIGINT)


def test_an_import_is_finished_first(tmp_path, monkeypatch):
    (tmp_path / "slow_module.py").write_text(INTERRUPTED + "time.sleep(0.1)\nDONE = True\n")
    monkeypatch.syspath_prepend(tmp_path)

    def load():
        import_module("slow_module")
        time.sleep(10)

    with pytest.raises(KeyboardInterrupt), outside_imports():
        load()
    assert sys.modules["slow_module"].DONE


def test_what_is_lost_in_a_callback_is_raised_again():
    """Python cannot raise through compiled code, such as Numba's compiler, which calls back."""
    before = sys.unraisablehook

    def callback():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)

    def work():
        ctypes.CFUNCTYPE(None)(callback)()
        time.sleep(10)

    with pytest.raises(KeyboardInterrupt), outside_imports():
        work()
    assert sys.unraisablehook is before


def test_an_import_that_never_ends_is_interrupted(tmp_path, monkeypatch):
    monkeypatch.setattr(interrupts, "LOOKS", 5)
    (tmp_path / "endless_module.py").write_text(INTERRUPTED + "time.sleep(10)\n")
    monkeypatch.syspath_prepend(tmp_path)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), outside_imports():
        import_module("endless_module")
    assert time.monotonic() - began < 5


def test_evaluated_text_is_finished_first():
    """Else Python ends the process by SIGINT, whatever becomes of the exception."""
    done = []

    def evaluate():
        eval("(send(), done.append(1))", {"send": send, "done": done})
        time.sleep(10)

    with pytest.raises(KeyboardInterrupt), outside_imports():
        evaluate()
    assert done == [1]


def test_one_that_waited_and_another_are_one():
    """The second signal, of the parent, comes when nothing is evaluated any more."""
    caught = []

    def work():
        eval("send()", {"send": send})
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    with outside_imports():
        try:
            work()
        except KeyboardInterrupt:
            caught.append(time.monotonic())
        end = time.monotonic() + 10 * interrupts.PAUSE
        while time.monotonic() < end:
            pass
    assert len(caught) == 1


EVALUATED = """
import os, signal, sys, time
from onnxtaylor.cli.interrupts import outside_imports
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with outside_imports():
        eval("os.kill(os.getpid(), signal.SIGINT)")
        time.sleep(10)
except KeyboardInterrupt:
    sys.exit(2)
"""


def test_the_exit_status_is_that_of_the_program(tmp_path):
    (tmp_path / "program.py").write_text(EVALUATED)
    done = subprocess.run([sys.executable, tmp_path / "program.py"], timeout=60)
    assert done.returncode == 2


def test_a_program_in_text_is_interrupted_at_once():
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", EVALUATED.replace('eval("', "(lambda: ").replace('")', ")()")],
        timeout=60,
    )
    assert time.monotonic() - began < 8
    assert done.returncode != 0


def test_elsewhere_at_once_and_the_handlers_are_given_back():
    alarm = signal.getsignal(signal.SIGALRM)
    with outside_imports():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt), outside_imports():
        send()
    assert signal.getsignal(signal.SIGALRM) is alarm
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_belongs_to_an_answered_interrupt_is_not_heard_again(monkeypatch):
    """As where a group of processes gets a signal, and the parent passes it on as well."""
    with pytest.raises(KeyboardInterrupt), outside_imports():
        send()
    send()
    assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    now = time.monotonic()
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: now + 2 * interrupts.ONE)
    with pytest.raises(KeyboardInterrupt):
        send()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt), outside_imports():
        send()
    with pytest.raises(KeyboardInterrupt), outside_imports():  # the next call hears as well
        send()


def test_a_handler_of_the_caller_and_other_threads_are_left_alone():
    got = []
    usual = signal.signal(signal.SIGINT, lambda *_: got.append(1))
    try:
        with outside_imports():
            send()
    finally:
        signal.signal(signal.SIGINT, usual)
    assert got == [1]

    def inside():
        with outside_imports():
            got.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert got[1] is usual
