"""How the worker ends, its parent tells in one line; whoever looks on sees no difference."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

# the worker does what a test says, in place of the work of a command
PROGRAM = """
import ctypes, os, signal, sys, threading, time
import onnxtaylor.cli as cli
from onnxtaylor.supervision.work import *
from onnxtaylor.supervision import limits
def work():
    {body}
    return 0
cli.main = work
cli.command()
"""


def program(body, *, prefix="", **kind):
    """A command whose worker runs these lines, started."""
    text = prefix + PROGRAM.replace("{body}", body.strip().replace("\n", "\n    "))
    kind = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | kind
    return subprocess.Popen([sys.executable, "-c", as_a_file(text)], **kind)


def as_a_file(text):
    """A program that is no evaluated text, which interrupts would wait for."""
    return f"exec(compile({text!r}, 'program.py', 'exec'))"


def ended(body, *, prefix="", **kind):
    """Exit status, stdout and stderr of such a command."""
    process = program(body, prefix=prefix, **kind)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def alive(number):
    try:
        return "Z" not in Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("ctypes.string_at(0)", "SIGSEGV (an access to memory that is not its own)"),
        ("os.abort()", "SIGABRT (native code gave up, as it does without memory)"),
        *(
            (f"os.kill(os.getpid(), signal.{name})", name)
            for name in ("SIGFPE", "SIGBUS", "SIGILL", "SIGUSR1")
        ),
    ],
)
def test_a_crash_is_told_in_one_line(body, said):
    body = f"with opening_model('bad.onnx', 1), at_work('onnxruntime loads it'):\n    {body}"
    status, out, err = ended(body)
    assert (status, out) == (2, "")
    assert err.startswith(
        f"error: bad.onnx: the process crashed while onnxruntime loads it: {said}"
    )
    way_out = "start again" if said == "SIGBUS" else "export it again"
    assert err.endswith(f"{way_out}\n")
    assert err.count("\n") == 1


def test_who_is_killed_may_lack_memory():
    status, out, err = ended("os.kill(os.getpid(), signal.SIGKILL)")
    assert (status, out) == (2, "")
    assert err == (
        "error: the process was killed: SIGKILL (as systems do that run out of memory): run it"
        " where there is more\n"
    )


BOMB = """
set_limits(free=2**29, opening_memory=2**27)
with {guard}:
    kept = []
    while True:
        kept.append(b'x' * 2**20)
        time.sleep(0.001)
"""


def test_memory_while_a_model_is_opened_has_a_limit():
    status, out, err = ended(BOMB.format(guard="opening_model('bomb.onnx', 1)"))
    assert (status, out) == (2, "")
    assert err == (
        "error: bomb.onnx: opening the model takes more than 128 MiB of memory: allow more with"
        " --opening-memory 2GiB\n"
    )


def test_memory_of_the_work_has_a_limit():
    status, out, err = ended(BOMB.format(guard="at_work('it works')"))
    assert (status, out) == (2, "")
    assert err.startswith("error: the call takes more than 512 MiB of memory while it works: near")


def test_opening_a_model_has_a_limit_of_time():
    body = "set_limits(opening_time=0.3)\nwith opening_model('endless.onnx', 1):\n    while True: 0"
    assert ended(body) == (
        2,
        "",
        "error: endless.onnx: the model was not opened within 0.3 s: allow more with"
        " --opening-time 10\n",
    )


def test_what_a_killed_worker_left_behind_is_removed(tmp_path):
    (tmp_path / "stdin.csv").write_text("a")
    body = f"with removed_after({str(tmp_path)!r}):\n    os.abort()"
    assert ended(body)[0] == 2
    assert not tmp_path.exists()


@pytest.mark.parametrize("status", [0, 1, 2, 3])
def test_the_exit_status_is_that_of_the_worker(status):
    body = f"print('out'); print('err', file=sys.stderr); return {status}"
    assert ended(body) == (status, "out\n", "err\n")


def test_stdin_is_read_by_the_worker():
    process = program("print(sys.stdin.read())", stdin=subprocess.PIPE)
    assert process.communicate("ä\n", timeout=60) == ("ä\n\n", "")


WAITS = """
try:
    print('ready', os.getpid(), flush=True)
    while True: time.sleep(0.01)
except KeyboardInterrupt:
    print('caught', flush=True)
    time.sleep(0.5)
    return 2
"""
HEARS = WAITS.replace("try:", "from onnxtaylor.cli.interrupts import outside_imports\ntry:", 1)
HEARS = HEARS.replace("    print('ready'", "  with outside_imports():\n    print('ready'", 1)


@pytest.fixture(autouse=True)
def heard():
    """SIGINT is heard here, also where whoever started the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("everyone", [False, True], ids=["parent", "group"])
