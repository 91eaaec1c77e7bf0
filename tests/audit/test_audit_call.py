"""``ot.audit``: the package is called like the function, and takes events in memory."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

import onnxtaylor as ot
from onnxtaylor.audit.formats import FORMATS
from onnxtaylor.errors import OptionError

PROGRAMS = {
    "before the package is imported": "import onnxtaylor as ot; call = ot.audit",
    "after it is imported": "import onnxtaylor.audit, onnxtaylor as ot; call = ot.audit",
    "after a part is imported": (
        "import onnxtaylor as ot; from onnxtaylor.audit.policy import read_policy; call = ot.audit"
    ),
    "by its name": "import onnxtaylor as ot; from onnxtaylor import audit; call = audit",
    "from the package": "import onnxtaylor as ot; from onnxtaylor.audit import audit as call",
}
END = """
try:
    call("no.onnx", "no.csv")
except ot.OnnxTaylorError as error:
    print(error)
"""


@pytest.mark.parametrize("way", PROGRAMS)
def test_it_is_called_however_it_was_imported(tmp_path, way):
    call = [sys.executable, "-c", PROGRAMS[way] + END]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("no.onnx")


def test_help_and_editors_know_its_arguments():
    names = list(inspect.signature(ot.audit).parameters)
    assert names[:3] == ["model", "x", "policy"]
    assert {"audit", "goodness_of_fit", "AuditOutcome", "GoodnessOfFit"} <= set(dir(ot))


@pytest.fixture(scope="module")
def by_files(sound_files):
    return sound_files.audit()


def events(case):
    return pa.csv.read_csv(case.data)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "array"])
def test_events_in_memory_give_the_same_verdicts(sound, by_files, kind):
    x = events(sound)
    if kind == "array":
        x = np.stack([column.to_numpy() for column in x.columns], axis=1)
        found = sound_audit(sound, x, feature_names=["a", "b", "c", "d"])
    else:
        if kind != "pyarrow":
            pytest.importorskip(kind)
            x = x.to_pandas() if kind == "pandas" else pytest.importorskip("polars").from_arrow(x)
        found = sound_audit(sound, x)
    assert found.passed == by_files.passed
    assert [(c.name, c.status) for c in found.checks] == [
        (c.name, c.status) for c in by_files.checks
    ]
    np.testing.assert_allclose(found.result.score, by_files.result.score, rtol=1e-6)
    assert found.data == (ot.audit.File("array", None),)


def sound_audit(case, x, **options):
    beside = {"baseline": case.baseline, "reference": case.reference, "gof": case.gof}
    return ot.audit(case.model, x, policy=case.policy, **beside, **options)


def test_every_format_can_tell_of_events_in_memory(sound):
    found = sound_audit(sound, events(sound))
    for write in FORMATS.values():
        assert write(found)
    assert ot.AuditOutcome.from_json(found.to_json()).data == found.data


def test_a_column_of_classes_is_named(sound):
    x = events(sound)
    classes = np.where(x["a"].to_numpy() > 0, "s", "b")
    found = sound_audit(sound, x.append_column("cls", pa.array(classes)), labels="cls")
    assert found.result.groups == ("all", "b", "s")
    assert found.result.features == ("a", "b", "c", "d")


def test_a_bar_is_drawn_where_one_is_asked_for(sound, capsys):
    told = []
    sound_audit(sound, sound.data, progress=lambda *state: told.append(state))
    assert "coefficients" in {stage for stage, _, _ in told}
    assert {check.name for check in sound.audit().checks} <= {stage for stage, _, _ in told}
    sound_audit(sound, sound.data, progress=True)  # where stderr is no terminal nothing harmful
    assert "Traceback" not in capsys.readouterr().err


def test_a_model_in_memory_is_no_file(sound):
    with pytest.raises(OptionError, match="save the model, and name the file"):
        ot.audit(sound.model.read_bytes(), sound.data)
    with pytest.raises(OptionError, match="there are no data: name at least one file"):
        ot.audit(sound.model, [])
