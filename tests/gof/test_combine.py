"""p-values from files of CMS' combine, as CombineHarvester's CollectGoodnessOfFit writes them."""

from __future__ import annotations

import json

import pytest

from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.gof import read_combine

NAMES = ["m_vis", "pt_1", "pt_2"]


def row(observed=5.0, toys=(1.0, 6.0, 7.0)):
    share = sum(t >= observed for t in toys) / len(toys)
    return {"obs": [observed], "p": share, "toy": list(toys)}


@pytest.fixture
def write(tmp_path):
    def to(name, document):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return to


@pytest.fixture
def procedure(tmp_path, write):
    """Files of the three features and of two pairs, one of them the other way round."""
    for k, name in enumerate(("m_vis", "pt_1", "pt_2", "m_vis_pt_1", "pt_2_m_vis")):
        write(f"2018_mt_{name}/gof.json", {"125.0": row(5.0, [1.0] * k + [9.0] * (9 - k))})
    return tmp_path


@pytest.mark.parametrize("way", ["patterns", "folder"])
def test_features_and_pairs_are_found_by_their_file_names(procedure, way):
    places = [str(procedure)]
    if way == "patterns":
        places = [
            f"{procedure}/2018_mt_{{1}}/gof.json",
            f"{procedure}/2018_mt_{{1}}_{{2}}/gof.json",
        ]
    fit = read_combine(places, NAMES)
    assert fit.method == "combine"
    assert [f.p for f in fit.features] == [1.0, 0.9, 0.8]  # (k + 1)/(T + 1) of 9 toys
    assert {pair.features: pair.p for pair in fit.pairs} == {
        ("m_vis", "pt_1"): 0.7,
        ("m_vis", "pt_2"): 0.6,
    }
    assert fit.features[0].tests[0].toys == 9


def test_a_feature_without_a_file_is_not_tested(procedure):
    fit = read_combine([str(procedure)], [*NAMES, "eta"])
    assert fit.feature("eta").p is None
    assert "no file" in fit.feature("eta").tests[0].reason


def test_channels_and_masses_are_chosen(write, tmp_path):
    write("m_vis.json", {"125.0": {"htt_mt_1": row(0.5), "htt_mt_2": row(8.0)}})
    with pytest.raises(ResultError, match=r"several results.*125\.0/htt_mt_1, 125\.0/htt_mt_2"):
        read_combine([str(tmp_path)], NAMES)
    with pytest.raises(ResultError, match=r"no '120\.0' in it"):
        read_combine([str(tmp_path)], NAMES, "120.0")
    assert read_combine([str(tmp_path)], NAMES, "125.0/htt_mt_2").feature("m_vis").p == 0.25
    write("m_vis.json", {"125.0": row(0.5), "120.0": row(8.0)})
    assert read_combine([str(tmp_path)], NAMES, "125.0").feature("m_vis").p == 1.0
    write("m_vis.json", {"125.0": {"htt_mt_1": row(8.0)}})
    assert read_combine([str(tmp_path)], NAMES).feature("m_vis").p == 0.25


def test_without_toys_the_own_p_value_is_taken(write, tmp_path):
    write("m_vis.json", {"125.0": {"obs": [3.0], "p": 0.0, "toy": []}})
    test = read_combine([str(tmp_path)], NAMES).feature("m_vis").tests[0]
    assert (test.p, test.toys, test.p_error) == (0.0, 0, None)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "no JSON"),
        ("[1]", "no 'obs' below a mass"),
        ({"125.0": {"obs": ["x"], "toy": [1]}}, "is no number"),
        ({"125.0": {"obs": [1.0], "toy": [1.0, "y"]}}, "is no number"),
        ({"125.0": {"obs": [1.0]}}, "is no number"),
        ({"125.0": {"obs": [1.0], "p": 2}}, "p is 2"),
        ('{"125.0": {"obs": [NaN], "toy": [1]}}', "is no number"),
        ({"125.0": {"obs": [1.0], "toy": 5}}, "no result of combine"),
    ],
)
def test_files_that_are_not_combines_are_named(write, tmp_path, document, words):
    write("m_vis.json", document)
    with pytest.raises(ResultError, match=rf"m_vis\.json: .*{words}"):
        read_combine([str(tmp_path)], NAMES)


def test_names_that_fit_twice_or_not_at_all_are_refused(write, tmp_path):
    write("gof_pt_1.json", {"125.0": row()})
    write("gof_pt_1_eta.json", {"125.0": row()})  # eta is no feature of ours
    with pytest.raises(ResultError, match="is a feature not in the list"):
        read_combine([str(tmp_path)], NAMES)
    write("gof_pt_1_eta.json", {"125.0": row()}).rename(tmp_path / "other.json")
    with pytest.raises(ResultError, match=r"other\.json: its name has no feature in it"):
        read_combine([str(tmp_path)], NAMES)


def test_a_pattern_that_means_two_pairs_is_refused(write, tmp_path):
    write("a_b_c.json", {"125.0": row()})
    with pytest.raises(ResultError, match="may be of"):
        read_combine([f"{tmp_path}/{{1}}_{{2}}.json"], ["a", "b_c", "a_b", "c"])


def test_a_name_that_looks_like_a_field_is_a_name(write, tmp_path):
    write("{2}_x.json", {"125.0": row()})
    fit = read_combine([f"{tmp_path}/{{1}}_{{2}}.json"], ["{2}", "x"])
    assert [pair.features for pair in fit.pairs] == [("{2}", "x")]


@pytest.mark.parametrize("place", ["nowhere", "{name}.json", "{2}.json"])
def test_places_that_make_no_sense_are_refused(place):
    with pytest.raises(OptionError, match=r"a pattern (must have|with) \{1\}"):
        read_combine([place], NAMES)


def test_no_file_at_all_and_a_file_twice_are_told(procedure):
    with pytest.raises(ResultError, match="no file of"):
        read_combine([f"{procedure}/{{1}}.json"], NAMES)
    with pytest.raises(ResultError, match="leave one out"):
        read_combine([str(procedure), f"{procedure}/2018_mt_{{2}}_{{1}}/gof.json",
                      f"{procedure}/2018_mt_pt_1/../2018_mt_{{1}}/gof.json"], NAMES)  # fmt: skip
    with pytest.raises(OptionError, match="once"):
        read_combine([str(procedure)], ["a", "a"])
