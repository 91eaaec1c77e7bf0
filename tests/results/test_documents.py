"""Saved JSON: what is no document, one of another schema, and a damaged one."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from onnxtaylor.errors import ResultError
from onnxtaylor.results.documents import Format, checked, told, with_nulls

FORMAT = Format("ours/1", kind="plan of ours", name="plan", hint="; try another")


@dataclass(frozen=True)
class Part:
    name: str = "a"
    count: int = 1
    size: float = 0.5
    sure: bool = True
    note: str | None = None
    place: int | None = None
    width: float | None = None
    step: int | float = 2
    rest: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON document: Expecting value"),
        ("[" * 100_000, "no JSON document: "),
        ('{"schema": "ours/1", "a": NaN}', "no JSON document: NaN is no number of JSON"),
        ('{"schema": "ours/1", "a": -Infinity}', "no JSON document: -Infinity"),
        ("[]", "no plan of ours: its schema is 'None', not 'ours/1'; try another$"),
        ('{"schema": "ours/2"}', "no plan of ours: its schema is 'ours/2', not 'ours/1'$"),
        ('{"schema": ["ours/1"]}', "no plan of ours"),
        ('{"schema": "ours/1"}', r"the plan is damaged \(KeyError: 'a'\)$"),
        ('{"schema": "ours/1", "a": 0}', r"the plan is damaged \(ZeroDivisionError: .*\)$"),
        ('{"schema": "ours/1", "a": "\\u001b"}', r"the plan is damaged \(TypeError: .*\)$"),
    ],
)
def test_what_cannot_be_made_is_told_in_a_line(text, says):
    with pytest.raises(ResultError, match=f"^here: {says}") as caught:
        FORMAT.parse(text, "here", lambda document: 1 / document["a"])
    assert str(caught.value).isprintable()


def test_a_sound_document_is_made(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps({"schema": "ours/1", "a": 4}), encoding="utf-8")
    text = FORMAT.read(tmp_path / "p.json")
    assert FORMAT.parse(text, "here", lambda document: 1 / document["a"]) == 0.25


def test_other_errors_are_faults_of_ours_and_not_of_the_document():
    def broken(document):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        FORMAT.parse('{"schema": "ours/1"}', "here", broken)


@pytest.mark.parametrize(
    ("name", "says"), [("none", "no such file"), (".", "cannot be read: "), ("b", "cannot be read")]
)
def test_files_that_cannot_be_read(tmp_path, name, says):
    (tmp_path / "b").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ResultError, match=says) as caught:
        FORMAT.read(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path))


SOUND = [{}, {"size": 1}, {"note": "n", "place": 3, "width": 1}, {"step": 0.5}, {"rest": "any"}]
WRONG = [
    *({"name": v} for v in (None, 1)),
    *({"count": v} for v in (None, 1.0, "1", True)),
    *({"size": v} for v in (None, "0.5", False)),
    *({"sure": v} for v in (None, 1)),
    *({"note": v} for v in (1, True)),
    *({"place": v} for v in (1.5, True)),
    *({"width": v} for v in ("1", True)),
    *({"step": v} for v in (None, "1", True)),
]


@pytest.mark.parametrize("row", SOUND)
def test_parts_of_their_types(row):
    assert checked(Part(**row)) == Part(**row)


@pytest.mark.parametrize("row", WRONG, ids=str)
def test_parts_of_other_types(row):
    (name,) = row
    with pytest.raises(TypeError, match=f"^{name} is "):
        checked(Part(**row))


def test_numbers_that_json_has_not():
    assert [told(v) for v in (None, 1.5, 2, float("inf"), -float("inf"))] == [
        None, 1.5, 2, "inf", "-inf",
    ]  # fmt: skip
    assert told(float("nan")) == "nan"
    row = {"a": float("nan"), "b": 2.0, "c": None, "d": "nan"}
    assert with_nulls(row) == {"a": None, "b": 2.0, "c": None, "d": "nan"}
