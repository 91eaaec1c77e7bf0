"""Options as keywords of Python functions: completed by editors, named where they are misspelt."""

from __future__ import annotations

import inspect
from importlib.resources import files
from typing import Any

import pytest

from onnxtaylor.errors import OptionError
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions, keywords
from onnxtaylor.options.functions import FUNCTIONS, read_keywords, with_options
from onnxtaylor.options.source import keywords_source


def test_the_committed_keywords_are_those_of_the_declarations():
    committed = files("onnxtaylor.options").joinpath("keywords.py").read_text(encoding="utf-8")
    assert committed == keywords_source(), "run `python -m onnxtaylor.options`"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_has_a_typed_dict_with_its_options(name):
    taken = FUNCTIONS[name]
    typed = getattr(keywords, taken.keywords)
    assert typed.__optional_keys__ == {field.name for field in taken.fields}
    everything = {f.name for kind in taken.kinds for f in kind.__dataclass_fields__.values()}
    assert set(taken.without) < everything


def test_keywords_become_options():
    given = {"output": "ggh", "labels": "class", "order": 1, "bootstrap": 20}
    model, data, engine, statistics = read_keywords(
        "analyze", given, ModelOptions, DataOptions, EngineOptions, StatisticsOptions
    )
    assert (model.output, data.labels, engine.order, statistics.bootstrap) == (
        "ggh",
        "class",
        1,
        20,
    )
    assert (model.link, data.exclude, engine.engine, statistics.seed) == ("identity", (), "auto", 0)


@pytest.mark.parametrize(
    ("function", "given", "words"),
    [
        ("analyze", "bootstap", "analyze has no option 'bootstap': did you mean 'bootstrap'?"),
        ("analyze", "progres", "analyze has no option 'progres': did you mean 'progress'?"),
        ("cross_check", "bootstrap", "cross_check has no option 'bootstrap': it has input, "),
        ("differentiate", "n_feature", "differentiate has no option 'n_feature': did you mean"),
        ("compare_models", "check", "compare_models has no option 'check'"),
    ],
)
def test_an_unknown_keyword_is_named_with_the_nearest(function, given, words):
    with pytest.raises(OptionError) as error:
        read_keywords(function, {given: 1}, ModelOptions)
    assert words in str(error.value)


def test_values_beyond_their_limits_are_refused():
    with pytest.raises(OptionError, match="threads must be at least 0, got -1"):
        read_keywords("analyze", {"threads": -1}, EngineOptions)
    with pytest.raises(OptionError, match="link must be identity, logit or log, got 'probit'"):
        read_keywords("analyze", {"link": "probit"}, ModelOptions)


def test_help_shows_options_with_their_defaults():
    @with_options("differentiate")
    def differentiate(model: str, **options: Any) -> None:
        """Compiles a model."""

    shown = inspect.signature(differentiate)
    assert next(iter(shown.parameters)) == "model"
    assert shown.parameters["order"].default == 2
    assert shown.parameters["link"].default == "identity"
    assert "engine" not in shown.parameters
    assert differentiate.__doc__.startswith("Compiles a model.\n\nOther Parameters\n")
    assert "threads : int, default 0\n    Threads; 0 takes all processors." in differentiate.__doc__
