"""Names made short stay different names."""

from __future__ import annotations

import random

import pytest

from onnxtaylor.text.abbreviation import distinguish, shorten, shorten_all

LONG = "ak4_jets_corrected_leading_constituent_{}_transverse_momentum_over_jet_pt"
FORMULA = r"$\Delta\phi_{{{}}}(j, \ell)$ [rad]"

LISTS = {
    "middles": [LONG.format(k) for k in range(120)],
    "two middles": [f"{'a' * 30}{i}{'b' * 30}{j}{'c' * 30}" for i in range(8) for j in range(8)],
    "prefixes": [f"{k}_{'the_same_end_' * 5}" for k in range(30)],
    "suffixes": [f"{'the_same_beginning_' * 5}{k}" for k in range(30)],
    "lengths": ["x" * k for k in range(1, 90)],
    "one inside another": ["pt" * k + "_end" for k in range(1, 40)],
    "far apart": [("0" * k + "1" + "0" * (90 - k)) for k in range(91)],
    "formulas": [FORMULA.format(k) for k in range(30)],
    "no formulas": ["$" * k for k in range(80)] + ["a$" + "b" * k for k in range(80)],
    "like a short one": ["jets_l…ding_0…r_mass", *LONG, "a…z", "a" * 40 + "z"],
    "letters of many bytes": [f"{'ξ' * 20}{k}{'é' * 20}" for k in range(30)],
}


@pytest.mark.parametrize("limit", [1, 8, 12, 18, 20, 28, 34])
@pytest.mark.parametrize("kind", LISTS)
def test_different_names_stay_different(kind, limit):
    names = list(dict.fromkeys(LISTS[kind]))
    short = shorten_all(names, limit)
    assert len(set(short)) == len(names)
    for name, label in zip(names, short, strict=True):
        if len(name) <= limit:
            assert label == name
        assert len(label) <= len(name) or limit < 12


NUMBERED = {"lengths", "one inside another", "far apart"}  # letters that repeat tell little


@pytest.mark.parametrize("kind", [kind for kind in LISTS if "formulas" not in kind])
def test_names_are_as_long_as_there_is_room(kind):
    for limit in (18, 28, 34):
        short = shorten_all(LISTS[kind], limit)
        assert max(map(len, short)) <= limit + 5 * (kind in NUMBERED)
        assert kind in NUMBERED or not any(label.endswith(")") for label in short)


def test_what_differs_is_kept_with_what_stands_before_it():
    short = shorten_all(LISTS["middles"], 28)
    assert short[7] == "ak4_jets…ituent_7…r_jet_pt"
    assert all(f"_{k}…" in label for k, label in enumerate(short))


@pytest.mark.parametrize("limit", [8, 12, 20, 28])
def test_formulas_are_not_cut(limit):
    names = [
        rf"$p_T(\ell_{k})$ of the {what} lepton" for k in range(9) for what in ("first", "last")
    ]
    for name, label in zip(names, shorten_all(names, limit), strict=True):
        formula = name[: name.rindex("$") + 1]
        assert formula in label or "$" not in label
    assert shorten("$m_{jj}$", 4) == "$m_{jj}$"
    assert shorten("a $m_{jj}$ b c d e f", 8) == "a …e f"


def test_random_names():
    draw = random.Random(0)
    for _ in range(300):
        letters, limit = draw.choice(["ab", "abc_", "a$\\{}", "01…"]), draw.randint(1, 40)
        base = [draw.choice(letters) for _ in range(draw.randint(0, 80))]
        names = []
        for _ in range(draw.randint(1, 30)):
            name = base.copy()
            for _ in range(draw.randint(0, 4) if name else 0):
                name[draw.randrange(len(name))] = draw.choice(letters + "xyz")
            names.append("".join(name[: draw.choice([None, draw.randint(0, 80)])]))
        short = dict(zip(names, shorten_all(names, limit), strict=True))
        assert len(set(short.values())) == len(short)
        assert all(label == name for name, label in short.items() if len(name) <= limit)


def test_a_repeated_name_has_one_label():
    assert shorten_all(["x" * 50, "y", "x" * 50], 20)[::2] == ["xxxxxxxxxx…xxxxxxxxx"] * 2


def test_texts_that_are_taken_get_a_number():
    assert distinguish(["a", "b", "x"], ["x", "x", "x"]) == ["x (2)", "x (3)", "x"]
    assert distinguish(["a", "b", "c"], ["x", "x", "x (2)"]) == ["x", "x (2)", "x (2) (2)"]


def test_huge_names_take_no_time():
    names = [("n" * 9_000) + str(k) + ("m" * 9_000) for k in range(200)]
    assert len(set(shorten_all(names, 28))) == 200
