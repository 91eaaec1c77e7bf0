"""Real documents of every kind that is read, and what is done with one that is accepted."""

from __future__ import annotations

import copy
import json
import os
import random
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import onnxtaylor as ot
from onnxtaylor.audit import AuditOutcome
from onnxtaylor.audit.policy import read_policy
from onnxtaylor.gof import GoodnessOfFit
from onnxtaylor.gof.combine import read_combine
from onnxtaylor.inputs import read_specification
from onnxtaylor.inputs.document import specification_from_toml
from onnxtaylor.inputs.toml import specification_text
from onnxtaylor.results.violations import violation
from onnxtaylor.run.divided.merge import merge_parts
from onnxtaylor.run.divided.part import analyze_part
from onnxtaylor.run.divided.part_file import write_part
from onnxtaylor.run.divided.surveys import SurveyPart, survey_data
from tests.engine.trees import forest
from tests.fuzz.mutated_json import mutated_document, mutated_text
from tests.inputs.test_readers import WEAVER
from tests.results.test_one_truth import audited, fitted, tracked
from tests.tracking.networks import checkpoint

__all__ = ["KINDS", "Kind", "archived", "as_toml", "name_of", "real_documents"]

NAMES = ["a", "b", "c"]
POLICY = """
strict = false
baseline = ["one.json", "two.json", "three.json"]
gof = "gof.json"
[analysis]
label = "Label"
order = 2
bootstrap = 20
[[checks]]
id = "forbidden-feature"
level = "error"
features = ["*_phi"]
max-share = 0.01
[[checks]]
id = "dominance"
name = "mine"
max-share = 0.5
"""
INPUTS = """
schema = "onnxtaylor.inputs/1"
outputs = ["b", "c", "light"]
expand-transforms = true
[data]
weight = "w"
classes = ["b", "c", "light"]
[[inputs]]
name = "pf_features"
role = "features"
axes = ["batch", "variable", "slot"]
max-length = 50
variables = ["charge", { name = "pt", subtract = 0.8, scale = 0.7, lower = -5, upper = 5 }]
[[inputs]]
name = "pf_mask"
role = "mask"
axes = ["batch", "slot"]
max-length = 50
mask-of = "pf_features"
[[inputs]]
name = "t"
role = "fixed"
value = [1.0, 2.0]
"""
COMBINE = {"125.0": {"obs": [2.0], "toy": [1.0, 3.0], "p": 0.5}}


@dataclass(frozen=True)
class Kind:
    """A real document, and what reads a file of that kind and uses what it has read.

    ``write`` makes a file of a mutated document; by default it is JSON.
    """

    document: Any
    read: Callable[[Path], object]
    write: Callable[[Any, Path, random.Random], None]


def real_documents(folder: Path) -> dict[str, Kind]:
    """Makes one document of every kind, in less than ten seconds."""
    random = np.random.default_rng(3)
    x, labels = random.normal(size=(40, 3)), np.where(np.arange(40) % 3, "s", "b")
    common: dict[str, Any] = {"feature_names": NAMES, "bootstrap": 20}
    weights = random.uniform(0.5, 2, 40)
    results = {
        "exact": ot.analyze(checkpoint(0), x, labels=labels, weights=weights, check=4, **common),
        "signed": ot.analyze(checkpoint(0), x, weights=weights - 0.6, check=0, order=1, **common),
        "differences": ot.analyze(checkpoint(0), x, engine="differences", check=0, **common),
        "finite-step": ot.analyze(forest(), x, finite_step={"*": "1sigma"}, order=1),
    }
    kinds = {
        name: Kind(json.loads(one.to_json()), _read_result, _write_json)
        for name, one in results.items()
    }
    for name, made, loader in (
        ("gof", fitted(), GoodnessOfFit),
        ("progress", tracked(), ot.ProgressResult),
        ("audit", audited(), AuditOutcome),
    ):
        kinds[name] = Kind(json.loads(made.to_json()), _reader(loader, name), _write_json)
    kinds["policy"] = Kind(tomllib.loads(POLICY), read_policy, _write_toml)
    kinds["inputs"] = Kind(tomllib.loads(INPUTS), _read_inputs, _write_toml)
    kinds["weaver"] = Kind(WEAVER, _read_inputs, _write_json)
    kinds["combine"] = Kind(COMBINE, lambda path: read_combine([str(path)], ["x"]), _write_json)
    part = folder / "part.npz"
    analyze_part(checkpoint(0), x, shard="1/1", labels=labels, check=4, **common).save(part)
    kinds["part"] = Kind(archived(part), _merged, _write_archive)
    survey = folder / "survey.npz"
    survey_data(checkpoint(0), x, feature_names=NAMES).save(survey)
    kinds["survey"] = Kind(archived(survey), _merged, _write_archive)
    return kinds


