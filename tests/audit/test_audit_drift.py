"""Baselines of retrainings: innocent ones pass, honest changes fail; what one baseline can tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.audit import audit
from onnxtaylor.audit.categories import one_hot_features
from onnxtaylor.cli import main
from onnxtaylor.data import ArraySource
from onnxtaylor.errors import ResultError
from onnxtaylor.results.mirror_images import mirror_images
from tests.audit.conftest import write_events
from tests.audit.training import export, train

NAMES = ("a", "b", "c", "noise", "red", "green", "blue")
DRIFT = '[[checks]]\nid = "baseline-drift"\n'


def sample(events, seed, leak=0.0):
    """Three features, noise that may know the truth, and a colour in three columns."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(events, 4))
    colour = random.integers(3, size=events)
    logit = 1.2 * x[:, 0] - 0.9 * x[:, 1] + 0.7 * x[:, 0] * x[:, 1] + 0.6 * x[:, 2]
    y = (random.random(events) < 1 / (1 + np.exp(-logit - (colour == 0)))).astype(float)
    x[:, 3] += leak * (2 * y - 1)
    return np.hstack((x, np.eye(3)[colour])), y


def with_mirror(path):
    """The model with the outputs 1 − p and p in one."""
    model = onnx.load(path)
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), "one"))
    graph.node.append(helper.make_node("Sub", ["one", "p"], ["q"]))
    graph.node.append(helper.make_node("Concat", ["q", "p"], ["both"], axis=1))
    graph.output[0].CopyFrom(helper.make_tensor_value_info("both", 1, ["N", 2]))
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def nets():
    return [train(*sample(1200, 0), seed=seed, steps=300, rate=1.0) for seed in range(5)]


@pytest.fixture(scope="module")
def place(tmp_path_factory, nets):
    """0.onnx … 4.onnx of as many seeds, 0.json … 3.json of the first four, events.csv."""
    folder = tmp_path_factory.mktemp("retrained")
    data = write_events(folder / "events.csv", sample(500, 1)[0], NAMES)
    for k, net in enumerate(nets):
        model = with_mirror(export(net, folder / f"{k}.onnx"))
        if k < 4:
            ot.analyze(model, data, scale="sigma", check=0).save(folder / f"{k}.json")
    (folder / "drift.toml").write_text(DRIFT)
    (folder / "strict.toml").write_text(f'{DRIFT}level = "error"')
    return folder


@pytest.fixture
def drift(place):
    """The outcome of an audit of a model against the baselines of some seeds."""

    def run(model, *seeds, policy="drift.toml", **options):
        baseline = [place / f"{seed}.json" for seed in seeds]
        return audit(
            place / f"{model}.onnx" if isinstance(model, int) else model,
            place / "events.csv",
            place / policy,
            baseline=baseline,
            check=0,
            **options,
        )

    return run


def test_another_seed_passes_against_several_retrainings(drift):
    outcome = drift(4, 0, 1, 2)
    (check,) = outcome.checks
    assert (check.level, check.status, outcome.exit_status) == ("error", "pass", 0)
    assert "σ of 3 retrainings and the events, significant from" in check.summary
    assert check.looked_at == 4 + 3 + 10 + 4 * 3  # of one response, and no pair of colours
    assert "6 coefficients within one-hot groups were left out" in check.summary
    assert [file.path.rpartition("/")[2] for file in outcome.baseline] == [
        "0.json",
        "1.json",
        "2.json",
    ]


@pytest.mark.parametrize("seeds", [(0, 1, 2), (0, 1, 2, 3)])
@pytest.mark.parametrize("feature", [0, 1])
def test_a_feature_whose_weights_are_nought_fails(drift, nets, tmp_path, seeds, feature):
    weights = nets[4].w1.copy()
    weights[feature] = 0
    broken = with_mirror(export(replace(nets[4], w1=weights), tmp_path / "broken.onnx"))
    outcome = drift(broken, *seeds)
    assert outcome.exit_status == 1
    assert outcome.checks[0].level == "error"
    subjects = {finding.subject.features for finding in outcome.findings}
    assert (NAMES[feature],) in subjects
    first = next(f for f in outcome.findings if f.subject.features == (NAMES[feature],))
    assert f"(over {len(seeds)} retrainings) to 0 ± 0" in first.message
    assert f"σ of {len(seeds)} retrainings and the events" in first.certainty


def test_noise_that_knew_the_truth_fails(drift, tmp_path):
    leaked = train(*sample(1200, 0, leak=1.5), seed=4, steps=300, rate=1.0)
    outcome = drift(with_mirror(export(leaked, tmp_path / "leaked.onnx")), 0, 1, 2, 3)
    assert outcome.exit_status == 1
    assert ("noise",) in {finding.subject.features for finding in outcome.findings}
    few = drift(tmp_path / "leaked.onnx", 0, 1, 2)
    assert few.exit_status or "give more of them" in few.findings[-1].message


def test_one_baseline_warns_and_says_what_its_sigma_includes(drift):
    outcome = drift(4, 0)
    (check,) = outcome.checks
    assert (check.level, check.status, outcome.exit_status) == ("warning", "fail", 0)
    assert all(
        "σ of the event statistics alone, without retraining" in f.certainty
        for f in outcome.findings
    )
    assert all("results of three retrainings" in f.remedy for f in outcome.findings)
    assert "one baseline does not give the spread between trainings" in check.summary
    assert drift(4, 0, policy="strict.toml").exit_status == 1
    assert drift(4, 0, strict=True).exit_status == 1


