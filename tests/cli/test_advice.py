"""What a message advises works when it is followed, at the first try."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import onnx
import pytest

from tests.graph.graphs import F64, I64, STRING, model, op, port

RANDOM = np.random.default_rng(5)


def net(last="Tanh", kind=onnx.TensorProto.FLOAT, batch="N"):
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind)
    nodes = [op("MatMul", ["x", "w"], ["h"]), op("Tanh", ["h"], ["t"]), op(last, ["t"], ["y"])]
    weights = RANDOM.normal(size=(3, 2)).astype(dtype)
    return model(nodes, [port("x", [batch, 3], kind)], [port("y", None, kind)], {"w": weights})


def titanic():
    codes = {"keys_strings": ["male", "female"], "values_floats": [0.0, 1.0]}
    nodes = [
        op("LabelEncoder", ["sex"], ["e"], domain="ai.onnx.ml", **codes),
        op("Concat", ["age", "fare", "e"], ["c"], axis=1),
        op("ReduceMean", ["c"], ["s"], axes=[1]),
        op("Tanh", ["s"], ["y"]),
    ]
    ports = [port("age", ["N", 1]), port("fare", ["N", 1]), port("sex", ["N", 1], STRING)]
    return model(nodes, ports, [port("y", None)], domains={"ai.onnx.ml": 3})


def nine():
    names = [f"in {k}" for k in range(9)]
    nodes = [op("Concat", names, ["c"], axis=1), op("Tanh", ["c"], ["y"])]
    return model(nodes, [port(name, ["N", 2]) for name in names], [port("y", None)])


def mixed():
    """Features beside text, a whole number, a truth value and a second table."""
    nodes = [
        op("LabelEncoder", ["kind"], ["e"], domain="ai.onnx.ml", keys_strings=["a"],
           values_floats=[2.0]),
        op("Cast", ["n"], ["f"], to=1),
        op("Cast", ["on"], ["g"], to=1),
        op("Concat", ["x", "z"], ["c"], axis=1),
        op("Mul", ["c", "e"], ["a"]),
        op("Mul", ["a", "f"], ["b"]),
        op("Mul", ["b", "g"], ["y"]),
    ]  # fmt: skip
    ports = [port("x", ["N", 3]), port("z", ["N", 2]), port("kind", ["N", 1], STRING)]
    ports += [port("n", [], I64), port("on", [], onnx.TensorProto.BOOL)]
    return model(nodes, ports, [port("y", None)], domains={"ai.onnx.ml": 3})


def classified():
    nodes = [op("Tanh", ["x"], ["p"]), op("ArgMax", ["p"], ["label"], axis=1)]
    outputs = [port("label", None, I64), port("p", None)]
    return model(nodes, [port("x", ["N", 3])], outputs)


def free():
    nodes = [op("Mul", ["x", "x"], ["s"]), op("ReduceMean", ["s"], ["y"], axes=[1])]
    return model(nodes, [port("x", ["N", "T"])], [port("y", ["N", 1])])


def negative():
    return model([op("Neg", ["x"], ["y"])], [port("x", ["N", 3])], [port("y", ["N", 3])])


def gaps():
    """Missing values are taken as 0."""
    nodes = [op("IsNaN", ["x"], ["m"]), op("Where", ["m", "zero", "x"], ["v"])]
    nodes.append(op("Tanh", ["v"], ["y"]))
    return model(nodes, [port("x", ["N", 3])], [port("y", None)], {"zero": np.float32(0)})


def wide(n):
    return model([op("Tanh", ["x"], ["y"])], [port("x", ["N", n])], [port("y", ["N", n])])


MODELS = {
    "net": net(),
    "double": net(kind=F64),
    "floor": net("Floor"),
    "det": model([op("Det", ["x"], ["d"]), op("Tanh", ["d"], ["y"])], [port("x", ["N", 2, 2])],
                 [port("y", ["N"])]),
    "titanic": titanic(),
    "nine": nine(),
    "mixed": mixed(),
    "classified": classified(),
    "free": free(),
    "negative": negative(),
    "wide": wide(700),
    "gaps": gaps(),
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, proto in MODELS.items():
        onnx.save(proto, f"{name}.onnx")
    for columns in (2, 3, 4, 5, 18):
        np.save(f"x{columns}.npy", RANDOM.uniform(0.1, 1, (20, columns)))
    np.save("x700.npy", RANDOM.normal(size=(3, 700)))
    rows = [f"{0.2 + k / 20},{0.7 + k / 50},{('male', 'female')[k % 2]}" for k in range(20)]
    Path("people.csv").write_text("\n".join(["age,fare,sex", *rows]) + "\n")
    without = [row.rpartition(",")[0] for row in ["age,fare,sex", *rows]]
    Path("nobody.csv").write_text("\n".join(without) + "\n")
    rows = [f"{k},{k % 3},{k % 5},run {k}" for k in range(20)]
    Path("text.csv").write_text("\n".join(["a,b,c,run", *rows]) + "\n")
    rows = [f"{k},{'' if k == 4 else k % 3},{k % 5}" for k in range(20)]
    Path("gap.csv").write_text("\n".join(["a,b,c", *rows]) + "\n")
    return tmp_path


class Case(NamedTuple):
    """A call that is refused, where its message has the advice, and what is filled in.

    ``without`` are words that the advice replaces; ``command`` is the one that is advised.
    """

    call: str
    advice: str
    values: Mapping[str, str] = MappingProxyType({})
    without: str = ""
    command: str = ""


ANALYZE = "--order 1 --check 4 --bootstrap 0"
CASES = [
    Case(f"analyze titanic.onnx nobody.csv {ANALYZE}", "give it with (.*)$", {"sex": "male"}),
    Case("inspect titanic.onnx nobody.csv", "give it with (.*)$", {"sex": "female"}),
    Case("check titanic.onnx nobody.csv", "give it with (.*)$", {"sex": "female"}),
    Case("inspect nine.onnx x18.npy", "or take as features with (.*)$"),
    Case(f"analyze nine.onnx x18.npy {ANALYZE}", "or take as features with (.*)$"),
    Case(
        f"analyze mixed.onnx x3.npy {ANALYZE}",
        "give it with (.*), or take",
        {"z": "0.1,0.2", "kind": "a", "n": "2", "on": "true"},
    ),
    Case(
        f"analyze mixed.onnx x5.npy {ANALYZE}",
        "or take as features with (.*)$",
        {"kind": "a", "n": "2", "on": "1"},
    ),
    Case(
        f"analyze classified.onnx x3.npy {ANALYZE} --output label",
        "choose (p)$",
        without="--output label",
    ),
    Case(f"analyze floor.onnx x3.npy {ANALYZE}", "such as (--output \\S+)"),
    Case("inspect floor.onnx", "such as (--output \\S+)"),
    Case(
        "check floor.onnx x3.npy",
        "analyze with (--finite-step 0.5sigma)",
        command="analyze",
    ),
    Case("inspect free.onnx", "name a file of (events)", {"events": "x4.npy"}),
    Case("differentiate free.onnx -o d.onnx", "number with (--n-features)", {"--n-features": "4"}),
    Case(
        f"analyze det.onnx x4.npy {ANALYZE} --engine exact",
        "use (--engine differences)",
        without="--engine exact",
    ),
    Case(
        f"analyze double.onnx x3.npy {ANALYZE} --precision float32",
        "use (--precision auto)",
        without="--precision float32",
    ),
    Case(
        f"analyze negative.onnx x3.npy {ANALYZE} --link log",
        "or use (--link identity)",
        without="--link log",
    ),
    Case("analyze wide.onnx x700.npy --check 0 --bootstrap 0", "use (--order 1)"),
    Case(f"analyze net.onnx text.csv {ANALYZE} --features a,b,run",
         "leave it out with (--exclude run)", without="--features a,b,run"),
    Case(f"analyze net.onnx text.csv {ANALYZE}", "leave columns out: (--exclude) NAME",
         {"--exclude": "run"}),
    Case(f"analyze net.onnx text.csv {ANALYZE}", "name the features with (--features) …",
         {"--features": "a,b,c"}),
    Case(f"analyze gaps.onnx gap.csv {ANALYZE}", "use (--missing nan)"),
    Case(
        "analyze net.onnx x3.npy --bootstrap 900000000000 --check 0",
        "use (\\d+) or fewer",
        without="--bootstrap 900000000000",
    ),
]  # fmt: skip


def followed(case: Case, message: str) -> list[str]:
    """The call again, with what the message advises."""
    found = re.search(case.advice, message)
    assert found, message
    words = []
    for word in shlex.split(found[1]):
        name, _, value = word.partition("=")
        if value == "VALUE":
            words.append(f"{name}={case.values[name]}")
        elif word in case.values and word.startswith("--"):
            words += [word, case.values[word]]
        else:
            words.append(case.values.get(word, word))
    if found[1] == "p":
        words = ["--output", "p"]
    if found[1].isdecimal():
        words = ["--bootstrap", "50"] if int(found[1]) >= 50 else []
    call = shlex.split(case.call.replace(case.without, "") if case.without else case.call)
    return [case.command or call[0], *call[1:], *words]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.call}: {case.advice}")
def test_the_advice_works_at_the_first_try(place, cli, case):
    status, _, err = cli(*shlex.split(case.call))
    assert status == 2, err
    assert err.count("\n") == 1
    again = followed(case, err.strip())
    status, _, err = cli(*again)
    assert status == 0, (again, err)
