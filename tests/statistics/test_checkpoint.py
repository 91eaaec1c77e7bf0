"""Sums on disk: continued as though without a break; of another make, or damaged, refused."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.errors import OnnxTaylorError, OptionError, ResultError
from onnxtaylor.statistics import Accumulator
from onnxtaylor.statistics.checkpoint import FILE, FINISHED, Checkpoint, discard_finished

FACTS = {"model": "abc", "order": 2, "data": [1000, 3.5]}


def fresh():
    return Accumulator(2, 5, classes=("s", "b"), replicates=7, seed=1)


def feed(sums, start, stop):
    random = np.random.default_rng(1)
    terms, weights = random.normal(size=(60, 2, 5)), random.normal(1.0, 0.5, 60)
    labels = np.where(np.arange(60) % 2, "s", "b")
    part = slice(start, stop)
    sums.update(terms[part], weights[part], np.arange(60)[part], labels[part])
    return sums


def assert_same(found, expected):
    for name, value in expected.state().items():
        np.testing.assert_array_equal(found.state()[name], value, err_msg=name)


def test_nothing_saved_is_nothing_restored(tmp_path):
    sums = fresh()
    assert Checkpoint(tmp_path / "new" / "folder", FACTS).restore(sums) == 0
    assert sums.events == 0
    assert (tmp_path / "new" / "folder").is_dir()


def test_save_and_restore_continue_as_without_a_break(tmp_path):
    first = feed(fresh(), 0, 25)
    Checkpoint(tmp_path, FACTS).save(first)
    continued = fresh()
    assert Checkpoint(tmp_path, FACTS).restore(continued) == 25
    assert_same(continued, first)
    assert_same(feed(continued, 25, 60), feed(first, 25, 60))
    Checkpoint(tmp_path, FACTS).save(continued)  # replaces what was there
    again = fresh()
    assert Checkpoint(tmp_path, FACTS).restore(again) == 60
    assert_same(again, continued)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_facts_are_the_same_in_any_order(tmp_path):
    Checkpoint(tmp_path, FACTS).save(feed(fresh(), 0, 5))
    assert Checkpoint(tmp_path, dict(reversed(FACTS.items()))).restore(fresh()) == 5


@pytest.mark.parametrize(
    "facts", [{**FACTS, "order": 1}, {**FACTS, "data": [1000, 3.25]}, {**FACTS, "seed": 0}, {}]
)
def test_sums_of_another_analysis_are_refused(tmp_path, facts):
    Checkpoint(tmp_path, FACTS).save(feed(fresh(), 0, 5))
    sums = fresh()
    with pytest.raises(OptionError, match=r"sums of another analysis .* choose another folder"):
        Checkpoint(tmp_path, facts).restore(sums)
    assert sums.events == 0
    assert (tmp_path / FILE).exists()


def test_a_finished_analysis_is_there_until_it_is_discarded(tmp_path):
    checkpoint = Checkpoint(tmp_path, FACTS)
    checkpoint.save(feed(fresh(), 0, 5))
    checkpoint.finish()
    assert [path.name for path in tmp_path.iterdir()] == [FINISHED]
    assert checkpoint.restore(fresh()) == 5
    assert Checkpoint(tmp_path, {**FACTS, "order": 1}).restore(fresh()) == 0  # replaces it
    discard_finished(tmp_path)
    assert checkpoint.restore(fresh()) == 0
    discard_finished(tmp_path)


def test_truncated_files_are_refused_in_one_line(tmp_path):
    checkpoint = Checkpoint(tmp_path, FACTS)
    checkpoint.save(feed(fresh(), 0, 5))
    whole = (tmp_path / FILE).read_bytes()
    for size in (0, 1, 10, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        (tmp_path / FILE).write_bytes(whole[:size])
        with pytest.raises(
            ResultError, match=rf"{FILE}: the file is damaged .*: delete it$"
        ) as caught:
            checkpoint.restore(fresh())
        assert "\n" not in str(caught.value)


def test_damaged_files_are_refused_or_unharmed(tmp_path):
    """A byte changed anywhere: never another exception, never other sums."""
    checkpoint, sums = Checkpoint(tmp_path, FACTS), feed(fresh(), 0, 5)
    checkpoint.save(sums)
    whole = (tmp_path / FILE).read_bytes()
    random, refused = np.random.default_rng(1), 0
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= 1 << int(random.integers(8))
        (tmp_path / FILE).write_bytes(damaged)
        restored = fresh()
        try:
            checkpoint.restore(restored)
        except (ResultError, OptionError):
            refused += 1
        else:
            assert_same(restored, sums)
    assert refused > 100


@pytest.mark.parametrize("content", ["array", "text", "pickle"])
def test_other_files_of_this_name_are_refused(tmp_path, content):
    with (tmp_path / FILE).open("wb") as file:
        if content == "array":
            np.save(file, np.ones(3))
        elif content == "pickle":
            np.save(file, np.array([{"a": 1}]), allow_pickle=True)
        else:
            file.write(b"hello")
    with pytest.raises(ResultError, match="damaged"):
        Checkpoint(tmp_path, FACTS).restore(fresh())


def test_a_folder_that_cannot_be_one_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OnnxTaylorError, match=r"^resume folder"):
        Checkpoint(tmp_path / "file", FACTS)
