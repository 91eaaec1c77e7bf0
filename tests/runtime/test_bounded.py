"""Loops that end by a condition of their own, or never: opening a model ends all the same."""

import time

import numpy as np
import onnx
import pytest
from onnx import helper, parser

from onnxtaylor.errors import EndlessError, ModelError
from onnxtaylor.graph import read_model
from onnxtaylor.problem import Problem
from onnxtaylor.runtime import bounded
from onnxtaylor.runtime.bounded import TimeLimit, opening
from onnxtaylor.runtime.tensors import run_all

SOON = 0.4  # seconds, in place of LIMIT
HEAD = '<ir_version: 10, opset_import: ["": 21]>\n'
NUMBERS = "<bool c = {1}, int64 k0 = {0}, int64 one = {1}, int64 far = {FAR}>"
COUNTING = """
  z, k = Loop(, c, x, k0) <body: graph = body
    (int64 i, bool before, float[SHAPE] a, int64 k1) => (bool on, float[SHAPE] a2, int64 k2)
  {
    a2 = Tanh(a)
    k2 = Add(k1, one)
    on = Less(k2, far)
  }>
"""


def counting(turns: int, shape: str = "N, 3") -> onnx.ModelProto:
    """A loop without a number of turns that counts them itself."""
    text = f"g (float[{shape}] x) => (float[{shape}] z) {NUMBERS} {{ {COUNTING} }}"
    text = text.replace("SHAPE", shape).replace("FAR", str(turns))
    return parser.parse_model(HEAD + text)


def nested(turns: int) -> onnx.ModelProto:
    """As many loops inside a loop of so many turns."""
    text = f"""
    g (float[N, 3] x) => (float[N, 3] z) <bool c = {{1}}, int64 m = {{{turns}}}> {{
      z = Loop(m, c, x) <body: graph = outer (int64 i, bool d, float[N, 3] a)
        => (bool d2, float[N, 3] a2)
      {{
        d2 = Identity(d)
        a2 = Loop(m, d, a) <body: graph = inner (int64 j, bool e, float[N, 3] b)
          => (bool e2, float[N, 3] b2) {{ e2 = Identity(e)  b2 = Tanh(b) }}>
      }}>
    }}"""
    return parser.parse_model(HEAD + text)


@pytest.mark.parametrize(
    "proto",
    [counting(2**62), counting(2**62, "3"), nested(100_000)],
    ids=["counted", "counted in a graph of one event", "nested"],
)
def test_a_loop_that_does_not_end_is_refused_in_time(monkeypatch, proto):
    monkeypatch.setattr(bounded, "LIMIT", SOON)
    begin = time.monotonic()
    with pytest.raises(EndlessError, match=r"did not answer \d+ events? within 0 s: a loop"):
        Problem.open(proto, np.random.default_rng(1).normal(size=(20, 3)))
    assert time.monotonic() - begin < 20 * SOON
    with pytest.raises(EndlessError, match="a loop"):
        Problem.open_without_data(proto)


def test_all_runs_of_an_opening_share_the_time(monkeypatch):
    monkeypatch.setattr(bounded, "LIMIT", SOON)
    limit = TimeLimit(counting(5))

    def run() -> None:
        with limit.watch(1) as options:
            time.sleep(SOON / 4)
            if options.terminate:
                raise RuntimeError

    def several() -> None:
        for _ in range(10):
            run()

    with opening(), opening(), pytest.raises(EndlessError):  # the inner one adds nothing
        several()


def test_loops_that_end_are_run():
    x = np.random.default_rng(2).normal(size=(20, 3))
    problem = Problem.open(counting(4), x)
    expected = x[:5]
    for _ in range(4):
        expected = np.tanh(expected)
    np.testing.assert_allclose(problem.session(x[:5].astype("f4")), expected, rtol=1e-6)


def test_an_error_of_the_run_stays_what_it_is():
    with pytest.raises(KeyError), TimeLimit(counting(5)).watch(3):
        raise KeyError


def test_graphs_without_loops_are_not_watched():
    plain = parser.parse_model(HEAD + "g (float[N, 3] x) => (float[N, 3] y) { y = Tanh(x) }")
    with TimeLimit(plain).watch(3) as options:
        assert options is None
    with TimeLimit(counting(5)).watch(3) as options:
        assert options is not None


def test_a_later_run_may_take_a_hundred_times_the_pace(monkeypatch):
    monkeypatch.setattr(bounded, "LIMIT", 0.0)
    limit = TimeLimit(counting(5))
    with limit.watch(1):
        time.sleep(0.05)  # 0.05 s an event: 5 s are allowed for the next one
    with limit.watch(1) as options:
        time.sleep(0.2)
    assert not options.terminate


def test_a_run_of_all_tensors_ends_too(monkeypatch):
    monkeypatch.setattr(bounded, "LIMIT", SOON)
    with pytest.raises(EndlessError, match="1 event within"):
        run_all(counting(2**62), [{"x": np.ones((2, 3), "f4")}])


def calling(depth: int, times: int, *, itself: bool = False) -> onnx.ModelProto:
    """Functions that call the next one several times each."""
    functions, sets = [], [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]
    for k in range(depth):
        kind, domain = (f"f{k - 1}", "own") if k or itself else ("Tanh", "")
        if itself and not k:
            kind = f"f{depth - 1}"
        names = ["x", *(f"t{j}" for j in range(1, times)), "y"]
        nodes = [
            helper.make_node(kind, [names[j]], [names[j + 1]], domain=domain) for j in range(times)
        ]
        functions.append(helper.make_function("own", f"f{k}", ["x"], ["y"], nodes, sets))
    x, y = (helper.make_tensor_value_info(name, 1, ["N", 3]) for name in "xy")
    last = helper.make_node(f"f{depth - 1}", ["x"], ["y"], domain="own")
    graph = helper.make_graph([last], "g", [x], [y])
    return helper.make_model(graph, functions=functions, opset_imports=sets, ir_version=10)


def test_functions_that_write_out_to_too_many_nodes_are_refused():
    with pytest.raises(ModelError, match=r"with its functions written out .* 1e\+09 nodes"):
        read_model(calling(9, 10))
    assert read_model(calling(2, 10)).proto.functions


def test_functions_that_call_themselves_are_refused():
    with pytest.raises(ModelError, match=r"function 'f.' calls itself"):
        read_model(calling(3, 2, itself=True))
