"""Coefficients along random directions: contracted rightly, and faults of any kind are found.

Compared with sums over all coefficients, one by one, and with closed forms.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidGraph

import onnxtaylor as ot
from onnxtaylor.crosscheck.directions import BLOCK, Directions, Layout, entry_units
from onnxtaylor.engine.exact.averaged import Averaged
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES
from tests.crosscheck.wide import events, widened
from tests.engine.nets import Net, events_of
from tests.rules.test_faults import RULED, TABLE, bent_rules


def drawn(layout: Layout, free: np.ndarray, units: np.ndarray, seed: int = 0) -> Directions:
    return Directions.draw(layout, free, units, seed)


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("order", [1, 2])
def test_coefficients_are_contracted_as_the_definition_says(order, averaged):
    n, layout = 5, Layout(2, order, averaged and order > 1)
    random = np.random.default_rng(1)
    indices = MultiIndices.full(n, 3)
    terms = random.normal(size=(3, 2, len(indices)))
    directions = drawn(layout, np.ones((3, n), bool), np.array([1.0, 2, 0.5, 4, 8]))
    found = directions.along(slice(1, 3), terms[1:], indices)
    for e, c in itertools.product((1, 2), (0, 1)):
        t = dict(zip(indices.tuples(), terms[e, c], strict=True))
        for k, alpha in enumerate(layout.indices.tuples()):
            v = directions.vectors[e, list(alpha)]
            if len(alpha) == 1:
                expected = sum(t[i,] * v[0, i] for i in range(n))
            else:
                pairs = [(i, j) for i in range(n) for j in range(i, n)]
                once = alpha[0] == alpha[1]
                expected = sum(
                    t[i, j] * (v[0, i] * v[1, j] + (0 if once else v[0, j] * v[1, i]))
                    for i, j in pairs
                )
            assert found[e - 1, c, k] == pytest.approx(expected, rel=1e-12)


def test_a_dense_direction_has_all_features_and_sparse_ones_have_them_together():
    layout, n = Layout(3, 2), 100
    free = np.ones((8, n), bool)
    free[:, 7] = False
    units = entry_units(np.linspace(0.1, 30, n))
    vectors = drawn(layout, free, units).vectors
    assert (vectors[:, :2] != 0).sum(axis=2).tolist() == [[n - 1] * 2] * 8
    # the second of a pair is dense
    assert ((vectors != 0).sum(axis=2) <= BLOCK).tolist() == [
        [False, False, True, False] * 1 + [True, False]
    ] * 8
    sparse = vectors[:, layout.kinds == 1]
    assert ((sparse != 0).any(axis=(0, 1)) == free[0]).all()
    assert (vectors[..., 7] == 0).all()
    ratio = np.abs(vectors[:, 0][:, free[0]]) / units[free[0]]
    assert set(np.unique(ratio * 8 * 4).tolist()) == {4.0, 5.0, 6.0, 7.0}


NET = Net("tanh", sizes=(600, 12, 3))


def wide_check(monkeypatch, net=NET, change=None, x=None, engine=Exact, **options: Any):
    """The verdict along directions, the coefficients of the exact engine changed."""
    right = engine.coefficients

    def wrong(self, x, *rest, **more):
        answer = right(self, x, *rest, **more)
        terms = answer.terms.copy()
        change(terms, self.indices)
        return replace(answer, terms=terms)

    if change is not None:
        monkeypatch.setattr(engine, "coefficients", wrong)
    x = events_of(net.sizes[0], 100) if x is None else x
    options = {"check_method": "directions", "curvature": "pointwise", **options}
    return ot.cross_check(net.model(), x, 64, **options)


def place(indices: MultiIndices, *alpha: int) -> int:
    padded = np.full(indices.table.shape[1], -1)
    padded[: len(alpha)] = alpha
    return int(np.flatnonzero((indices.table == padded).all(axis=1))[0])


def typical(terms: np.ndarray, indices: MultiIndices) -> int:
    """A pair whose coefficient of the first response is about as large as those of others."""
    pairs = np.flatnonzero(indices.orders == 2)
    size = np.abs(terms[0, 0, pairs])
    return int(pairs[np.argsort(size)[len(size) // 2]])


def larger(share):
    def change(terms, indices):
        k = place(indices, 17, 401)
        largest = np.abs(terms[:, :, indices.orders == 2]).max(axis=2)
        terms[:, :, k] += share * largest

    return change


def own_size(*alpha):
    def change(terms, indices):
        terms[:, :, place(indices, *alpha)] *= 2

    return change


def other_sign(*alpha):
    def change(terms, indices):
        terms[:, :, place(indices, *alpha)] *= -1

    return change


def swapped(one, other):
    def change(terms, indices):
        k, j = place(indices, *one), place(indices, *other)
        terms[:, :, [k, j]] = terms[:, :, [j, k]]

    return change


def no_half(terms, indices):
    squares = (indices.orders == 2) & (indices.table[:, 0] == indices.table[:, -1])
    terms[:, :, squares] *= 2


FAULTS = {
    "1 % of the largest": larger(0.01),
    "t_i twice": own_size(33),
    "t_ij twice": own_size(5, 300),
    "t_ii twice": own_size(44, 44),
    "sign of t_i": other_sign(599),
    "sign of t_ij": other_sign(0, 598),
    "t_i swapped": swapped((4,), (5,)),
    "t_ij swapped": swapped((4, 100), (5, 100)),
    "no factor ½": no_half,
}


def test_a_sound_engine_agrees(monkeypatch):
    check = wide_check(monkeypatch)
    assert check.verdict == "agrees", check
    assert check.directions == check.layout.count * check.events
    assert check.counts()["agrees"][0] == check.codes.size


@pytest.mark.parametrize("fault", FAULTS)
def test_a_single_wrong_coefficient_differs(fault, monkeypatch):
    check = wide_check(monkeypatch, change=FAULTS[fault])
    assert check.verdict == "differs", check


COMMON = ["Tanh", "Mul", "Softmax", "Where"]
SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in RULED if kind not in COMMON]


def verdict_of(sample: Any, uses: Any) -> str:
    """The first one of a check that came to the bent ingredient."""
    for dtype in (np.float64, np.float32):
        before = uses.count
        try:
            model = widened(sample.model(dtype, smooth=True))
            check = ot.cross_check(
                model, events(), 64, check_method="directions", curvature="pointwise"
            )
        except (InvalidGraph, ot.OnnxTaylorError):
            continue
        if uses.count > before:
            return check.verdict
    return "not run"


@pytest.mark.parametrize("kind", [*COMMON, *SLOW])
def test_a_rule_that_is_wrong_by_one_percent_differs_among_600_features(kind, monkeypatch):
    missed, tried = [], 0
    for name, bent, uses, _ in bent_rules(kind, RULES[kind], 1.01):
        if name.startswith("vjp"):  # more of all adjoints and fewer: some cancel in a sample
            continue
        with monkeypatch.context() as patch:
            patch.setitem(RULES, kind, bent)
            verdicts = set()
            for sample in TABLE[kind]:
                verdicts.add(verdict_of(sample, uses))
                if "differs" in verdicts:
                    break
        if uses.count and verdicts - {"not run"}:
            tried += 1
            if "differs" not in verdicts:
                missed.append(name)
    assert not missed
    assert tried or kind not in COMMON


def test_rules_and_single_faults_of_averaged_second_order_are_found(monkeypatch):
    """A ReLU net: averaged coefficients along planes agree, and one that is wrong differs."""
    net = Net("relu", sizes=(40, 12, 3))
    options = {"engine": Averaged, "curvature": "averaged"}
    sound = wide_check(monkeypatch, net, **options)
    assert sound.verdict == "agrees", sound
    assert any("averaged" in note for note in sound.notes)

    def wrong(terms, indices):
        terms[:, :, place(indices, 3, 7)] *= 2

    assert wide_check(monkeypatch, net, wrong, **options).verdict == "differs"


def test_the_saved_check_says_what_was_compared_and_an_older_one_has_all():
    x = events_of(6, 300)
    made = {
        method: ot.analyze(
            Net("tanh").model(), x, bootstrap=0, check_method=method, curvature="pointwise"
        )
        for method in ("all", "directions")
    }
    check = made["directions"].check
    assert check["verdict"] == "agrees"
    assert check["directions"] >= 2 * len(check["events"])
    assert sum(check["coefficients"].values()) % 4 == 0
    assert made["all"].check["directions"] is None
    assert made["all"].check["coefficients"]["agrees"] == 27 * 4
    for result in made.values():
        assert ot.TaylorResult.from_json(result.to_json()).check == result.check
    older = json.loads(made["all"].to_json())
    del older["check"]["directions"]
    assert ot.TaylorResult.from_json(json.dumps(older)).check == made["all"].check


def test_padded_entries_are_not_displaced():
    """Directions have 0 at features that may not move at an event."""
    free = np.ones((4, 30), bool)
    free[1, 10:20] = False
    vectors = drawn(Layout(2, 2), free, np.ones(30)).vectors
    assert (vectors[1][:, 10:20] == 0).all()
    assert (vectors[0, 0] != 0).all()
    flags = np.zeros((1, 30), bool)
    flags[0, 3] = True
    left = drawn(Layout(2, 2), free, np.ones(30)).without(slice(2, 3), flags)
    assert (left.vectors[2][:, 3] == 0).all()
    assert (left.vectors[0, 0] != 0).all()
