"""The sections of validation/README.md are made of the committed numbers, and of nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from validation import all as every
from validation.all import STUDIES, study
from validation.study import Claim, Outcome, Study, StudyError, insert, main, perform, section_of

HERE = Path(__file__).parents[2] / "validation"


def committed(name):
    return json.loads((HERE / "measured" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", STUDIES)
def test_the_readme_tells_the_committed_numbers(name):
    text = (HERE / "README.md").read_text(encoding="utf-8")
    block = re.search(rf"<!-- study {name} -->\n(.*?)<!-- end of {name} -->", text, re.DOTALL)
    assert block, f"no section of {name}"
    assert block[1] == section_of(study(name), committed(name))
    for figure in re.findall(r"\]\((figures/[^)]+|measured/[^)]+)\)", block[1]):
        assert (HERE / figure).is_file(), figure


# claims that do not hold, by how they begin: the README says so, and why
OPEN = {"curvature": ["ReLU, A to D: the leading coefficient", "so tracked, on the way"]}


@pytest.mark.parametrize("name", STUDIES)
def test_every_claim_of_the_committed_run_holds_but_for_those_that_are_named(name):
    document = committed(name)
    assert not document["short"]
    assert document["claims"]
    failed = [claim["text"] for claim in document["claims"] if not claim["holds"]]
    expected = OPEN.get(name, [])
    assert len(failed) == len(expected)
    assert all(text.startswith(begin) for text, begin in zip(failed, expected, strict=True))


def made(holds=True):
    def run(short):
        return Outcome({"x": 1 if short else 2}, [Claim("x is small", "1", holds)])

    return Study("made_up", "A made-up study", run, lambda numbers: f"x is {numbers['x']}.")


def test_a_study_writes_its_numbers_and_its_section(tmp_path, capsys):
    assert main(made(), ["--short", "--output", str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    assert "| x is small | 1 | holds |" in text
    assert "x is 1." in text
    assert perform(made(), short=False, output=tmp_path)["numbers"] == {"x": 2}
    again = (tmp_path / "README.md").read_text()
    assert "x is 2." in again
    assert "x is 1." not in again
    assert again.count("<!-- study made_up -->") == 1


def test_a_claim_that_does_not_hold_is_status_1(tmp_path, capsys):
    assert main(made(holds=False), ["--output", str(tmp_path)]) == 1
    assert "**does not hold**" in capsys.readouterr().out


def test_a_study_that_cannot_run_is_status_2_and_writes_nothing(tmp_path, capsys):
    def run(short):
        raise StudyError("no data")

    assert main(Study("made_up", "…", run, str), ["--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error: no data\n"
    needy = Study("made_up", "…", run, str, needs=["no-such-package"])
    assert main(needy, ["--output", str(tmp_path)]) == 2
    assert "no-such-package is not installed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_short_numbers_do_not_replace_the_committed_ones(capsys):
    with pytest.raises(SystemExit):
        main(made(), ["--short"])
    with pytest.raises(SystemExit):
        every.main(["--short"])


def test_a_section_replaces_its_own_alone(tmp_path):
    readme = tmp_path / "README.md"
    insert(readme, "a", r"first \1" + "\n")
    insert(readme, "b", "second\n")
    insert(readme, "a", "third\n")
    text = readme.read_text()
    assert "first" not in text
    assert text.index("third") < text.index("second")
