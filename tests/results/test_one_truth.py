"""What a published schema refuses its loader refuses, and the other way round but for listed rules.

Validity is judged by the reference implementation of JSON Schema, which the loaders do not use.
"""

from __future__ import annotations

import ast
import copy
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import onnxtaylor as ot
from onnxtaylor.audit import AuditOutcome
from onnxtaylor.errors import ResultError
from onnxtaylor.gof import GofOptions, GoodnessOfFit, goodness_of_fit, read_combine
from onnxtaylor.results.violations import published_schema
from onnxtaylor.tracking import LearningProgress
from tests.audit.test_audit_outcome import check, finding, outcome
from tests.engine.nets import Net
from tests.engine.trees import forest
from tests.gof.populations import expected, observed
from tests.tracking.networks import checkpoint

X = np.random.default_rng(3).normal(size=(40, 3))
DELETE, ADD = object(), object()
VALUES = (DELETE, ADD, None, True, -1, 0, 1.5, 2.0, 10**30, "text", "", [], {}, [None])

# What no schema can say, by what the loader says of it.
NUMBERS = [
    r"data\.groups(\[\d+\]\.\w+)? must (be|share)",
    r"data\.features\[\d+\](\.\w+)? must (be|have|lie)",
    r"coefficients\[\d+\]\.(score|rms|sem) must be (at|a number)",
]
RULES = {
    "result": [
        *NUMBERS,
        r"(events of )?check\.(events|verdict|coefficients|comparisons|differing\S*|worst\S*) must",
        r"method must be '.*' for the engine",
        r"names in (data\.groups|data\.features|model\.nodes) must differ",
        r"model\.output must be names of model\.nodes",
        r"coefficients must have equally many rows",
        r"coefficients has the same coefficient twice",
        r"coefficients has a rank\w* that is too large",
        r"coefficients\[\d+\]\.(method|output|group|order|label|features) must be ",
        r"coefficients\[\d+\]\.rank\w* must (follow the scores|be at most)",
        r"coefficients\[\d+\]\.rank\w* must be a number as in other rows",
        r"options\.(finite_step\.)?steps\S* must have a step for each of \d+ features",
    ],
    "gof": [
        r"(observed|expected)\.\w+ must be",
        r"options must be those of",
        r"(features|pairs)\[\d+\]\S* must (be|have|say|begin)",
        r"names of features must differ",
        r"pairs of features must differ",
        r"pairs\[\d+\]\.features must be among the features",
    ],
    "progress": [
        *NUMBERS,
        r"names in data\.(groups|features) must differ",
        r"numbers of steps must (differ|rise)",
        r"coefficients must have equally many rows",
        r"coefficients has the same coefficient twice",
        r"coefficients\[\d+\]\.(step|output|group|order|label|features) must be ",
    ],
    "audit": [
        r"names of checks must differ",
        r"exit_status must be \d by its checks",
        r"check '.*' has the status '\w+', but ",
        r"verdict must be (PASS|FAIL) by its checks",
    ],
}


@dataclass
class Sound:
    """A sound document: its kind, its loader, and the JSON."""

    kind: str
    load: object
    text: str


def analyzed(**options):
    return ot.analyze(checkpoint(0), X, feature_names=["a", "b", "c"], **options)


def tracked():
    progress = LearningProgress(X, feature_names=["a", "b", "c"], order=1)
    for step in (0, 0.5, 3):
        progress.record(step, checkpoint(int(2 * step)), name=f"at {step}")
    return progress.result()


def fitted():
    two = [replace(one, x=one.x[:, 3:], names=one.names[3:]) for one in (observed(0), expected(0))]
    return goodness_of_fit(*two, GofOptions(toys=20, bins=3))


def combined(folder):
    text = '{"125.0": {"obs": [2.0], "toy": [1.0, 3.0], "p": 0.5}}'
    for name in ("a", "b"):
        (folder / f"{name}.json").write_text(text)
    return read_combine([str(folder)], ["a", "b"])


def audited():
    rows = [finding(), finding("note", measured="x")]
    return outcome(check(status="fail", findings=rows), check("b", "skipped"), check("c"))


