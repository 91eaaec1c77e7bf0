"""Reductions against loops over names; the engine that reduces, with one that answers by heart."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest

from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.engine.reduced import Reduced, Reduction
from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.slots import Grouping

SLOTS = 4
NAMES = [f"pf.{v}[{s}]" for s in range(SLOTS) for v in ("pt", "eta")]
NAMES += [f"sv.m[{s}]" for s in range(2)] + ["jet.pt", "jet.m"]
N = len(NAMES)
INDICES = MultiIndices.full(N, 2)


def object_of(name):
    stem, _, slot = name.partition("[")
    return stem.split(".")[0], slot


def slot_of(name):
    return int(name.partition("[")[2].rstrip("]") or -1)


def naive(terms, group, how, filled=None, sigma=None, names=NAMES, alphas=None):
    """{(groups, relation): number} of one event and response, from the words of the documentation;
    ``group`` maps a name to its group or None.
    """
    order = list(dict.fromkeys(g for g in map(group, names) if g is not None))
    found = {}
    for k, alpha in enumerate(alphas or INDICES.tuples()):
        groups = [group(names[i]) for i in alpha]
        if None in groups or not (filled is None or all(filled[i] for i in alpha)):
            continue
        pairs = sorted(
            (order.index(g), slot_of(names[i])) for g, i in zip(groups, alpha, strict=True)
        )
        relation = ""
        if len(alpha) == 2:
            same = object_of(names[alpha[0]]) == object_of(names[alpha[1]])
            relation = "same object" if same else "different objects"
        value = abs(terms[k]) * np.prod([1.0 if sigma is None else sigma[i] for i in alpha])
        key = (tuple(order[g] for g, _ in pairs), relation)
        found.setdefault(key, []).append((tuple(s for _, s in pairs), value))
    reduced = {}
    for key, values in found.items():
        lead = min(slots for slots, _ in values)
        numbers = [value for _, value in values]
        reduced[key] = {
            "sum": sum(numbers),
            "mean": sum(numbers) / len(numbers),
            "maximum": max(numbers),
            "leading": sum(value for slots, value in values if slots == lead),
        }[how]
    return reduced


GROUPS = {
    "variable": lambda name: name.partition("[")[0],
    "input": lambda name: name.partition(".")[0],
    "group": lambda name: {"pt": "momenta", "m": "masses"}.get(
        name.partition("[")[0].split(".")[1]
    ),
}
BY = {"variable": "variable", "input": "input", "group": {"momenta": ["*.pt"], "masses": ["*.m"]}}


def keys(reduction, names):
    return [
        (alpha, reduction.indices.relation_of(k))
        for k, alpha in enumerate(reduction.indices.names(names))
    ]


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("how", ["sum", "mean", "maximum", "leading"])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_a_reduction_is_that_of_a_loop(by, how, scaled, masked):
    rng = np.random.default_rng(len(by + how))
    terms = rng.normal(size=(5, 2, len(INDICES)))
    sigma = rng.uniform(0.1, 3, N) if scaled else None
    filled = rng.random((5, N)) < 0.5 if masked else None
    grouping = Grouping.of(NAMES, BY[by])
    reduction = Reduction.plan(INDICES, grouping, how, sigma)
    found = reduction(terms, filled)
    known = keys(reduction, grouping.names)
    assert len(set(known)) == len(known)
    for e, c in np.ndindex(5, 2):
        expected = naive(terms[e, c], GROUPS[by], how, None if filled is None else filled[e], sigma)
        if not masked:
            assert set(expected) == set(known)
        assert found[e, c] == pytest.approx([expected.get(k, 0.0) for k in known], rel=1e-13)


@pytest.mark.parametrize("how", ["sum", "mean", "maximum", "leading"])
def test_columns_beyond_the_features_change_nothing(how):
    """Masks and other context are columns of an engine, and of no group."""
    rng = np.random.default_rng(3)
    terms, filled = rng.normal(size=(6, 2, len(INDICES))), rng.random((6, N)) < 0.5
    wider = MultiIndices(N + 7, INDICES.table)
    reductions = [Reduction.plan(k, Grouping.of(NAMES, "variable"), how) for k in (INDICES, wider)]
    plain, beside = (reduction(terms, filled) for reduction in reductions)
    np.testing.assert_array_equal(beside, plain)
    flags = rng.random(terms.shape) < 0.1
    plain, beside = (reduction.flags(flags, filled) for reduction in reductions)
    np.testing.assert_array_equal(beside, plain)
    with pytest.raises(ValueError, match="flags for"):
        reductions[1](terms, np.ones((6, N + 7), bool))


def test_the_order_is_that_of_the_convention():
    reduction = Reduction.plan(INDICES, Grouping.of(NAMES, "variable"))
    relations = reduction.indices.relation.tolist()
    alphas = [(*a, r) for a, r in zip(reduction.indices.tuples(), relations, strict=True)]
    assert [a[:-1] for a in alphas] == sorted((a[:-1] for a in alphas), key=lambda a: (len(a), a))
    again = MultiIndices.of(5, reduction.indices.tuples(), relations)
    assert np.array_equal(again.table, reduction.indices.table)
    assert np.array_equal(again.relation, reduction.indices.relation)


def test_pairs_of_a_flat_model_are_not_told_apart():
    names = ["a", "b", "c"]
    reduction = Reduction.plan(
        MultiIndices.full(3, 2), Grouping.of(names, {"u": ["a", "b"], "v": ["c"]})
    )
    assert reduction.indices.relation is None
    assert reduction.indices.tuples() == [(0,), (1,), (0, 0), (0, 1), (1, 1)]
    assert reduction(np.arange(1.0, 10)[None, None]).ravel().tolist() == [3, 3, 4 + 5 + 7, 6 + 8, 9]


def test_first_order_alone_and_features_that_do_not_move():
    grouping = Grouping.of(NAMES, "variable")
    first = Reduction.plan(MultiIndices.full(N, 1), grouping)
    assert first.indices.tuples() == [(i,) for i in range(5)]
    moved = [(i,) for i in range(2, N)]  # nothing of slot 0
    leading = Reduction.plan(MultiIndices.of(N, moved), grouping, "leading")
    terms = np.arange(1.0, 1 + len(moved))[None, None]
    assert leading(terms).ravel().tolist() == [1, 2, 7, 9, 10]


def test_what_cannot_be_reduced_is_refused():
    grouping = Grouping.of(NAMES, {"one": ["jet.m"]})
    with pytest.raises(OptionError, match="offers first and second order"):
        Reduction.plan(MultiIndices.full(N, 3), grouping)
    with pytest.raises(OptionError, match="no feature of a group has a coefficient"):
        Reduction.plan(MultiIndices.of(N, [(0,)]), grouping)


def test_context_columns_are_in_no_group():
    wide = MultiIndices(N + 2, INDICES.table)
    grouping = Grouping.of(NAMES, "variable")
    terms = np.random.default_rng(0).normal(size=(3, 1, len(INDICES)))
    narrow = Reduction.plan(INDICES, grouping, "sum", np.full(N, 2.0))
    assert np.array_equal(
        Reduction.plan(wide, grouping, "sum", np.full(N, 2.0))(terms), narrow(terms)
    )


class ByHeart:
    """An engine whose terms are functions of x; three events at a time."""

    name, quantity, precision, points, reach = "differences", "derivative", "float64", 7, None
    exact_responses = np.array([False, False])
    sums_in_graph = True
    batch_events = 3
    indices = INDICES

    def __init__(self):
        self.sizes = []
        self.terms = np.empty((3, 2, len(INDICES)))

    def describe(self):
        return {"points": 7}

    def coefficients(self, x, watch=None):
        self.sizes.append(len(x))
        if watch is not None:
            watch(1.0)
        self.terms[: len(x)] = np.sin(
            x[:, :1, None] * np.arange(1, 3)[:, None] + np.arange(len(INDICES))
        )
        terms = self.terms[: len(x)]
        apart = np.flatnonzero(x[:, 0] > 100)
        mask = np.zeros((len(apart), 2, len(INDICES)), bool)
        mask[:, 1, 3] = True  # by pf.eta[1]
        return BatchCoefficients(
            x[:, :2],
            terms,
            np.abs(terms) / 8,
            np.abs(x) > 1,
            NoDerivative(apart, mask) if len(apart) else None,
        )


def test_the_engine_reduces_batch_by_batch():
    x = np.random.default_rng(1).normal(size=(8, N))
    x[[4, 7], 0] = 200.0
    engine, told = ByHeart(), []
    reduction = Reduction.plan(INDICES, Grouping.of(NAMES, "variable"))
    reduced = Reduced(engine, reduction)
    answer = reduced.coefficients(x, told.append)
    assert engine.sizes == [3, 3, 2]
    assert told == pytest.approx([3 / 8, 6 / 8, 1.0])
    assert not reduced.sums_in_graph
    whole = np.sin(x[:, :1, None] * np.arange(1, 3)[:, None] + np.arange(len(INDICES)))
    assert answer.terms == pytest.approx(reduction(whole))
    assert answer.error_bounds == pytest.approx(reduction(whole) / 8)
    assert np.array_equal(answer.responses, x[:, :2])
    assert np.array_equal(answer.kinks, np.abs(x) > 1)
    assert answer.no_derivative.events.tolist() == [4, 7]
    flagged = answer.no_derivative.mask
    assert not flagged[:, 0].any()
    assert reduction.indices.tuples()[1] == (1,)  # pf.eta
    assert flagged[:, 1].sum(axis=1).tolist() == [1, 1]
    assert flagged[:, 1, 1].all()


def test_padding_has_no_part_in_anything():
    x = np.full((2, N), 200.0)
    filled = np.ones((2, N), bool)
    filled[:, 2:] = False
    reduction = Reduction.plan(INDICES, Grouping.of(NAMES, "variable"), "mean")
    answer = Reduced(ByHeart(), reduction, lambda x: filled).coefficients(x)
    whole = np.sin(x[:, :1, None] * np.arange(1, 3)[:, None] + np.arange(len(INDICES)))
    assert answer.terms[..., 0] == pytest.approx(np.abs(whole[..., 0]))
    assert not answer.no_derivative.mask.any()  # the slot without a derivative is empty


@pytest.mark.parametrize("how", ["sum", "mean", "maximum"])
def test_bounds_of_errors_are_bounds(how):
    rng = np.random.default_rng(5)
    true = rng.normal(size=(50, 1, len(INDICES)))
    error = rng.normal(size=true.shape)
    reduction = Reduction.plan(INDICES, Grouping.of(NAMES, "input"), how)
    off = np.abs(reduction(true + error) - reduction(true))
    assert (off <= reduction(np.abs(error)) * (1 + 1e-12)).all()


def test_every_pair_of_objects_is_counted_once():
    reduction = Reduction.plan(INDICES, Grouping.of(NAMES, "input"))
    ones = reduction(np.ones((1, 1, len(INDICES)))).ravel()
    counts = dict(zip(keys(reduction, ["pf", "sv", "jet"]), ones.tolist(), strict=True))
    pairs = list(combinations_with_replacement(range(2 * SLOTS), 2))
    same = SLOTS * 3  # pt-pt, pt-eta, eta-eta of each
    assert counts[(("pf", "pf"), "same object")] == same
    assert counts[(("pf", "pf"), "different objects")] == len(pairs) - same
    assert counts[(("sv", "jet"), "different objects")] == 4
    assert sum(ones) == len(INDICES)


def test_flags_of_features_stand_before_those_of_context():
    """Two features and three columns of context: the second event has one slot filled."""
    names = ["x[0]", "x[1]"]
    indices = MultiIndices(5, MultiIndices.full(2, 1).table)
    reduction = Reduction.plan(indices, Grouping.of(names, "variable"), "sum")
    filled = np.array([[True, True], [False, True]])[:, ::-1].copy()
    terms = np.array([[[1.0, 2.0]], [[4.0, 8.0]]])
    np.testing.assert_array_equal(reduction(terms, filled)[:, 0, 0], [3.0, 4.0])
    flags = np.ones((2, 1, 2), bool)
    assert reduction.flags(flags, filled).all()
    assert not reduction.flags(flags, np.zeros_like(filled)).any()
