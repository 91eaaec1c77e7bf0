"""Users' own checks, by the entry points of a distribution that is made up for the test."""

from __future__ import annotations

import sys
import textwrap

import pytest

import onnxtaylor.audit.check as base
from onnxtaylor.audit import audit
from onnxtaylor.audit.checks import find_check, known_ids
from onnxtaylor.errors import OptionError

MODULE = """
from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from onnxtaylor.audit import Check, CheckReport, Subject, option
from onnxtaylor.audit.evidence import Evidence


{check}


class NoCheck:
    pass


@dataclass(frozen=True, kw_only=True)
class Nameless(Check):
    '''Its id is another one.'''

    id: ClassVar[str] = "other"

    def run(self, evidence: Evidence) -> CheckReport:
        return CheckReport(1, "thing")
"""

ENTRY_POINTS = """
[onnxtaylor.checks]
few-features = my_checks:FewFeatures
no-check = my_checks:NoCheck
nameless = my_checks:Nameless
gone = my_checks:Gone
dominance = my_checks:FewFeatures
"""


def documented_check() -> str:
    """The example of ``onnxtaylor.audit.check``, to the letter."""
    text = base.__doc__.split("no more than this:")[1]
    return textwrap.dedent(text).strip()


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    (tmp_path / "my_checks.py").write_text(MODULE.format(check=documented_check()))
    info = tmp_path / "my_checks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-checks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("my_checks", None)


@pytest.fixture
def run(distribution, sound):
    def audited(text):
        (sound.folder / "p.toml").write_text(text)
        return audit(sound.model, sound.data, sound.folder / "p.toml")

    return audited


def test_the_documented_check_runs(run):
    outcome = run('[[checks]]\nid = "few-features"')
    assert outcome.exit_status == 0
    (check,) = outcome.checks
    assert (check.title, check.summary) == (
        "The model takes no more features than it should.",
        "4 features",
    )
    assert check.options == {"most": 50}


def test_its_options_are_validated_and_its_findings_count(run):
    outcome = run('[[checks]]\nid = "few-features"\nmost = 3')
    assert outcome.exit_status == 1
    (finding,) = outcome.findings
    assert (finding.measured, finding.limit, finding.level) == (4, 3, "error")
    for wrong in ("mots = 3", "most = 0", "most = 'x'"):
        with pytest.raises(OptionError, match="few-features"):
            run(f'[[checks]]\nid = "few-features"\n{wrong}')


def test_those_of_other_distributions_do_not_run_by_themselves(distribution, sound, monkeypatch):
    monkeypatch.chdir(sound.folder)
    assert "few-features" not in {c.id for c in audit(sound.model, sound.data).checks}
    assert "few-features" in known_ids()


def test_a_built_in_check_is_not_replaced(distribution):
    assert find_check("dominance").__module__ == "onnxtaylor.audit.checks.dominance"


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("no-check", "of my-checks (my_checks:NoCheck) is no subclass of onnxtaylor.audit.Check"),
        ("nameless", "has the id other"),
        ("gone", "cannot be loaded: AttributeError"),
        ("few-feature", "did you mean 'few-features'"),
    ],
)
def test_what_is_no_check_is_told_in_a_line(distribution, id, message):
    with pytest.raises(OptionError) as error:
        find_check(id)
    assert message in str(error.value)