def test_of_the_same_file_the_events_are_all_that_varies(drift, place):
    """Other events, of three times the width: nothing was trained anew."""
    outcome = drift(0, 0)
    assert (outcome.checks[0].level, outcome.exit_status) == ("error", 0)
    wide = write_events(place / "wide.csv", sample(500, 2)[0] * [3, 3, 3, 3, 1, 1, 1], NAMES)
    outcome = audit(
        place / "0.onnx", wide, place / "drift.toml", baseline=place / "0.json", check=0
    )
    assert outcome.exit_status == 1
    assert not any("retraining" in f.certainty + f.remedy for f in outcome.findings)


def test_findings_of_mirror_images_are_merged(drift, place):
    result = ot.TaylorResult.load(place / "0.json")
    assert result.outputs == ("both[0]", "both[1]")
    assert mirror_images(result) == {"both[1]": "both[0]"}
    found = drift(4, 0).findings
    assert {finding.subject.output for finding in found} == {"both[0]"}
    # asked for, the second one is looked at
    (place / "second.toml").write_text(f'{DRIFT}outputs = ["both[[]1]"]')
    assert {f.subject.output for f in drift(4, 0, policy="second.toml").findings} == {"both[1]"}
    # and so it is in every other check
    (place / "dominance.toml").write_text('[[checks]]\nid = "dominance"\nmax-share = 0.0')
    outcome = audit(place / "0.onnx", place / "events.csv", place / "dominance.toml", check=0)
    assert outcome.checks[0].looked_at == 2 * 35
    assert len(outcome.findings) == 35
    assert all(
        f.message.endswith("the same holds for its mirror image 'both[1]'")
        for f in outcome.findings
    )


def test_responses_that_are_not_opposite_are_no_mirror_images(place):
    result = ot.TaylorResult.load(place / "0.json")
    other = replace(result, score=result.score * np.array([1, 1.01])[:, None, None])
    assert mirror_images(other) == {}
    equal = replace(result, signed_mean=result.signed_mean[[0, 0]])
    assert mirror_images(equal) == {}


def test_baselines_that_give_no_spread_are_refused(drift, place):
    with pytest.raises(ResultError, match="2 baselines say too little about the spread"):
        drift(4, 0, 1)
    with pytest.raises(ResultError, match=r"0\.json and .*0\.json are of the same model file"):
        drift(4, 0, 1, 0)


def test_baselines_of_different_kinds_are_refused(drift, place):
    events = place / "events.csv"
    ot.analyze(place / "3.onnx", events, scale="sigma", check=0, order=1).save(place / "7.json")
    with pytest.raises(ResultError, match=r"7\.json has no coefficient of .*, which .*0\.json has"):
        drift(4, 0, 1, 7)
    ot.analyze(place / "3.onnx", events, scale="unit", check=0).save(place / "8.json")
    with pytest.raises(ResultError, match=r"baseline .*8\.json: it holds coefficients per unit"):
        drift(4, 0, 1, 8)


def test_the_command_line_takes_several(place, capsys):
    call = ["audit", str(place / "4.onnx"), str(place / "events.csv"), "--check", "0"]
    call += ["--policy", str(place / "drift.toml")]
    files = [str(place / f"{k}.json") for k in range(3)]
    assert main([*call, *(word for file in files for word in ("--baseline", file))]) == 0
    assert f"baseline  {', '.join(files)}" in capsys.readouterr().out
    assert main([*call, "--baseline", *files]) == 2
    assert "for several baselines write --baseline before each" in capsys.readouterr().err
    names = ", ".join(f'"{k}.json"' for k in range(3))
    (place / "named.toml").write_text(f"baseline = [{names}]\n{DRIFT}")
    call[-1] = str(place / "named.toml")
    assert main(call) == 0
    assert main([*call, "-o", files[1]]) == 2
    assert "is read by this call" in capsys.readouterr().err


# One-hot groups


def known(make_result, x):
    result = make_result(x.shape[1])
    features = tuple(
        replace(f, min=float(c.min()), max=float(c.max()))
        for f, c in zip(result.data.features, x.T, strict=True)
    )
    return replace(result, data=replace(result.data, features=features))


def test_one_hot_groups_are_found_scaled_and_without_their_last_column(make_result):
    random = np.random.default_rng(0)
    four, flags = np.eye(4)[random.integers(4, size=900)], random.integers(2, size=(900, 2))
    x = np.hstack((random.normal(size=(900, 1)), four[:, :3], flags))
    for moved in (x, (x - x.mean(axis=0)) / x.std(axis=0)):
        result = known(make_result, moved)
        found = one_hot_features(ArraySource(moved), result, None)
        assert found == {result.features[i] for i in (1, 2, 3)}


def test_flags_that_are_seldom_on_together_are_no_group(make_result):
    """Two flags at 5 % each of 200 events: that both are on is not to be expected."""
    x = np.zeros((200, 2))
    x[:10, 0] = x[10:20, 1] = 1
    assert one_hot_features(ArraySource(x), known(make_result, x), None) == frozenset()
    rare = np.hstack((x, 1 - x.sum(axis=1, keepdims=True)))  # but these make one category
    result = known(make_result, rare)
    assert one_hot_features(ArraySource(rare), result, None) == set(result.features)
