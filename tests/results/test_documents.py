"""Saved JSON: what is no document, one of another schema, and a damaged one."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from onnxtaylor.errors import ResultError
from onnxtaylor.results.documents import DocumentKind, json_number, part, with_nulls

KIND = DocumentKind("onnxtaylor.gof/1", title="plan of ours", name="plan", hint="; try another")
SOUND = {
    "schema": "onnxtaylor.gof/1", "version": "4", "method": "combine", "observed": None,
    "expected": None, "options": {"places": ["x"], "key": None}, "warnings": [], "pairs": [],
    "features": [{"name": "a", "tests": [{
        "test": "combine", "statistic": 1.0, "ndf": None, "p": 0.5, "p_error": None,
        "p_asymptotic": None, "toys": 3, "reason": None,
    }], "bins": []}],
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    name: str
    count: int
    size: float
    place: int | None = None
    step: int | float = 2
    rest: tuple[int, ...] = ()


def load(document):
    """One over the version: some documents fit the schema and contradict themselves."""
    return 1 / int(document["version"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON document: Expecting value"),
        ("[" * 100_000, "no JSON document: "),
        ('{"schema": "onnxtaylor.gof/1", "a": NaN}', "no JSON document: NaN is no number of JSON"),
        ('{"schema": "onnxtaylor.gof/1", "a": -Infinity}', "no JSON document: -Infinity"),
        ('{"a": 1e999}', "the plan is damaged: the number 1e999 is too large"),
        ('{"a": %s}' % ("9" * 301), "the plan is damaged: a number of 301 digits is too large"),
        ("[]", "no plan of ours: its schema is 'None', not 'onnxtaylor.gof/1'; try another$"),
        (
            '{"schema": "ours/2"}',
            "no plan of ours: its schema is 'ours/2', not 'onnxtaylor.gof/1'$",
        ),
        ('{"schema": ["onnxtaylor.gof/1"]}', "no plan of ours"),
        ('{"schema": "onnxtaylor.gof/1"}', "the plan is damaged: the document has no 'version'$"),
        (json.dumps(SOUND | {"version": 0}), "the plan is damaged: version must be text, got 0$"),
        (json.dumps(SOUND | {"version": "\u001b"}), "the plan is damaged: invalid literal for int"),
    ],
)
def test_what_cannot_be_loaded_is_refused_in_a_line(text, says):
    with pytest.raises(ResultError, match=f"^here: {says}") as caught:
        KIND.parse(text, "here", load)
    assert str(caught.value).isprintable()


def test_a_sound_document_is_loaded(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(SOUND), encoding="utf-8")
    assert KIND.parse(KIND.read(tmp_path / "p.json"), "here", load) == 0.25


def test_other_errors_are_faults_of_ours_and_not_of_the_document():
    with pytest.raises(ZeroDivisionError):
        KIND.parse(json.dumps(SOUND | {"version": "0"}), "here", load)


@pytest.mark.parametrize(
    ("name", "says"), [("none", "no such file"), (".", "cannot be read: "), ("b", "cannot be read")]
)
def test_files_that_cannot_be_read(tmp_path, name, says):
    (tmp_path / "b").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ResultError, match=says) as caught:
        KIND.read(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path))


def test_parts_have_the_types_of_their_fields():
    """In JSON 5.0 is a whole number; in Python it would not count anything."""
    row = {"name": "a", "count": 5.0, "size": 2, "place": 3.0, "step": 4.0}
    made = part(Part, row, rest=(1,))
    assert made == Part("a", 5, 2, 3, 4.0, (1,))
    assert [type(v) for v in (made.count, made.size, made.place, made.step)] == [
        int, int, int, float,
    ]  # fmt: skip
    assert part(Part, row | {"place": None}).place is None


def test_numbers_that_json_has_not():
    assert [json_number(v) for v in (None, 1.5, 2, float("inf"), -float("inf"))] == [
        None, 1.5, 2, "inf", "-inf",
    ]  # fmt: skip
    assert json_number(float("nan")) == "nan"
    row = {"a": float("nan"), "b": 2.0, "c": None, "d": "nan"}
    assert with_nulls(row) == {"a": None, "b": 2.0, "c": None, "d": "nan"}
