"""Workflow commands, read as GitHub's runner reads a step's output."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from onnxtaylor.audit.finding import Subject
from onnxtaylor.audit.formats import FORMATS
from tests.audit.hostile_outcome import NAMES, made
from tests.audit.test_audit_outcome import check, finding, outcome

write_github = FORMATS["github"]


def commands(text):
    """(name, properties, message) of each line; None of one that is no command.

    By the runner's documented behaviour: a line that begins with ``::``, up to the next ``::``;
    ``##[`` anywhere in a line; %0D, %0A and %25 (in properties %3A and %2C, too) undone.
    """
    found = []
    for line in re.split(r"\r\n|[\r\n]", text.removesuffix("\n")):
        assert "##[" not in line
        assert not re.search(r"##\w+\[", line)
        match = re.fullmatch(r"::([a-z-]+)(?: (.*?))?::(.*)", line)
        if match is None:
            found.append(None)
            continue
        name, given, message = match.groups()
        properties = dict(part.split("=", 1) for part in given.split(","))
        for code, letter in (("%3A", ":"), ("%2C", ","), ("%25", "%")):
            properties = {k: v.replace(code, letter) for k, v in properties.items()}
        assert not re.search(r"%(?!25)", message)  # nothing else to undo: no line ends, above all
        found.append((name, properties, message.replace("%25", "%")))
    return found


def read(text):
    """What breaks the old commands shows."""
    return text.replace("##[error]", "#\\#[error]").replace("##vso[", "#\\#vso[")


def test_one_line_for_the_verdict_and_each_finding_and_no_other_command():
    audit = made()
    found = commands(write_github(audit))
    hidden = [one for one in audit.checks if one.status == "error"]
    assert None not in found
    # all findings of a check are about 'b': one line for those of a level
    groups = {(check.name, f.level) for check in audit.checks for f in check.findings}
    assert len(audit.findings) > 5 * len(groups)
    assert len(found) == 1 + len(groups) + len(hidden) + len(audit.warnings)
    kinds = Counter(name for name, _, _ in found)
    levels = Counter([level for _, level in groups] + [c.level for c in hidden])
    assert kinds == {
        "error": levels["error"],
        "warning": levels["warning"] + len(audit.warnings),
        "notice": levels["note"] + 1,
    }
    assert found[0][0] == "notice"
    assert found[0][2] == read(audit.verdict)
    assert all(set(properties) == {"file", "title"} for _, properties, _ in found)


@pytest.mark.parametrize("raw", NAMES, ids=ascii)
def test_names_are_legible(raw):
    found = commands(write_github(made({raw: NAMES[raw]} | NAMES)))  # as the first of its group
    seen = read(NAMES[raw])
    assert any(p["file"] == f"models/{seen}" for _, p, _ in found)
    (message,) = (
        m for kind, _, m in found if kind == "error" and m.startswith(f"feature '{seen}' leads.")
    )
    assert f"share of {seen}: {seen}, must be ≤ {seen} (± {seen})" in message
    assert message.endswith(f"What to do: drop {seen}")


def test_control_characters_never_stand_in_a_line():
    assert all(line.isprintable() for line in write_github(made()).split("\n"))


def test_the_first_findings_of_all_checks_come_before_the_second_ones():
    many = [finding(message=f"a{k}", subject=Subject("feature", f"f{k}")) for k in range(20)]
    text = write_github(
        outcome(
            check("mild", "fail", "warning", [finding("warning", message="w0")]),
            check("a", "fail", findings=many),
            check("b", "fail", findings=[finding(message="b0")]),
        )
    )
    told = [message.split(".")[0] for _, _, message in commands(text)]
    assert told == ["FAIL: 2 of 3 checks: a, b", "a0", "b0", "w0", "a1", "a2", "a3", "a4"]
    assert "And 15 more of this check: all are in the JSON report." in text.splitlines()[-1]


def test_findings_of_a_feature_are_one_annotation():
    pairs = [("x", "y"), ("z", "z"), ("x", "w"), ("x",), ("v", "z"), ("x", "x")]
    rows = [
        finding(message=f"m{k}", subject=Subject("coefficient", ", ".join(names), names))
        for k, names in enumerate(pairs)
    ]
    found = commands(write_github(outcome(check("a", "fail", findings=rows))))[1:]
    assert [message.split(".")[0] for _, _, message in found] == ["m0", "m1"]
    assert "And 3 more about 'x', with y, w." in found[0][2]
    assert "And 1 more about 'z', with v." in found[1][2]


def test_under_strict_a_warning_is_an_error():
    warned = check("mild", "fail", "warning", [finding("warning"), finding("note")])
    kinds = [name for name, _, _ in commands(write_github(outcome(warned, strict=True)))]
    assert kinds == ["notice", "error", "notice"]


def test_without_checks_it_says_so():
    assert write_github(outcome()) == (
        "::notice file=model.onnx,title=onnxtaylor audit::FAIL: no check was run\n"
    )
