"""``--inputs`` on the command line, in policies, and names of columns in a draft."""

from __future__ import annotations

import json
import tomllib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.problem.tagger_of_sets import made, specification, tagger


@pytest.fixture
def jets(place):
    model, _, _ = tagger()
    (place / "tagger.onnx").write_bytes(model.SerializeToString())
    pq.write_table(pa.table(made(events=80)[0]), place / "jets.parquet")
    (place / "inputs.toml").write_text(specification(expand_transforms=True).to_toml())
    return place


def _scores(coefficients):
    return {(c["output"], c["label"]): c["score"] for c in coefficients}


def test_commands_read_a_specification(jets, cli):
    common = ("tagger.onnx", "jets.parquet", "--inputs", "inputs.toml", "--order", "1")
    features = ("--by", "feature", "--bootstrap", "0", "--check", "0")
    assert cli("analyze", *common, *features, "-o", "result.json").status == 0
    status, out, err = cli("check", *common, "--events", "8")
    assert (status, "agree" in out + err) == (0, True)
    words = ("--data", *common[1:], "-o", "track.json", "--sample", "80")
    status, out, err = cli("track", "tagger.onnx", "tagger.onnx", *words)
    assert status == 0, err
    documents = [json.loads((jets / f"{name}.json").read_text()) for name in ("result", "track")]
    analyzed, tracked = (_scores(document["coefficients"]) for document in documents)
    assert analyzed == pytest.approx(tracked, rel=1e-9)
    assert len(analyzed) == 2 * 13
    status, out, err = cli("compare", "tagger.onnx", *common)
    assert status == 0, err
    status, out, err = cli(
        "differentiate", "tagger.onnx", "-o", "derivatives.onnx", "--inputs", "inputs.toml"
    )
    assert status == 0
    assert "note: kinks of Max ×1, Min ×1" in err


def test_a_policy_names_a_specification_beside_it(jets, cli):
    (jets / "rules").mkdir()
    (jets / "inputs.toml").rename(jets / "rules" / "inputs.toml")
    (jets / "rules" / "audit.toml").write_text(
        '[analysis]\ninputs = "inputs.toml"\norder = 1\n[[checks]]\nid = "finite"\n'
    )
    words = ("audit", "tagger.onnx", "jets.parquet", "--policy", "rules/audit.toml")
    status, out, err = cli(*words)
    assert status == 0, out + err


def test_contradictions_and_missing_files_are_one_line(jets, refused):
    common = ("analyze", "tagger.onnx", "jets.parquet", "--inputs")
    assert "nothing.toml: no such file" in refused(*common, "nothing.toml")
    message = refused(*common, "inputs.toml", "--context", "jet")
    assert "--context contradicts inputs.toml, by which 'jet' is features" in message


def test_inspect_tells_the_command(jets, cli):
    status, out, _ = cli("inspect", "tagger.onnx", "jets.parquet", "--inputs", "inputs.toml")
    text = " ".join(out.split())
    assert status == 0
    assert "features 2 variables × 5 slots, of pf_pt, pf_eta" in text
    assert "mask of pf, not 0 where a slot is filled, made of the lengths of sets" in text
    assert "onnxtaylor analyze tagger.onnx jets.parquet --inputs inputs.toml" in text
    status, out, _ = cli("inspect", "model.onnx", "events.csv", "--label", "Label", "--weight", "w")
    assert "onnxtaylor analyze model.onnx events.csv --label Label --weight w" in " ".join(
        out.split()
    )


def test_a_draft_takes_names_from_the_data(jets, cli):
    status, out, err = cli("inputs", "tagger.onnx", "jets.parquet", "--init")
    assert (status, err) == (0, "")
    inputs = {one["name"]: one for one in tomllib.loads(out)["inputs"]}
    assert inputs["pf"]["variables"] == ["pt", "eta"]
