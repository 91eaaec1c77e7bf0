"""CONTRIBUTING's walk-through adds an operator: its code is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from onnxtaylor.compiler import MissingRuleError
from onnxtaylor.rules import RULES
from tests.rules import sample as words
from tests.rules.generic import check

TEXT = Path(__file__).parents[2].joinpath("CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = TEXT.split("## Adding an operator")[1].split("\n## ")[0]
RULE, LINE = re.findall(r"```python\n(.*?)```", SECTION, flags=re.DOTALL)


@pytest.fixture
def newcomer(monkeypatch):
    """The table of rules without the operator that the text adds."""
    monkeypatch.delitem(RULES, "Tanh")
    return eval(LINE, {"sample": words.sample, "x": words.x})


def test_the_walk_through_adds_an_operator(newcomer, monkeypatch):
    with pytest.raises(MissingRuleError, match="operator Tanh has no rule"):
        check(newcomer, smooth=False)
    before = dict(RULES)
    exec(RULE, {})
    rule = RULES["Tanh"]
    assert {**before, "Tanh": rule} == RULES
    monkeypatch.setitem(RULES, "Tanh", rule)
    check(newcomer, smooth=True)
    check(newcomer, smooth=False)


def test_it_takes_about_ten_lines():
    code = [line for line in RULE.splitlines() if line.strip() and '"""' not in line]
    assert len(code) <= 10
