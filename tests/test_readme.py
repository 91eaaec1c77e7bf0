"""What README shows can be pasted: its command lines parse, and its pipelines are YAML."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from onnxtaylor.cli.app import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
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


SHELL = [words for language, text in BLOCKS if language == "sh" for words in commands(text)]


@pytest.mark.parametrize("words", SHELL, ids=" ".join)
def test_the_command_lines_parse(words):
    parse(words)


def test_they_were_found():
    assert {words[0] for words in SHELL} >= {"inspect", "analyze", "check", "rank", "gof"}


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


@pytest.mark.parametrize("text", PIPELINES, ids=lambda text: text.splitlines()[0])
def test_the_pipelines_are_yaml_whose_commands_parse(text):
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    document = yaml.safe_load(text)
    calls = [words for script in scripts(document) for words in commands(script)]
    for hook in (hook for repo in document.get("repos", ()) for hook in repo["hooks"]):
        known = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
        entry = next(one["entry"] for one in known if one["id"] == hook["id"])
        calls.append([*shlex.split(entry)[1:], *hook["args"]])
    assert calls
    for words in calls:
        parse(words)
        kinds = [words[k + 1].partition(":")[0] for k, w in enumerate(words) if w == "--report"]
        from onnxtaylor.audit.formats import FORMATS

        assert set(kinds) <= set(FORMATS)
