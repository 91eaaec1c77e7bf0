"""The first events and random samples keep order, numbers and full batches."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.data import ArraySource, ColumnRequest, first_events, open_source, sample_events
from onnxtaylor.data import selection as selection_module
from onnxtaylor.errors import DataError, OptionError

N = 1000


@pytest.fixture
def source():
    x = np.arange(2.0 * N).reshape(N, 2)
    labels = np.arange(N) % 3
    return ArraySource(x, weights=np.arange(N) / 10, labels=labels, feature_names="ab")


def numbers(part, size=64):
    return np.concatenate([batch.numbers for batch in part.batches(size)])


@pytest.mark.parametrize("count", [1, 63, 64, 65, N, N + 5])
@pytest.mark.parametrize("size", [1, 64, 5000])
def test_the_first_events(source, count, size):
    batches = list(first_events(source, count).batches(size))
    found = np.concatenate([batch.numbers for batch in batches])
    np.testing.assert_array_equal(found, np.arange(min(count, N)))
    assert all(len(batch) == size for batch in batches[:-1])


def test_nothing_is_read_behind_the_first_events(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\n" + "1\n" * 5_000_000 + "x\n")
    source = open_source([path], request=ColumnRequest(1))
    assert len(numbers(first_events(source, 100))) == 100
    with pytest.raises(DataError, match="row 5000001"):
        numbers(source, 100_000)


@pytest.mark.parametrize("size", [1, 64, 5000])
@pytest.mark.parametrize("count", [1, 100, 999])
def test_a_sample_is_in_order_without_repeats_and_whole(source, count, size, whole):
    part = sample_events(source, N, count, seed=3)
    batches = list(part.batches(size))
    assert all(len(batch) == size for batch in batches[:-1])
    found = numbers(part, size)
    assert len(found) == count
    assert (np.diff(found) > 0).all()
    batch = whole(part, size)
    np.testing.assert_array_equal(batch.x[:, 0], 2.0 * found)
    np.testing.assert_array_equal(batch.weights, found / 10)
    assert batch.labels.tolist() == [str(k % 3) for k in found]


def test_a_sample_depends_on_the_seed_alone(source):
    first = numbers(sample_events(source, N, 50, seed=1), 7)
    np.testing.assert_array_equal(first, numbers(sample_events(source, N, 50, seed=1), 900))
    assert not np.array_equal(first, numbers(sample_events(source, N, 50, seed=2)))


def test_blocks_of_numbers_change_nothing_but_the_draw(source, monkeypatch):
    monkeypatch.setattr(selection_module, "BLOCK", 37)
    found = numbers(sample_events(source, N, 200, seed=1))
    assert len(found) == 200
    assert (np.diff(found) > 0).all()
    assert found[-1] < N


def test_every_event_is_as_likely(monkeypatch):
    monkeypatch.setattr(selection_module, "BLOCK", 6)
    draws, total, count = 4000, 20, 5
    hits = np.zeros(total)
    pairs = np.zeros((total, total))
    for seed in range(draws):
        chosen = np.concatenate(list(selection_module.sample_numbers(total, count, seed)))
        assert len(chosen) == count
        hits[chosen] += 1
        pairs[np.ix_(chosen, chosen)] += 1
    p = count / total
    assert np.abs(hits / draws - p).max() < 5 * np.sqrt(p * (1 - p) / draws)
    p2 = p * (count - 1) / (total - 1)
    off = pairs[~np.eye(total, dtype=bool)] / draws
    assert np.abs(off - p2).max() < 5 * np.sqrt(p2 * (1 - p2) / draws)


@pytest.mark.parametrize("count", [N, N + 1])
def test_a_sample_of_more_than_all_is_all(source, count):
    np.testing.assert_array_equal(numbers(sample_events(source, N, count, seed=0)), np.arange(N))


def test_parts_show_names_and_origins(source):
    for part in (first_events(source, 2), sample_events(source, N, 2, seed=0)):
        assert part.feature_names == ("a", "b")
        assert part.origins == ("array",)


def test_a_sample_of_the_first_events(source):
    part = sample_events(first_events(source, 100), 100, 10, seed=0)
    assert len(numbers(part)) == 10
    assert numbers(part).max() < 100


@pytest.mark.parametrize("count", [0, -1])
def test_one_event_at_least(source, count):
    with pytest.raises(OptionError, match=f"events must be at least 1, got {count}"):
        first_events(source, count)
    with pytest.raises(OptionError, match=f"sample must be at least 1, got {count}"):
        sample_events(source, N, count, seed=0)


def test_a_seed_is_not_negative(source):
    with pytest.raises(OptionError, match="seed must be at least 0, got -1"):
        sample_events(source, N, 1, seed=-1)


def test_a_batch_has_one_event_at_least(source):
    for part in (first_events(source, 2), sample_events(source, N, 2, seed=0)):
        with pytest.raises(OptionError, match="batch_size must be at least 1"):
            part.batches(0)
