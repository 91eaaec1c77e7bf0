"""Parts of an analysis and surveys that somebody changed are refused, whatever their checksum."""

from __future__ import annotations

import copy
import zipfile

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import OnnxTaylorError, ResultError
from onnxtaylor.run.divided.merge import merge_parts
from onnxtaylor.run.divided.part import analyze_part
from onnxtaylor.run.divided.part_file import write_part
from onnxtaylor.run.divided.surveys import survey_data
from tests.fuzz.document_kinds import archived
from tests.tracking.networks import checkpoint

X = np.random.default_rng(3).normal(size=(40, 3))
NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    path = tmp_path_factory.mktemp("part") / "part.npz"
    options = {"bootstrap": 20, "check": 4, "labels": np.where(np.arange(40) % 3, "s", "b")}
    analyze_part(checkpoint(0), X, shard="1/1", feature_names=NAMES, **options).save(path)
    return path


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    path = tmp_path_factory.mktemp("survey") / "survey.npz"
    survey_data(checkpoint(0), X, feature_names=NAMES).save(path)
    return path


def test_a_part_is_what_it_was(part, tmp_path):
    """What is refused below is not refused for the way in which it is written."""
    kept = archived(part)
    write_part(tmp_path / "same.npz", kept["header"], kept["arrays"])
    same = merge_parts([tmp_path / "same.npz"])
    assert same.to_json() == merge_parts([part]).to_json()
    assert isinstance(same, ot.TaylorResult)


def test_a_header_that_was_changed_has_another_checksum(part, tmp_path):
    with np.load(part) as saved:
        arrays = {name: saved[name] for name in saved.files}
    header = str(arrays["header"]).replace('"seed": 0', '"seed": 1')
    assert header != str(arrays["header"])
    np.savez(tmp_path / "p.npz", **{**arrays, "header": np.array(header)})
    with pytest.raises(ResultError, match="its checksum is wrong"):
        merge_parts([tmp_path / "p.npz"])


HEADERS = {
    "shard": [(1, 2.0), (0, 1), (2, 1), "11", None, (True, True), (1, 10**15)],
    "coefficients": [10**12, -1, 0, "9", 10],
    "replicates": [10**12, -1, 21, None],
    "outputs": [[], ["y"], "ab", None],
    "classes": [[], ["s"], ["s", "b", "c"], 3],
    "quantity": [None, 7],
    "epsilon": ["x", None],
    "head": [None, {}, []],
}
FORGED = [(key, value) for key, values in HEADERS.items() for value in values]


@pytest.mark.parametrize(("key", "value"), FORGED)
def test_a_forged_header(part, tmp_path, key, value):
    kept = archived(part)
    write_part(tmp_path / "p.npz", {**kept["header"], key: value}, kept["arrays"])
    with pytest.raises(OnnxTaylorError) as caught:
        ot.TaylorResult.from_json(merge_parts([tmp_path / "p.npz"]).to_json())
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("data", "features", 0, "std"), -1.0),
        (("data", "features"), []),
        (("model", "sha256"), "x"),
        (("options", "link"), "none"),
        (("options", "order"), 7),
        (("check", "verdict"), "fine"),
        (("warnings",), [{"code": "x"}]),
        (("n_features",), 2),
    ],
)
def test_a_forged_head(part, tmp_path, path, value):
    kept = archived(part)
    header = copy.deepcopy(kept["header"])
    found = header["head"]
    for key in path[:-1]:
        found = found[key]
    found[path[-1]] = value
    write_part(tmp_path / "p.npz", header, kept["arrays"])
    with pytest.raises(ResultError, match="the file is damaged"):
        merge_parts([tmp_path / "p.npz"])


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 1e300, 0.5])
@pytest.mark.parametrize("name", [
    "sums/moments/0/events", "sums/moments/0/sum_w", "sums/moments/0/sum_w2",
    "sums/moments/0/spread_w2", "head/indices", "ranges/events",
])  # fmt: skip
def test_forged_sums(part, tmp_path, name, value):
    kept = archived(part)
    arrays = dict(kept["arrays"])
    arrays[name] = np.full(arrays[name].shape, value)
    write_part(tmp_path / "p.npz", kept["header"], arrays)
    with pytest.raises(OnnxTaylorError):
        ot.TaylorResult.from_json(merge_parts([tmp_path / "p.npz"]).to_json())


def test_every_array_of_another_shape_is_refused(part, survey, tmp_path):
    for path in (part, survey):
        kept = archived(path)
        for name, array in kept["arrays"].items():
            if name in ("sums/kinks", "sums/joints"):
                continue  # empty where nothing is counted
            changed = {**kept["arrays"], name: np.zeros((*array.shape, 2))}
            write_part(tmp_path / "p.npz", kept["header"], changed)
            with pytest.raises(ResultError, match="the file is damaged"):
                merge_parts([tmp_path / "p.npz"])


def test_a_compressed_part_is_none(part, tmp_path):
    """This program writes none: it would be a bomb."""
    with np.load(part) as saved:
        np.savez_compressed(tmp_path / "p.npz", **{name: saved[name] for name in saved.files})
    with pytest.raises(ResultError, match="it is compressed"):
        merge_parts([tmp_path / "p.npz"])
    with zipfile.ZipFile(tmp_path / "q.npz", "w") as archive:
        archive.writestr("other.txt", b"x")
    with pytest.raises(ResultError, match="neither a part of an analysis"):
        merge_parts([tmp_path / "q.npz"])
