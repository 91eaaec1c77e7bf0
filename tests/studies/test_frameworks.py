"""The study of PyTorch, JAX and one set of weights: its claims, and its shortened form."""

from __future__ import annotations

import copy
import json
import runpy

import numpy as np
import pytest

from validation.frameworks import STUDY, study
from validation.frameworks.one_set import SIZES, weights
from validation.study import main

TITLES = (
    "exact, float32",
    "exact, float64",
    "differences",
    "exact, float64 file",
    "differences, float64 file",
)
SMALL = {"exact, float32": 1e-7, "differences": 1e-9, "differences, float64 file": 1e-9}


def numbers():
    """As a run makes them, with deviations that are within all limits."""

    def cells(**entry):
        return {t: {k: f * SMALL.get(t, 1e-15) for k, f in entry.items()} for t in TITLES}

    size = {"features": 6, "responses": 3, "opset": 20}
    rows = [
        {"framework": "PyTorch", "network": "GELU", "exporter": "dynamo", **size},
        {"framework": "JAX", "network": "gelu", "exporter": "jax2onnx", **size},
    ]
    sets = [
        {"kind": kind, "files": ["Keras", "JAX"], "cells": cells(largest=1, without_keras=1)}
        for kind in ("tanh", "layer normalization, gelu")
    ]
    for cell in sets[1]["cells"].values():
        cell["largest"] = 2e-8
    return {
        "events": 8,
        "versions": dict.fromkeys(study.NEEDS, "1.0"),
        "proof": {"PyTorch": 0.0, "JAX": 1e-16},
        "rows": [row | {"cells": cells(value=0, jacobian=1, hessian=2)} for row in rows],
        "one_set": sets,
    }


def fault(path, value):
    def change(found):
        for key in path[:-1]:
            found = found[key]
        found[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        fault(["proof", "JAX"], 1e-3),
        fault(["rows", 0, "cells", "exact, float32", "hessian"], 6e-6),
        fault(["rows", 1, "cells", "exact, float64 file", "jacobian"], 2e-12),
        fault(["rows", 1, "cells", "exact, float64"], {"refused": "no"}),
        fault(["rows", 0, "cells", "differences", "hessian"], 2e-6),
        fault(["one_set", 0, "cells", "exact, float64", "largest"], 2e-12),
        fault(["one_set", 1, "cells", "exact, float64", "without_keras"], 2e-12),
        fault(["one_set", 1, "cells", "exact, float64", "largest"], 2e-7),
        fault(["one_set", 1, "cells", "exact, float64", "largest"], 0.0),
        fault(["one_set", 0, "cells", "differences", "largest"], 2e-6),
    ],
)
def test_each_claim_can_fail(change):
    sound = numbers()
    assert all(claim.holds for claim in study.claims_of(sound))
    broken = copy.deepcopy(sound)
    change(broken)
    assert sum(not claim.holds for claim in study.claims_of(broken)) == 1


def test_the_section_has_a_row_for_every_network():
    text = STUDY.section(json.loads(json.dumps(numbers())))
    assert "| PyTorch: GELU | 6×3 | dynamo, 20 |" in text
    assert "| JAX: gelu | 6×3 | jax2onnx, 20 |" in text
    assert "| layer normalization, gelu, without Keras |" in text


def test_without_its_packages_the_study_is_skipped(monkeypatch, capsys):
    """With one line and exit status 0: what was measured before is not touched."""
    monkeypatch.setattr(study, "NEEDS", ("numpy", "no-such-package"))
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("validation.frameworks", run_name="__main__")
    assert ended.value.code == 0
    out, err = capsys.readouterr()
    assert out == (
        "skipped: not installed: no-such-package (pip install '.[validation,frameworks]');"
        " what was measured is kept\n"
    )
    assert err == ""


def test_the_one_set_of_weights():
    found = weights()
    shapes = [(30, 64), (64,), (64,), (64,), (64, 64), (64,), (64,), (64,), (64, 5), (5,)]
    assert [w.shape for w in found] == shapes
    assert {w.dtype for w in found} == {np.dtype(np.float32)}
    assert SIZES[0] == 30


@pytest.mark.slow
def test_the_short_form(tmp_path):
    if absent := study.missing():
        pytest.skip(f"not installed: {', '.join(absent)}")
    assert main(STUDY, ["--short", "--output", str(tmp_path)]) == 0
    document = json.loads((tmp_path / "measured" / "frameworks.json").read_text())
    assert {row["framework"] for row in document["numbers"]["rows"]} == {"PyTorch", "JAX"}
    assert len(document["numbers"]["rows"]) == 2 * 2 + 2
    assert document["numbers"]["one_set"][0]["files"] == [
        "Keras",
        "PyTorch, dynamo",
        "PyTorch, TorchScript",
        "JAX",
    ]
