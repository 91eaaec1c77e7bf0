"""What README and guide show can be pasted: command lines parse, and pipelines are YAML."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from onnxtaylor.cli.app import app
from onnxtaylor.guide import PAGES, page

ROOT = Path(__file__).parents[1]
TEXTS = [(ROOT / "README.md").read_text(encoding="utf-8"), *map(page, PAGES)]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [block for text in TEXTS for block in FENCE.findall(text)]
PIPELINES = [text for language, text in BLOCKS if language == "yaml"]
ENDS = re.compile(r"\s(?:\|\|?|&&|;|>|>>)\s")  # of a command, in a line of a shell


def commands(text: str) -> list[list[str]]:
    """The words behind ``onnxtaylor`` of every call in a shell's text."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    parts = [part for line in joined.splitlines() for part in ENDS.split(f" {line} ")]
    split = [shlex.split(part, comments=True) for part in parts]
    return [words[1:] for words in split if words and Path(words[0]).name == "onnxtaylor"]


def parse(words: list[str]) -> None:
    """As the command line does, up to the call of the command. Raises what it would say."""
    group = typer.main.get_command(app)
    context = group.make_context("onnxtaylor", list(words))
    name, command, rest = group.resolve_command(context, list(words))
    command.make_context(name, rest, parent=context)


def scripts(node: object, key: str = "") -> list[str]:
    """What the jobs of a pipeline run."""
    if isinstance(node, dict):
        return [text for name, value in node.items() for text in scripts(value, str(name))]
    if isinstance(node, list):
        return [text for value in node for text in scripts(value, key)]
    return [node] if isinstance(node, str) and key in ("run", "script") else []


def typed(text: str) -> str:
    """What a reader types of a console: the lines behind the prompts."""
    lines = text.splitlines()
    return "\n".join(line[2:] for line in lines if line.startswith(("$ ", "> ")))


SHELL = [words for language, text in BLOCKS if language == "sh" for words in commands(text)]
SHELL += [words for kind, text in BLOCKS if kind == "console" for words in commands(typed(text))]


@pytest.mark.parametrize("words", SHELL, ids=" ".join)
def test_the_command_lines_parse(words):
    parse(words)


def test_they_were_found():
    assert {words[0] for words in SHELL} >= {"inspect", "analyze", "check", "rank", "gof"}
    assert len(PIPELINES) >= 5


@pytest.mark.parametrize("words", [["analyse"], ["rank", "--tpo", "3"], ["audit", "m.onnx"]])
def test_a_wrong_one_would_be_noticed(words):
    with pytest.raises(Exception, match=r"(?i)no such|missing"):
        parse(words)


@pytest.mark.parametrize("name", sorted(typer.main.get_command(app).commands))
def test_the_examples_of_the_help_parse(name):
    text = typer.main.get_command(app).commands[name].help
    example = text.split("Example:")[1].replace("\\[", "[")
    found = commands(example)
    assert name in {words[0] for words in found}
    for words in found:
        parse(words)


def used(document: dict) -> Iterator[tuple[dict, dict]]:
    """The inputs given to the action or the component of this repository, and those known."""
    import yaml

    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    component = (ROOT / "templates" / "audit.yml").read_text(encoding="utf-8")
    for job in (document.get("jobs") or {}).values():
        for step in job["steps"]:
            if "onnxtaylor@" in step.get("uses", ""):
                yield step["with"], action["inputs"]
    for one in document.get("include", ()):
        yield one["inputs"], next(yaml.safe_load_all(component))["spec"]["inputs"]


def required(declared: dict | None) -> bool:
    """Whether an input has to be given."""
    return bool((declared or {}).get("required", "default" not in (declared or {})))


@pytest.mark.parametrize("text", PIPELINES, ids=lambda text: text.splitlines()[0])
def test_the_pipelines_are_yaml_whose_commands_parse(text):
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    document = yaml.safe_load(text)
    calls = [words for script in scripts(document) for words in commands(script)]
    for hook in (hook for repo in document.get("repos", ()) for hook in repo["hooks"]):
        known = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
        entry = next(one["entry"] for one in known if one["id"] == hook["id"])
        calls.append([*shlex.split(entry)[1:], *hook["args"]])
    # a component of GitLab or an action of GitHub runs what it is given
    given = list(used(document))
    for inputs, known in given:
        assert set(inputs) <= set(known)
        assert {name for name, one in known.items() if required(one)} <= set(inputs)
    assert calls or given
    for words in calls:
        parse(words)
        kinds = [words[k + 1].partition(":")[0] for k, w in enumerate(words) if w == "--report"]
        from onnxtaylor.audit.formats import FORMATS

        assert set(kinds) <= set(FORMATS)
