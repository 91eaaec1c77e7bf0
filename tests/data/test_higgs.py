"""The ATLAS Higgs challenge events; set ONNXTAYLOR_DATA to the folder of real data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onnxtaylor.data import ColumnRequest, open_source, survey

FOLDER = os.environ.get("ONNXTAYLOR_DATA")
pytestmark = pytest.mark.skipif(not FOLDER, reason="ONNXTAYLOR_DATA does not name the real data")
ATLAS = Path(FOLDER or ".") / "higgs" / "atlas-higgs-challenge-2014-v2_first22889.csv.gz"
UCI = Path(FOLDER or ".") / "uci_higgs"
REST = ("EventId", "Weight", "KaggleSet")


@pytest.fixture(scope="module")
def atlas():
    request = ColumnRequest(30, label="Label", weight="KaggleWeight", exclude=REST)
    source = open_source([ATLAS], request=request)
    return source, survey(source, missing=-999.0)


def test_features_are_the_derived_and_the_primary(atlas):
    source, found = atlas
    assert len(source.feature_names) == 30
    assert sum(name.startswith("DER_") for name in source.feature_names) == 13
    assert sum(name.startswith("PRI_") for name in source.feature_names) == 17
    assert found.events == 22889


def test_class_sums_are_the_published(atlas):
    _, found = atlas
    assert found.classes["s"].events == 7817
    assert found.classes["b"].events == 15072
    assert found.classes["s"].sum_weight == pytest.approx(64.61, abs=0.005)
    assert found.classes["b"].sum_weight == pytest.approx(37467.64, abs=0.005)


def test_missing_fractions_are_the_published(atlas):
    source, found = atlas
    share = dict(zip(source.feature_names, found.missing / found.events, strict=True))
    assert share["DER_mass_MMC"] == pytest.approx(0.152, abs=0.0005)
    assert share["PRI_jet_leading_pt"] == pytest.approx(0.398, abs=0.0005)
    assert share["DER_mass_jet_jet"] == pytest.approx(0.708, abs=0.0005)
    assert share["PRI_tau_pt"] == 0
    place = source.feature_names.index("DER_mass_MMC")
    assert found.largest[place] == max(999.0, found.max[place])
    assert found.min[place] > 0


def test_events_without_names_from_two_files():
    paths = [UCI / "binary.train.tsv.gz", UCI / "binary.test.tsv.gz"]
    source = open_source(paths, request=ColumnRequest(28, label="0"))
    found = survey(source)
    assert found.events == 7500
    assert source.feature_names == tuple(str(i) for i in range(1, 29))
    assert set(found.classes) == {"0", "1"}
