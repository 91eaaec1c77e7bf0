"""A tagger by its specification: sets in lists, branches, masked records, arrays of awkward."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onnxtaylor as ot
from onnxtaylor.inputs.specification import DataSpecification
from tests.problem.tagger_of_sets import derivatives, made, slopes, specification, tagger

EVENTS, LONGEST = 80, 7
FLAT = ("mass", "ntrk", "tau")


@pytest.fixture(scope="module")
def raw():
    return made(events=EVENTS)[0]


def in_parquet(folder, raw):
    pq.write_table(pa.table(raw), folder / "jets.parquet")
    return folder / "jets.parquet"


def in_root(folder, raw, *, ntuple):
    uproot, awkward = pytest.importorskip("uproot"), pytest.importorskip("awkward")
    arrays = {name: awkward.Array(values) for name, values in raw.items()}
    with uproot.recreate(folder / "jets.root") as file:
        (file.mkrntuple if ntuple else file.mktree)("nominal", arrays)
        file.mktree("other", {"x": np.ones(3)})
    return folder / "jets.root"


def in_hdf5(folder, raw):
    h5py = pytest.importorskip("h5py")
    jets = np.zeros(EVENTS, [(name, "f8") for name in FLAT])
    sets = np.full((EVENTS, LONGEST), -99, [("pt", "f8"), ("eta", "f8"), ("valid", "?")])
    for name in FLAT:
        jets[name] = raw[name]
    sets["valid"] = False
    for k, (pt, eta) in enumerate(zip(raw["pf_pt"], raw["pf_eta"], strict=True)):
        sets["pt"][k, : len(pt)], sets["eta"][k, : len(eta)] = pt, eta
        sets["valid"][k, : len(pt)] = True
    with h5py.File(folder / "jets.h5", "w") as file:
        file["nominal/jets"], file["nominal/pf"] = jets, sets
        file["other/x"] = np.ones(3)
    return folder / "jets.h5"


def in_awkward(folder, raw):
    awkward = pytest.importorskip("awkward")
    sets = awkward.zip({"pt": awkward.Array(raw["pf_pt"]), "eta": awkward.Array(raw["pf_eta"])})
    return awkward.zip({**{name: raw[name] for name in FLAT}, "pf": sets}, depth_limit=1)


FORMATS = {
    "parquet": in_parquet,
    "TTree": lambda folder, raw: in_root(folder, raw, ntuple=False),
    "RNTuple": lambda folder, raw: in_root(folder, raw, ntuple=True),
    "HDF5": in_hdf5,
    "awkward": in_awkward,
}


@pytest.mark.parametrize("kind", FORMATS)
def test_scores_are_those_by_hand(kind, raw, tmp_path):
    model, a, b = tagger()
    # the specification names the tree; files without trees do not mind
    told = DataSpecification(tree="nominal")
    inputs = replace(specification(expand_transforms=True), data=told)
    result = ot.analyze(
        model,
        FORMATS[kind](tmp_path, raw),
        inputs=inputs,
        order=1,
        scale="unit",
        by="feature",
        bootstrap=20,
        check=0,
    )
    expected = np.abs(derivatives(raw, a, b) * slopes(raw)[:, None]).mean(axis=0)
    assert len(expected) == len(result.outputs) == 2
    for c in range(2):
        np.testing.assert_allclose(result.vector(c), expected[c], rtol=1e-12, atol=1e-15)
    if kind == "parquet":
        return
    reference = ot.analyze(model, in_parquet(tmp_path, raw), inputs=inputs, order=1, scale="unit",
                           by="feature", bootstrap=20, check=0)  # fmt: skip
    for name in ("score", "sem", "rank_low", "rank_high"):
        np.testing.assert_array_equal(getattr(result, name), getattr(reference, name))
