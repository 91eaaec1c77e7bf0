"""The scripts of action and component do what they say, in a shell as the pipelines have it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
yaml = pytest.importorskip("yaml", reason="needs PyYAML")


@pytest.fixture
def run(tmp_path):
    """``run(script, **environment)``: status and output, in an empty folder."""
    commands, work = tmp_path / "bin", tmp_path / "work"
    commands.mkdir()
    work.mkdir()
    (commands / "onnxtaylor").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m onnxtaylor "$@"\n')
    (commands / "onnxtaylor").chmod(0o755)
    paths = [str(ROOT), str(ROOT / "kernels"), os.environ.get("PYTHONPATH", "")]

    def call(shell: list[str], script: str, **told: str) -> subprocess.CompletedProcess[str]:
        surrounding = os.environ | {
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(paths),
            "GITHUB_OUTPUT": str(tmp_path / "outputs"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        }
        return subprocess.run(
            [*shell, script],
            cwd=work,
            env=surrounding | told,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    call.work, call.base = work, tmp_path  # type: ignore[attr-defined]
    return call


GITHUB = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
GITLAB = ["sh", "-ec"]


def action() -> str:
    steps = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"]
    return next(step["run"] for step in steps if step.get("id") == "audit")


def component() -> str:
    _, jobs = yaml.safe_load_all((ROOT / "templates" / "audit.yml").read_text(encoding="utf-8"))
    (job,) = jobs.values()
    return job["script"][-1]


def told(case, prefix: str = "", **changes: str) -> dict[str, str]:
    usual = {
        "MODEL": case.model,
        "DATA": case.data,
        "POLICY": case.policy,
        "BASELINE": case.baseline,
    }
    usual |= {"ARGUMENTS": "", "REPORTS": "out"} if not prefix else {}
    return {f"{prefix}{key}": str(value) for key, value in (usual | changes).items()}


def test_the_action_writes_all_reports(run, sound):
    beside = {"ARGUMENTS": f"--gof\n{sound.gof}\n--reference\n{sound.reference}\n"}
    done = run(GITHUB, action(), **told(sound, **beside))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("::notice ")
    written = {path.name for path in (run.work / "out").iterdir()}
    assert written == {f"audit.{end}" for end in ("md", "sarif", "json", "xml", "html")} | {
        "bom.json"
    }
    assert "PASS" in (run.base / "summary").read_text()
    outputs = dict(line.split("=") for line in (run.base / "outputs").read_text().split())
    assert set(outputs) == {"sarif", "json", "page"}
    for path in outputs.values():
        assert (run.work / path).exists()
    assert json.loads((run.work / outputs["json"]).read_text())["exit_status"] == 0


def test_the_action_fails_where_the_model_fails_and_tells_why(run, sound):
    policy = run.work / "strict.toml"
    policy.write_text('[[checks]]\nid = "statistics"\nmin-n-eff = 1e9\nlevel = "error"\n')
    done = run(GITHUB, action(), **told(sound, POLICY=str(policy), BASELINE=""))
    assert done.returncode == 1
    assert "::error " in done.stdout
    assert "FAIL" in (run.base / "summary").read_text()


def test_no_input_is_read_as_a_command_or_an_option(run, sound):
    policy = run.work / "finite.toml"
    policy.write_text('[[checks]]\nid = "finite"\n')
    usual = {"POLICY": str(policy), "BASELINE": ""}
    evil = "$(touch owned)`touch owned`;touch owned"
    done = run(GITHUB, action(), **told(sound, MODEL=evil, **usual))
    assert done.returncode == 2
    assert "no such file" in done.stderr.lower()
    done = run(GITHUB, action(), **told(sound, MODEL="--help", **usual))
    assert done.returncode == 2
    assert not (run.work / "owned").exists()


def test_the_component_passes_and_fails(run, sound):
    policy = run.work / "some.toml"
    policy.write_text('[[checks]]\nid = "finite"\n')
    given = told(sound, "AUDIT_", POLICY=str(policy), BASELINE="")
    done = run(GITLAB, component(), **given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"audit.xml", "audit.html"} <= {path.name for path in run.work.iterdir()}
    policy.write_text('[[checks]]\nid = "statistics"\nmin-n-eff = 1e9\nlevel = "error"\n')
    assert run(GITLAB, component(), **given).returncode == 1


@pytest.mark.parametrize("text", [action(), component()], ids=["action", "component"])
def test_no_input_is_written_into_a_script(text):
    assert "${{" not in text
    assert "$[[" not in text