MAKE = {
    "exact": lambda _: analyzed(check=4, order=1, bootstrap=20),
    "differences": lambda _: analyzed(
        engine="differences", output="h2[0]", order=2, bootstrap=0, check=0
    ),
    "finite-step": lambda _: ot.analyze(forest(), X, finite_step={"*": "1sigma"}, order=1),
    "gof": lambda _: fitted(),
    "combine": combined,
    "progress": lambda _: tracked(),
    "audit": lambda _: audited(),
}
LOADERS = {
    "gof": ("gof", GoodnessOfFit),
    "combine": ("gof", GoodnessOfFit),
    "progress": ("progress", ot.ProgressResult),
    "audit": ("audit", AuditOutcome),
}


@pytest.fixture(scope="module", params=MAKE)
def sound(request, tmp_path_factory):
    kind, loader = LOADERS.get(request.param, ("result", ot.TaylorResult))
    made = MAKE[request.param](tmp_path_factory.mktemp(request.param))
    return Sound(kind, loader.from_json, made.to_json())


def places(part, path=()):
    """Paths to everything in a document; of a list to the first and the last item."""
    if path:
        yield path
    if isinstance(part, dict):
        for key, value in part.items():
            yield from places(value, (*path, key))
    elif isinstance(part, list) and part:
        for k in sorted({0, len(part) - 1}):
            yield from places(part[k], (*path, k))


def mutated(document, path, value):
    changed = copy.deepcopy(document)
    part = changed
    for key in path[:-1]:
        part = part[key]
    if value is DELETE:
        del part[path[-1]]
    elif value is ADD:
        part = part[path[-1]]
        if isinstance(part, dict):
            part["surprise"] = 1
        elif isinstance(part, list) and part:
            part.append(part[-1])
    else:
        part[path[-1]] = value
    return changed


def is_earlier_form(kind, path, value):
    """A form that an earlier version wrote, and that is brought to the present one."""
    return kind == "audit" and path == ("baseline",) and value in (None, {})


def test_schema_and_loader_agree(sound):
    validator = Draft202012Validator(published_schema(f"onnxtaylor.{sound.kind}/1"))
    document = json.loads(sound.text)
    validator.validate(document)
    assert sound.load(sound.text).to_json() == sound.text
    refused = accepted = 0
    for path in places(document):
        for value in VALUES:
            changed = mutated(document, path, value)
            if changed == document or path == ("schema",):
                continue
            valid = validator.is_valid(changed)
            case = f"{path}: {value!r}"
            try:
                sound.load(json.dumps(changed), "here")
            except ResultError as error:
                message = str(error)
                assert message.isprintable(), case
                assert re.match(r"here: the \S.* is damaged: \S", message), message
                reason = message.partition(" is damaged: ")[2]
                if valid:
                    assert any(re.match(rule, reason) for rule in RULES[sound.kind]), (case, reason)
                refused += 1
            else:
                assert valid or is_earlier_form(sound.kind, path, value), case
                accepted += 1
    assert refused > 200
    assert accepted > 10


MESSAGES = {
    'coefficients[3].score must be a number, got "x"': (("coefficients", 3, "score"), "x"),
    "coefficients[0].order must be 1, got 2": (("coefficients", 0, "order"), 2),
    "coefficients[0].order must be at most 3, got 4": (("coefficients", 0, "order"), 4),
    "coefficients[0].rank must be at most 9, the last rank, got 99": (
        ("coefficients", 0, "rank"),
        99,
    ),
    "coefficients must have equally many rows for each output and group, got 17 rows for 2": (
        ("coefficients", 0),
        DELETE,
    ),
    "data.events must be at least 0, got -1": (("data", "events"), -1),
    "data.sum_weight must be larger than 0, got 0": (("data", "sum_weight"), 0),
    "model has a key that is not known: 'surprise'": (("model",), ADD),
    "model has no 'engine'": (("model", "engine"), DELETE),
    "the document has no 'model'": (("model",), DELETE),
    'model.sha256 must match ^[0-9a-f]{64}$, got "g"': (("model", "sha256"), "g"),
    "model.opset['ai.onnx'] must be a whole number, got \"1\"": (
        ("model", "opset", "ai.onnx"),
        "1",
    ),
    "model.output has the same item twice": (("model", "output"), ADD),
    'options.link must be "identity", "logit" or "log", got "x"': (("options", "link"), "x"),
    "check must be an object or null, got 1": (("check",), 1),
    "check has no 'seed'": (("check", "seed"), DELETE),
    "check.worst[0].event must be a whole number, got 0.5": (("check", "worst", 0, "event"), 0.5),
}


