"""``ot.goodness_of_fit``: files, data frames and arrays are the same events."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.gof import GofOptions
from onnxtaylor.gof.evaluate import compare_samples
from tests.gof.populations import NAMES, expected, observed

FAST = {"toys": 50, "pair_bins": 3}
DATA, MC = observed(0, 400), expected(0, 1600)


def columns(sample, **more):
    return {**dict(zip(sample.names, sample.x.T, strict=True)), **more}


def of_pandas(columns):
    return pytest.importorskip("pandas").DataFrame(columns)


def of_polars(columns):
    return pytest.importorskip("polars").DataFrame(columns)


@pytest.fixture(scope="module")
def truth():
    return compare_samples(DATA, MC, GofOptions(**FAST))


def assert_same(found, truth):
    assert found.names == truth.names
    for ours, theirs in zip(
        [*found.features, *found.pairs], [*truth.features, *truth.pairs], strict=True
    ):
        assert ours.tests == theirs.tests


@pytest.mark.parametrize("frame_of", [of_pandas, of_polars, pa.table])
def test_data_frames(truth, frame_of):
    mc = frame_of(columns(MC, w=MC.weights, cls=["mc"] * len(MC.x)))
    found = ot.goodness_of_fit(
        frame_of(columns(DATA)), mc, weights="w", missing=-999, exclude=["cls"], **FAST
    )
    assert isinstance(found, ot.GoodnessOfFit)
    assert_same(found, truth)


def test_files_and_a_frame_beside_a_file(truth, tmp_path):
    pa.parquet.write_table(pa.table(columns(DATA)), tmp_path / "data.parquet")
    mc = pa.table(columns(MC, w=MC.weights))
    pa.parquet.write_table(mc, tmp_path / "mc.parquet")
    for expectation in (tmp_path / "mc.parquet", [str(tmp_path / "mc.parquet")], mc):
        found = ot.goodness_of_fit(
            tmp_path / "data.parquet", expectation, weights="w", missing=-999, **FAST
        )
        assert_same(found, truth)


def test_arrays_have_the_names_that_are_given_or_positions(truth):
    options = {"weights": MC.weights, "missing": -999, **FAST}
    assert_same(ot.goodness_of_fit(DATA.x, MC.x, features=NAMES, **options), truth)
    counted = ot.goodness_of_fit(DATA.x, MC.x, **options)
    assert counted.names == tuple("01234")
    assert [f.p for f in counted.features] == [f.p for f in truth.features]


def test_weights_of_the_observed_events(truth):
    ones = np.ones(len(DATA.x))
    found = ot.goodness_of_fit(
        DATA.x, MC.x, weights=MC.weights, observed_weights=2 * ones, missing=-999, **FAST
    )
    assert found.observed.weighted
    assert found.observed.sum_weight == 2 * len(DATA.x)


def test_samples_and_settings(truth):
    assert ot.goodness_of_fit(DATA, MC, GofOptions(**FAST)) == truth
    assert ot.goodness_of_fit(DATA, MC, GofOptions(toys=50), pair_bins=3) == truth


def test_progress_counts_features_then_pairs():
    told = []
    ot.goodness_of_fit(DATA, MC, progress=lambda *state: told.append(state), **FAST)
    assert [state for state in told if state[0] == "features"] == [
        ("features", k, 5) for k in range(6)
    ]
    assert told[-1] == ("pairs", 10, 10)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"toy": 50}, OptionError, "goodness_of_fit has no option 'toy': did you mean 'toys'?"),
        ({"weights": "W"}, DataError, "has no column 'W': did you mean 'w'?"),
        ({"features": ["a", "jet"]}, DataError, "has no column 'jet': did you mean 'jets'?"),
        ({"features": ["v", "x", "y", "z", "t"]}, DataError, "has no column 'v'"),
        ({"exclude": ["jet"]}, DataError, "no column 'jet' to exclude: did you mean 'jets'?"),
    ],
)
def test_wrong_names(options, error, words):
    with pytest.raises(error) as caught:
        ot.goodness_of_fit(pa.table(columns(DATA)), pa.table(columns(MC, w=MC.weights)), **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_does_not_go_together():
    with pytest.raises(OptionError, match="a Sample has its features"):
        ot.goodness_of_fit(DATA, MC, weights="w")
    with pytest.raises(OptionError, match="must both be a Sample"):
        ot.goodness_of_fit(DATA, MC.x)
    with pytest.raises(OptionError, match="weights are an array, but the events are files"):
        ot.goodness_of_fit(DATA.x, "mc.csv", features=NAMES, weights=MC.weights)
    with pytest.raises(DataError, match="reshape a single feature"):
        ot.goodness_of_fit(DATA.x[:, 0], MC.x[:, 0])
