"""A new option is one declaration: help, schema, signature, keywords and messages follow."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from onnxtaylor.audit.schema import analysis_schema
from onnxtaylor.cli.declared import takes
from onnxtaylor.cli.flags import error_text
from onnxtaylor.errors import OptionError
from onnxtaylor.options import StatisticsOptions
from onnxtaylor.options.declare import option
from onnxtaylor.options.functions import FUNCTIONS, Taken, read_keywords, with_options
from onnxtaylor.options.source import keywords_source


@dataclass(frozen=True, kw_only=True)
class NoisyOptions(StatisticsOptions):
    noise_level: float = option(
        0.25, "Relative noise of the responses beside `seed`", minimum=0, metavar="X"
    )


@pytest.fixture
def analyze(monkeypatch):
    """A function that takes the new option, in Python and on the command line."""
    monkeypatch.setitem(FUNCTIONS, "analyze", Taken("AnalyzeKeywords", (NoisyOptions,)))

    @with_options("analyze")
    def analyze(model: str, **options: Any) -> NoisyOptions:
        """Analyzes a model."""
        return read_keywords("analyze", options, NoisyOptions)[0]

    return analyze


def command_line(*words):
    app = typer.Typer(rich_markup_mode="rich")

    @app.command()
    @takes(NoisyOptions)
    def noisy(**options: Any) -> None:
        print(options["noise_level"])

    return CliRunner(env={"COLUMNS": "120", "NO_COLOR": "1"}).invoke(app, list(words))


def test_it_is_in_the_help_with_limit_and_default():
    shown = " ".join(re.sub(r"[│╭╮╰╯─]", " ", command_line("--help").output).split())
    assert "--noise-level X [x>=0] Relative noise of the responses beside --seed." in shown
    assert "[default: 0.25]" in shown


def test_its_value_arrives_as_a_keyword():
    assert command_line().output == "0.25\n"
    assert command_line("--noise-level", "0.5").output == "0.5\n"
    assert command_line("--noise-level", "-1").exit_code == 2


def test_it_is_in_the_schema_of_a_policy():
    assert analysis_schema((NoisyOptions,))["noise-level"] == {
        "description": "Relative noise of the responses beside `seed`",
        "type": "number",
        "minimum": 0,
    }


def test_it_is_in_signature_docstring_and_keywords(analyze):
    assert inspect.signature(analyze).parameters["noise_level"].default == 0.25
    assert "noise_level : float, default 0.25" in analyze.__doc__
    assert "    noise_level: float\n" in keywords_source()
    assert analyze("model.onnx", noise_level=0.5).noise_level == 0.5


def test_messages_name_it(analyze):
    with pytest.raises(OptionError, match=r"no option 'noise_levl': did you mean 'noise_level'\?"):
        analyze("model.onnx", noise_levl=1)
    with pytest.raises(OptionError) as error:
        analyze("model.onnx", noise_level=-1)
    assert str(error.value) == "noise_level must be at least 0, got -1"
    assert error_text(error.value) == "--noise-level must be at least 0, got -1"