def test_an_interrupt_reaches_the_worker_once(number, everyone):
    if everyone and number == signal.SIGHUP:
        pytest.skip("a terminal that closes ends the worker as well")
    process = program(HEARS, start_new_session=True)
    assert process.stdout.readline().startswith("ready")
    (os.killpg if everyone else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (2, "caught\n", "")


def test_an_interrupt_from_before_the_work_is_told_once():
    """The group has got it, and the parent passes it on: also while the worker begins or ends."""
    prefix = (
        "import atexit, os, signal, onnxtaylor.cli.supervisor as s\n"
        "usual = s.attach\n"
        "def attach(notes):\n"
        "    usual(notes)\n"
        "    os.killpg(0, signal.SIGINT)\n"
        "    atexit.register(os.kill, os.getpid(), signal.SIGTERM)\n"
        "s.attach = attach\n"
    )
    said = "def said(n, f): print('went on'); raise KeyboardInterrupt\nsignal.signal(2, said)\n"
    for more in ("", said):
        status, out, err = ended(more + "time.sleep(60)", prefix=prefix, start_new_session=True)
        assert (status, out, err) == (2, "", "error: interrupted\n")


def test_a_worker_ends_before_python_takes_itself_apart():
    """Threads of libraries that still run would abort it: they cannot get into the interpreter."""
    body = """
    import atexit
    class Late:
        def __del__(self): os.abort()
    sys.late = Late()
    atexit.register(print, 'at the end', end='')
    print('printed', end=', ')
    return 1
    """
    assert ended(textwrap.dedent(body)) == (1, "printed, at the end", "")


def test_ctrl_c_on_a_terminal_reaches_the_worker_once():
    worker, terminal = pty.fork()
    if worker == 0:
        text = PROGRAM.replace("{body}", HEARS.strip().replace("\n", "\n    "))
        os.execv(sys.executable, [sys.executable, "-c", as_a_file(text)])
    shown = b""
    while True:
        if not select.select([terminal], [], [], 60)[0]:
            break
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if b"ready" in part:
            os.write(terminal, b"\x03")
        shown += part
    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 2
    assert shown.count(b"caught") == 1
    assert b"error" not in shown


def test_where_sigint_is_ignored_sigterm_is_heard():
    prefix = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    process = program(HEARS, prefix=prefix)
    assert process.stdout.readline().startswith("ready")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) == ("caught\n", "")
    assert process.returncode == 2


def test_a_worker_that_does_not_answer_is_killed_at_the_second_interrupt(tmp_path):
    left = tmp_path / "left"
    left.write_text("")
    body = (
        "for n in (signal.SIGINT, signal.SIGTERM): signal.signal(n, signal.SIG_IGN)\n"
        f"with removed_after({str(left)!r}):\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(600)"
    )
    process = program(body, prefix="import onnxtaylor.cli.supervisor as s; s.IMPATIENT = 0.2\n")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) == ("", "error: interrupted\n")
    assert process.returncode == 2
    assert not left.exists()


def test_the_worker_ends_with_its_parent():
    process = program(WAITS)
    worker = int(process.stdout.readline().split()[1])
    assert worker != process.pid
    assert alive(worker)
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: not alive(worker))


@pytest.mark.parametrize("way", ["switch", "debugger", "threads"])
def test_who_looks_inside_gets_one_process(way):
    prefix = {
        "switch": "import os; os.environ['ONNXTAYLOR_SUPERVISOR'] = 'off'\n",
        "debugger": "import sys; sys.settrace(lambda *_: None)\n",
        "threads": "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(3,), daemon=True).start()\n",
    }[way]
    process = program("print(os.getpid(), is_watched())", prefix=prefix)
    out, err = process.communicate(timeout=60)
    assert out == f"{process.pid} False\n"
    assert err == ""


def test_the_parent_loads_nothing_large():
    code = "import sys, onnxtaylor.cli.supervisor\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    large = {"numpy", "numba", "onnx", "onnxruntime", "pyarrow", "typer", "rich", "subprocess"}
    assert not large.intersection(done.stdout.split())


def division(path):
    """A model whose constants x86 processors cannot divide: the least whole number by -1."""
    constants = {"least": -(2**63), "minus": -1}
    nodes = [
        helper.make_node("Div", ["least", "minus"], ["q"]),
        helper.make_node("Cast", ["q"], ["c"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x", "c"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 3]) for n in "xy"]
    values = [numpy_helper.from_array(np.array([v], np.int64), n) for n, v in constants.items()]
    graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], values)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


@pytest.mark.parametrize("command", ["inspect", "analyze", "check", "audit"])
def test_a_division_that_no_processor_can_do(place, command):
    division(place / "bad.onnx")
    before = sorted(place.iterdir())
    words = ("events.csv", "--label", "Label", "--weight", "w")
    done = module(command, "bad.onnx", *words, cwd=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: bad\.onnx: .+\n", done.stderr)
    assert sorted(place.iterdir()) == before


def module(*words, cwd, **kind):
    call = [sys.executable, "-m", "onnxtaylor", *words]
    return subprocess.run(call, cwd=cwd, capture_output=True, text=True, timeout=120, **kind)


def test_a_call_has_a_time(place):
    done = module("inspect", "model.onnx", "--timeout", "0.1", cwd=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r"error: (model\.onnx: )?not finished within 0\.1 s.*, the limit of --timeout 0\.1\n",
        done.stderr,
    )


def test_a_call_that_ends_in_time_is_not_disturbed(place):
    words = ("inspect", "model.onnx", "--json")
    with_limits = ("--timeout", "600", "--opening-time", "600", "--opening-memory", "8GiB")
    plain, limited = module(*words, cwd=place), module(*words, *with_limits, cwd=place)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert (limited.returncode, limited.stdout, limited.stderr) == (0, plain.stdout, "")


def test_limits_that_are_none_are_refused(refused):
    assert "'--timeout': " in refused("inspect", "model.onnx", "--timeout", "0")
    told = refused("inspect", "model.onnx", "--opening-memory", "much")
    assert told.startswith("--opening-memory must be a number and a unit")
    told = refused("inspect", "model.onnx", "--timeout", "9")
    assert told.startswith("--timeout is a limit that a second process watches, and there is none")
