"""What is released: files that agree with one another, and archives that work on their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import onnxtaylor

ROOT = Path(__file__).parents[2]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_is_the_same_everywhere():
    version = onnxtaylor.__version__
    assert f"## {version} " in text("CHANGELOG.md")
    assert re.search(rf"^version: {re.escape(version)}$", text("CITATION.cff"), re.MULTILINE)
    assert f'version: "{version}"' in text("recipe.yaml")
    assert f"onnxtaylor@v{version}" in text("onnxtaylor/guide/pipelines.md")


def test_the_recipe_needs_what_the_package_needs():
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    project = tomllib.loads(text("pyproject.toml"))["project"]
    needed = {re.split("[>=<]", one)[0]: one for one in project["dependencies"]}
    needed["onnxruntime"] = project["optional-dependencies"]["cpu"][0]
    needed["python"] = "python" + project["requires-python"]
    run = yaml.safe_load(text("recipe.yaml"))["requirements"]["run"]
    got = {line.split()[0].removesuffix("-base"): line for line in run}
    assert set(got) == set(needed)
    for name, line in got.items():
        assert line.split()[1] == needed[name].removeprefix(name)


def test_the_citation_is_whole():
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    citation = yaml.safe_load(text("CITATION.cff"))
    assert {"cff-version", "title", "message", "authors", "version", "license"} <= set(citation)
    article = citation["preferred-citation"]
    assert article["doi"] == "10.1007/s41781-018-0012-1"
    assert [one["family-names"] for one in article["authors"]] == [
        "Wunsch",
        "Friese",
        "Wolf",
        "Quast",
    ]


def test_the_image_copies_what_the_build_reads():
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", text("Dockerfile"), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    assert all((ROOT / name).exists() for name in names)
    wheel = tomllib.loads(text("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {package.split("/")[0] for package in wheel["packages"]} <= names


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Source archive, and the wheel that is built from it alone."""
    pytest.importorskip("build", reason="needs build")
    out = tmp_path_factory.mktemp("dist")
    # the backend of this environment, where it is there: then no network is needed
    backend = ["--no-isolation"] if _has("hatchling") else []
    call = [sys.executable, "-m", "build", "--outdir", str(out), *backend, str(ROOT)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (source,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return source, wheel


def _has(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


@pytest.mark.slow
def test_the_wheel_holds_guide_demo_schemas_and_nothing_else(archives):
    _, wheel = archives
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {
        "onnxtaylor",
        "onnxtaylor_kernels",
        f"onnxtaylor-{onnxtaylor.__version__}.dist-info",
    }
    for needed in ("guide/start.md", "guide/figures/", "demo/higgs.onnx", "schemas/result-1.json"):
        assert any(name.startswith(f"onnxtaylor/{needed}") for name in names), needed
    assert not [name for name in names if name.endswith((".pyc", ".nbi", ".nbc"))]


@pytest.mark.slow
def test_the_source_holds_the_tests_and_what_they_read(archives):
    source, _ = archives
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for needed in ("tests/test_house.py", "action.yml", "templates/audit.yml", "CITATION.cff"):
        assert needed in names, needed


@pytest.mark.slow
def test_the_wheel_works_without_the_repository(archives, tmp_path):
    _, wheel = archives
    home = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(home)
    surrounding = {k: v for k, v in os.environ.items() if k != "ONNXTAYLOR_DATA"}
    surrounding |= {"PYTHONPATH": str(home), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def call(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env=surrounding,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = call(
        "-c", "import onnxtaylor, onnxtaylor_kernels as k; print(onnxtaylor.__file__, k.__file__)"
    )
    assert all(path.startswith(str(home)) for path in where.split())
    assert "495 coefficients" in call("-m", "onnxtaylor", "demo")
    assert "# Audit" in call("-m", "onnxtaylor", "guide", "audit")