KINDS = (
    "exact", "signed", "differences", "finite-step", "gof", "progress", "audit", "policy",
    "inputs", "weaver", "combine", "part", "survey",
)  # fmt: skip


def _read_result(path: Path) -> object:
    """Reads a result and does with it what commands do."""
    result = ot.TaylorResult.load(path)
    text = result.to_json()
    assert violation(json.loads(text), "onnxtaylor.result/1") is None
    again = ot.TaylorResult.from_json(text)
    np.testing.assert_array_equal(again.score, result.score)
    assert result.top(3)
    assert repr(result)
    assert result.to_arrow().num_rows == result.score.size
    return result


def _reader(loader: Any, kind: str) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        found = loader.load(path)
        text = found.to_json()
        assert violation(json.loads(text), f"onnxtaylor.{kind}/1") is None
        assert loader.from_json(text).to_json() == text
        assert repr(found)
        return found

    return read


def _read_inputs(path: Path) -> object:
    found = read_specification(path)
    text = specification_text(found)
    assert specification_text(specification_from_toml(text, "again")) == text
    return found


def _merged(path: Path) -> object:
    """Merges the only part, and looks at the result."""
    merged = merge_parts([path])
    if isinstance(merged, SurveyPart):
        merged.sums.finalize()
        return merged
    text = merged.to_json()
    return ot.TaylorResult.from_json(text)


def archived(path: Path) -> dict[str, Any]:
    with np.load(path) as saved:
        arrays = {name: saved[name] for name in saved.files}
    header = json.loads(str(arrays.pop("header")))
    del header["sha256"]
    return {"header": header, "arrays": arrays}


def _write_json(document: Any, path: Path, chance: random.Random) -> None:
    if chance.random() < 0.25:
        path.write_bytes(mutated_text(json.dumps(document, ensure_ascii=False), chance))
        return
    text = json.dumps(mutated_document(document, chance), ensure_ascii=False)
    path.write_bytes(text.encode(errors="surrogatepass" if chance.random() < 0.1 else "replace"))


def _write_toml(document: Any, path: Path, chance: random.Random) -> None:
    if chance.random() < 0.25:
        path.write_bytes(mutated_text(as_toml(document), chance))
        return
    changed = mutated_document(document, chance)
    path.write_bytes(as_toml(changed).encode(errors="replace"))


def as_toml(value: Any, *, top: bool = True) -> str:
    """A document as TOML, tables in one line; null, which TOML has not, is a text."""
    if isinstance(value, dict):
        pairs = [f"{_quoted(str(k))} = {as_toml(v, top=False)}" for k, v in value.items()]
        return "\n".join(pairs) if top else "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_toml(one, top=False) for one in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else _quoted(str(value))


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write_archive(document: Any, path: Path, chance: random.Random) -> None:
    """Writes a part, mutated in its header or its arrays, with the right checksum; or its bytes."""
    header, arrays = copy.deepcopy(document["header"]), dict(document["arrays"])
    how = chance.randrange(4)
    if how < 2:
        header = mutated_document(header, chance)
    elif how == 2:
        name = chance.choice(list(arrays))
        arrays[name] = _odd_array(arrays[name], chance)
        if chance.random() < 0.1:
            del arrays[name]
    write_part(path, header, arrays)
    if how == 3:
        content = bytearray(path.read_bytes())
        for _ in range(chance.choice((1, 4, 16))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(content[: chance.choice((len(content), len(content), 300))])


def _odd_array(array: np.ndarray, chance: random.Random) -> np.ndarray:
    how = chance.randrange(7)
    if how == 0:
        return array[..., None]
    if how == 1 and array.ndim:
        return array[:-1]
    if how == 2:
        texts, numbers = ("U4", "S3"), ("f4", "c16", "?", "i1")
        return array.astype(chance.choice(texts if array.dtype.kind == "U" else texts + numbers))
    if how == 3:
        return np.zeros(chance.choice(((0,), (3, 3), (1,))))
    changed = np.array(array)
    if changed.size and changed.dtype.kind in "fiu":
        place = chance.randrange(changed.size)
        odd = (-1, 0, 1, 2**40, 1e300, float("nan"), float("inf"))
        with np.errstate(all="ignore"):
            changed.flat[place] = np.array(chance.choice(odd)).astype(changed.dtype)
    return changed


def name_of(kind: str) -> str:
    """Name of a file of this kind."""
    ending = {"policy": ".toml", "inputs": ".toml", "part": ".npz", "survey": ".npz"}
    folder = f"x{os.sep}" if kind == "combine" else ""
    return f"{folder}x{ending.get(kind, '.json')}"
