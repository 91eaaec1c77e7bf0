"""Parts of a stream that have the largest coefficients are kept, whatever the batches."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.data import Batch
from onnxtaylor.statistics.heaviest import PARTS, Heaviest

EVENTS, RESPONSES, COEFFICIENTS = 3000, 2, 5


@pytest.fixture
def terms():
    terms = np.random.default_rng(0).normal(size=(EVENTS, RESPONSES, COEFFICIENTS))
    terms[1234, 1, 3] = 1e3
    terms[2100, 0, 0] = 5e2
    return terms


def feed(heaviest, terms, size, *, at_hand, start=0):
    weights = np.where(np.arange(EVENTS) % 3, 1.0, -0.5)
    numbers = np.arange(EVENTS)
    squares = np.einsum("e,eck->eck", weights, terms**2).cumsum(axis=0).reshape(EVENTS, -1)
    for first in range(start, EVENTS, size):
        part = slice(first, first + size)
        batch = Batch(terms[part, 0], weights[part], None, numbers[part])
        heaviest.see(
            batch, squares[min(first + size, EVENTS) - 1], terms[part] if at_hand else None
        )
    return heaviest


@pytest.mark.parametrize("at_hand", [True, False])
@pytest.mark.parametrize("size", [7, 100, 512, 4000])
def test_the_largest_events_are_among_those_kept(terms, size, at_hand):
    kept = feed(Heaviest(np.ones(COEFFICIENTS), RESPONSES), terms, size, at_hand=at_hand)
    found = kept.events(EVENTS)
    assert found is not None
    assert {1234, 2100} <= set(found.numbers.tolist())
    np.testing.assert_array_equal(found.x, terms[found.numbers, 0])
    assert len(found) <= PARTS * (8 if at_hand else size)
    assert len(kept.events(1)) <= (8 if at_hand else size)  # those of one part


def test_negligible_coefficients_are_not_looked_at(terms):
    units = np.array([1.0, 1.0, 1.0, 1e-9, 1.0])
    kept = feed(Heaviest(units, RESPONSES), terms, 50, at_hand=True).events(EVENTS)
    assert 2100 in kept.numbers
    first = feed(Heaviest(units, RESPONSES), terms, 50, at_hand=True).events(1)
    assert 2100 in first.numbers
    assert 1234 not in first.numbers


def test_what_is_kept_can_be_saved_and_continued(terms):
    units = np.ones(COEFFICIENTS)
    half, whole = terms.copy(), Heaviest(units, RESPONSES)
    feed(whole, terms, 100, at_hand=True)
    stopped = Heaviest(units, RESPONSES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{__name__}.EVENTS", 1500)
        feed(stopped, half[:1500], 100, at_hand=True)
    again = Heaviest(units, RESPONSES)
    again.restore({name: np.array(array) for name, array in stopped.state().items()})
    feed(again, terms, 100, at_hand=True, start=1500)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(again.state()[name], array, err_msg=name)


def test_no_events_no_parts():
    assert Heaviest(np.ones(3), 1).events(10) is None