@pytest.fixture(scope="module")
def checked():
    return json.loads(analyzed(check=16, order=2, bootstrap=20, labels=None).to_json())


@pytest.mark.parametrize("says", MESSAGES)
def test_a_message_names_the_place_and_what_is_wrong(checked, says):
    changed = json.dumps(mutated(checked, *MESSAGES[says]))
    with pytest.raises(ResultError) as caught:
        ot.TaylorResult.from_json(changed, "result.json")
    assert str(caught.value) == f"result.json: the result is damaged: {says}"


def test_numbers_that_no_double_holds_are_refused(sound):
    for number in ("1e999", "-1e400", "9" * 400):
        text = re.sub(r'"version": "[^"]*"', f'"version": {number}', sound.text, count=1)
        with pytest.raises(ResultError, match=r"here: the .* is damaged: .* too large$"):
            sound.load(text, "here")


def test_names_may_hold_bytes_of_the_names_of_files(make_result):
    """PEP 383: bytes that are no UTF-8 are lone surrogates in Python."""
    one = make_result(["a\udc80", "b"], ("y\udcff", "z"))
    one = replace(one, options={**one.options, "fixed": {"\udc80": [1.0]}})
    assert ot.TaylorResult.from_json(one.to_json()).features == ("a\udc80", "b")


@pytest.mark.parametrize("number", [0xD800, 0xDBFF, 0xDC00, 0xDFFF])
def test_other_lone_surrogates_are_refused(make_result, number):
    half = chr(number)
    told = re.escape(half.encode("ascii", "backslashreplace").decode())
    for one, place in (
        (make_result([f"a{half}", "b"]), r"data\.features\[0\]\.name"),
        (make_result(2, (f"y{half}", "z")), r"model\.output\[0\]"),
    ):
        with pytest.raises(ResultError, match=f"^here: the result is damaged: {place} .*{told}'$"):
            ot.TaylorResult.from_json(one.to_json(), "here")
    sound = make_result(2)
    wrong = replace(sound, options={**sound.options, "fixed": {half: [1.0]}})
    with pytest.raises(ResultError, match="has a key that is no Unicode"):
        ot.TaylorResult.from_json(wrong.to_json())
    text = sound.to_json().replace('"f0"', '"\\ud83d\\ude00"')
    assert ot.TaylorResult.from_json(text)  # both halves of one letter


def test_names_that_could_not_be_loaded_again_are_refused():
    model, x = Net("tanh", sizes=(2, 3, 2)).model(), np.zeros((4, 2), np.float32)
    for options in (
        {"feature_names": ["a", "\ud800"]},
        {"output_names": ["\ud800", "b"]},
        {"labels": ["\ud800", "s", "s", "b"]},
        {"labels": np.array(["\ud800", "s", "s", "b"], object)},
    ):
        with pytest.raises(ot.OnnxTaylorError, match=r"Unicode.*"):
            ot.analyze(model, x, **options)


def test_a_document_that_is_nested_too_deeply_is_refused_in_one_line(make_result):
    text = make_result(2).to_json().replace('"link"', f'"fixed": {"[" * 500}{"]" * 500}, "link"')
    with pytest.raises(ResultError, match="here: "):
        ot.TaylorResult.from_json(text, "here")


def test_every_notice_that_is_written_is_one_of_the_schema():
    """The codes are constants in the calls of Notice, all over the package."""
    finding = published_schema("onnxtaylor.result/1")["$defs"]["finding"]
    known = set(finding["properties"]["code"]["enum"])
    written = set()
    for path in Path(ot.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "Notice",
                "_finding",
            ):
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant):
                    written.add(first.value)
    assert {"units", "digits", "constant-response"} <= written <= known
    assert all(f"{code}:" in finding["properties"]["code"]["description"] for code in known)
