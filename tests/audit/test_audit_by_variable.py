"""Audits of variables: policies name them, baselines rank the same, findings keep pairs apart."""

from __future__ import annotations

import numpy as np
import onnx
import pandas as pd
import pytest

import onnxtaylor as ot
from onnxtaylor.audit import audit
from onnxtaylor.errors import OptionError, ResultError
from tests.run.test_by_variable import GROUPS, NAMES, N, deep_sets


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    onnx.save(deep_sets(), folder / "model.onnx")
    x = np.random.default_rng(5).normal(size=(400, N))
    pd.DataFrame(x, columns=NAMES).to_csv(folder / "events.csv", index=False)
    for by in ("variable", "feature", "input"):
        result = ot.analyze(folder / "model.onnx", folder / "events.csv", by=by)
        result.save(folder / f"{by}.json")
    return folder


def run(folder, policy, **options):
    (folder / "audit.toml").write_text(policy)
    paths = folder / "model.onnx", folder / "events.csv", folder / "audit.toml"
    return audit(*paths, bootstrap=20, check=4, **options)


FORBIDDEN = """
[analysis]
by = "variable"
[[checks]]
id = "forbidden-feature"
features = ["pf.p*"]
max-share = 0.0
"""


def test_a_policy_names_variables(folder):
    outcome = run(folder, FORBIDDEN)
    (check,) = outcome.checks
    assert check.status == "fail"
    subjects = [finding.subject.name for finding in check.findings]
    assert "pf.pt" in subjects
    assert any(name.endswith("(same object)") for name in subjects)
    assert any(name.endswith("(different objects)") for name in subjects)
    keys = [(f.subject, f.quantity, f.message) for f in check.findings]
    assert len(set(keys)) == len(keys)
    with pytest.raises(OptionError, match=r"no feature matches 'pf\.mass'"):
        run(folder, FORBIDDEN.replace("pf.p*", "pf.mass"))


def test_a_policy_may_have_groups(folder):
    policy = FORBIDDEN.replace('by = "variable"', 'by = { ids = ["jet.m"], rest = "pf.*" }')
    outcome = run(folder, policy.replace("pf.p*", "ids"))
    assert {finding.subject.features for finding in outcome.checks[0].findings} >= {("ids", "rest")}


CHECKS = ("reference-agreement", "baseline-drift")
DRIFT = """
[[checks]]
id = "baseline-drift"
[[checks]]
id = "out-of-range"
"""


@pytest.mark.parametrize("by", ["variable", "input", "feature"])
def test_an_audit_ranks_what_its_baseline_ranks(folder, by):
    outcome = run(folder, f'baseline = "{by}.json"\n{DRIFT}')
    assert outcome.passed
    names = {"variable": GROUPS, "input": ["pf", "jet"], "feature": NAMES}[by]
    assert list(outcome.result.features) == list(names)
    drift, ranges = outcome.checks
    assert drift.looked_at == outcome.result.score.size
    assert ranges.looked_at == N


def test_another_ranking_than_the_baseline_is_refused(folder):
    with pytest.raises(ResultError, match=r"it ranks by input \(sum\), but the audit by variable"):
        run(folder, f'baseline = "input.json"\n[analysis]\nby = "variable"\n{DRIFT}')


def test_drift_of_a_variable_is_found(folder):
    model = deep_sets()
    (w1,) = (t for t in model.graph.initializer if t.name == "w1")
    array = onnx.numpy_helper.to_array(w1).copy()
    array[0] *= 3  # pt
    w1.CopyFrom(onnx.numpy_helper.from_array(array, "w1"))
    onnx.save(model, folder / "other.onnx")
    (folder / "audit.toml").write_text(f'baseline = "variable.json"\n{DRIFT}')
    outcome = audit(folder / "other.onnx", folder / "events.csv", folder / "audit.toml", check=4)
    assert outcome.checks[0].status == "fail"
    names = {finding.subject.name for finding in outcome.checks[0].findings}
    assert "pf.pt" in names


def test_noise_between_data_sets_is_no_drift(folder):
    """Δ of variables includes the error of the features' σ: other events of the same kind pass."""
    for seed in range(20, 26):
        x = np.random.default_rng(seed).normal(size=(400, N))
        pd.DataFrame(x, columns=NAMES).to_csv(folder / "again.csv", index=False)
        (folder / "audit.toml").write_text(f'baseline = "variable.json"\n{DRIFT}')
        outcome = audit(folder / "model.onnx", folder / "again.csv", folder / "audit.toml", check=0)
        assert outcome.checks[0].status == "pass"


def test_a_reference_is_ranked_alike(folder):
    listed = "".join(f'[[checks]]\nid = "{name}"\n' for name in CHECKS)
    policy = f'reference = "model.onnx"\nbaseline = "variable.json"\n{listed}'
    outcome = run(folder, policy)
    assert outcome.passed
    assert all(check.status == "pass" for check in outcome.checks)
