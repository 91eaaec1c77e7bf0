"""Accuracy, evaluations and time of all programs on one model in one format."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.graph import GraphFunction
from validation.numerical_errors.judge import function_of, promoted, truth_of
from validation.performance.nets import dense_net
from validation.performance.numerical.programs import (
    PEERS,
    Counted,
    Setting,
    flattened,
    our_engine,
)
from validation.performance.numerical.search import accuracy, fewest, in_words
from validation.toys import SCENARIOS, oracle_model, quadratic

__all__ = ["MODELS", "Line", "Table", "compare", "model_of"]

Floats = npt.NDArray[np.float64]

MODELS = ("toy C", "8-50-50-1", "30-50-50-1")
PILOT, JUDGED, MOST = 64, 64, 4096
JUDGED_VALUES, SEARCH_VALUES = 512, 256  # events by features, at most: peers are slow with many
SECONDS = 0.1  # of a program in a turn, at least


@dataclass
class Line:
    """A program with its settings: median relative errors, evaluations an event, seconds an event.

    ``once`` are the seconds before the first event. No ``seconds`` where no setting is as accurate.
    """

    title: str
    setting: str
    errors: tuple[float, float] = (np.nan, np.nan)
    evaluations: float = np.nan
    once: float = 0.0
    events: int = 1
    seconds: list[float] = field(default_factory=list)


@dataclass
class Table:
    """The lines of one model in one format; the first is the engine."""

    name: str
    precision: str
    lines: list[Line]

    def times(self, line: Line) -> float:
        """How many times the engine's time: the median over the turns."""
        own = self.lines[0].seconds
        return float(np.median(np.divide(line.seconds, own))) if line.seconds else np.nan


@dataclass
class _Program:
    line: Line
    run: Callable[[Floats], Floats]  # x (B, n) → t (B, K)
    counted: Counted | None = None  # of the peers


def model_of(name: str) -> onnx.ModelProto:
    """``toy C``, or sizes of a dense net, tanh and a sigmoid at its end."""
    if name.startswith("toy "):
        scenario = SCENARIOS[name.removeprefix("toy ")]
        return oracle_model(*quadratic(scenario, *scenario.pooled()), np.float32)
    return dense_net(tuple(map(int, name.split("-"))), last="Sigmoid")


def compare(name: str, repeats: int, judged: int = JUDGED) -> list[Table]:
    """A table for float64 and one for float32, judged at so many events; fewer of many features."""
    original = function_of(model_of(name))
    n = original.n_features
    judged = max(4, min(judged, JUDGED_VALUES // n))
    x = np.random.default_rng(3).normal(size=(PILOT + MOST, n))
    x = x.astype(np.float32).astype(np.float64)
    pilot, x = x[:PILOT], x[PILOT:]
    double = promoted(original, pilot)
    truth = truth_of(double, x[:judged])[:, 0]
    tables = []
    for function in (double, original):
        programs = _programs(function, pilot, x, truth)
        for program in programs:
            _judge(program, x[:judged], truth)
        _time(programs, x, repeats)
        tables.append(Table(name, function.precision, [program.line for program in programs]))
    return tables


def _programs(function: GraphFunction, pilot: Floats, x: Floats, truth: Floats) -> list[_Program]:
    programs = [_ours(function, pilot, x, errors=errors) for errors in (True, False)]
    some = max(4, min(len(truth), SEARCH_VALUES // x.shape[1]))
    limits = accuracy(programs[0].run(x[:some]), truth[:some], x.shape[1])
    f = Counted(function)
    for name, peer in PEERS.items():
        programs.append(_theirs(name, f, ({}, {}), "defaults"))
        first, second = fewest(name, peer, f, x[:some], truth[:some], limits)
        if first is None or second is None:
            missing = " and ".join(t for t, s in (("t_i", first), ("t_ij", second)) if s is None)
            said = f"no setting is as accurate in {missing}"
            programs.append(_Program(Line(peer.title, said), _nothing))
        else:
            said = f"t_i: {in_words(first)}; t_ij: {in_words(second)}"
            programs.append(_theirs(name, f, (first, second), said))
    return programs


def _ours(function: GraphFunction, pilot: Floats, x: Floats, *, errors: bool) -> _Program:
    start = time.perf_counter()
    engine = our_engine(function, pilot, x, errors=errors)
    once = time.perf_counter() - start
    said = "with error estimates" if errors else "without error estimates"
    line = Line("onnxtaylor, differences", said, evaluations=engine.points, once=once)
    return _Program(line, lambda rows: engine.coefficients(rows).terms[:, 0])


def _theirs(name: str, f: Counted, chosen: tuple[Setting, Setting], said: str) -> _Program:
    peer, (first, second) = PEERS[name], chosen

    def run(rows: Floats) -> Floats:
        return flattened(peer.jacobian(f, rows, first), peer.hessian(f, rows, second))

    return _Program(Line(peer.title, said), run, f)


def _nothing(rows: Floats) -> Floats:
    raise NotImplementedError


def _judge(program: _Program, x: Floats, truth: Floats) -> None:
    if program.run is _nothing:
        return
    before = program.counted.rows if program.counted else 0
    program.line.errors = accuracy(program.run(x), truth, x.shape[1])
    if program.counted:
        program.line.evaluations = (program.counted.rows - before) / len(x)


def _time(programs: Sequence[_Program], x: Floats, repeats: int) -> None:
    """As many events as take a while, then all programs in turn, every other turn backwards."""
    running = [program for program in programs if program.run is not _nothing]
    for program in running:
        line = program.line
        while _seconds(program, x) < SECONDS and line.events < len(x):
            line.events *= 2
    for turn in range(repeats):
        for program in running[:: (-1) ** turn]:
            program.line.seconds.append(_seconds(program, x) / program.line.events)


def _seconds(program: _Program, x: Floats) -> float:
    start = time.perf_counter()
    program.run(x[: program.line.events])
    return time.perf_counter() - start
