"""Policies: the demands on a model, read from TOML and validated.

``audit.toml`` holds it, or the table ``[tool.onnxtaylor]`` of a pyproject.toml:

    strict = false                    # whether warnings count
    baseline = "baseline.json"        # files are sought beside the policy; a list of retrainings

    [analysis]                        # options that the call leaves open
    label = "Label"

    [[checks]]                        # these checks and no others
    id = "forbidden-feature"
    level = "error"
    features = ["*_phi"]
    max-share = 0.01

Where an audit names no policy, an ``audit.toml`` in the working directory is read, else the table
of a pyproject.toml there; folders above are not searched. With neither, and where a policy lists no
checks, the default checks are run.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from onnxtaylor.audit.check import Check, key_of
from onnxtaylor.audit.checks import BUILT_IN, FORMER, find_check
from onnxtaylor.audit.schema import check_schema, policy_schema
from onnxtaylor.errors import OptionError, name_hint, printable
from onnxtaylor.files.bounded import read_text

__all__ = ["POLICY_FILE", "Policy", "default_policy", "find_policy", "read_policy"]

LARGEST = 2**24  # bytes of a policy
POLICY_FILE, PROJECT_FILE, TABLE = "audit.toml", "pyproject.toml", "onnxtaylor"


@dataclass(frozen=True)
class Policy:
    """The checks of an audit, their options, and the files that they compare with.

    Attributes
    ----------
    origin
        Where the policy was read from, for messages.
    checks
        The checks, with their limits.
    listed
        Whether the policy lists its checks: one that cannot be run is an error then.
    strict
        Whether warnings count as errors.
    analysis
        Options of the analysis, by the keys of the table ``analysis``.
    baseline, reference, gof
        Files to compare with; several results as ``baseline`` are of as many trainings.
    path
        The file, None for the default checks.
    """

    origin: str
    checks: tuple[Check, ...]
    listed: bool = True
    strict: bool = False
    analysis: Mapping[str, Any] = field(default_factory=dict)
    baseline: tuple[Path, ...] = ()
    reference: Path | None = None
    gof: Path | None = None
    path: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The policy's own file and all files that it names: no report may overwrite them."""
        named = self.analysis.get("inputs")
        paths = (self.path, *self.baseline, self.reference, self.gof, named)
        return tuple(path for path in paths if path is not None)


def default_policy() -> Policy:
    """Returns the checks that make sense for any model."""
    return Policy("defaults", _defaults(), listed=False)


def find_policy(folder: Path = Path()) -> Policy:
    """Reads ``audit.toml`` or pyproject.toml of a folder, else returns the default policy."""
    if (folder / POLICY_FILE).is_file():
        return read_policy(folder / POLICY_FILE)
    project = folder / PROJECT_FILE
    if project.is_file() and TABLE in _tool(_parsed(project)):
        return read_policy(project)
    return default_policy()


def read_policy(path: str | os.PathLike[str]) -> Policy:
    """Reads the policy of a TOML file, or of its table in a pyproject.toml.

    Raises OptionError, which names the file, the key, and the nearest key that exists.
    """
    path = Path(path)
    document, where = _parsed(path), printable(path)
    if path.name == PROJECT_FILE:
        if TABLE not in _tool(document):
            raise OptionError(f"{where}: has no table [tool.{TABLE}]")
        document, where = _tool(document)[TABLE], f"{where} [tool.{TABLE}]"
    rows = document.get("checks")
    _validate(document, _without_checks(), where)
    checks = tuple(_check(row, f"{where}: checks[{k}]") for k, row in enumerate(rows or ()))
    if rows is None:
        checks = _defaults()
    _unique(checks, where)

    def beside(name: str) -> Path | None:
        return None if document.get(name) is None else path.parent / document[name]

    analysis = dict(document.get("analysis", {}))
    if "inputs" in analysis:
        analysis["inputs"] = path.parent / analysis["inputs"]
    baselines = document.get("baseline", [])
    baselines = [baselines] if isinstance(baselines, str) else baselines
    return Policy(
        origin=where,
        checks=checks,
        listed=rows is not None,
        strict=document.get("strict", False),
        analysis=analysis,
        baseline=tuple(path.parent / name for name in baselines),
        reference=beside("reference"),
        gof=beside("gof"),
        path=path,
    )


def _defaults() -> tuple[Check, ...]:
    """Returns the checks that are run by default."""
    return tuple(check() for check in BUILT_IN.values() if check.by_default)


def _parsed(path: Path) -> dict[str, Any]:
    """Reads a TOML file."""
    where = printable(path)
    try:
        return tomllib.loads(read_text(path, LARGEST))
    except FileNotFoundError:
        raise OptionError(
            f"{where}: no such file: `suggest` in onnxtaylor.audit.suggestion writes a policy"
        ) from None
    except OSError as error:
        raise OptionError(
            f"{where}: cannot be read: {printable(error.strerror or error)}"
        ) from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML
        raise OptionError(f"{where}: is not a valid TOML file: {printable(error, 200)}") from None


def _tool(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the tables of tools in a pyproject.toml."""
    tool = document.get("tool")
    return tool if isinstance(tool, dict) else {}


def _without_checks() -> dict[str, Any]:
    """Returns the schema without the checks: these are validated alone, for better messages."""
    schema = policy_schema({})
    schema["properties"]["checks"] = {"type": "array", "items": {"type": "object"}}
    return schema


def _check(row: Mapping[str, Any], where: str) -> Check:
    """Makes a check from its table in the policy."""
    id = row.get("id")
    if not isinstance(id, str):
        raise OptionError(f'{where}: has no id: write id = "dominance", or that of another check')
    if id in FORMER:
        id = FORMER[id]
        row = {**row, "id": id}
    try:
        kind = find_check(id)
    except OptionError as error:
        raise error.located(where) from None
    _validate(row, check_schema(kind), f"{where} ({printable(id)})")
    limits: dict[str, Any] = {}
    for option in fields(kind):
        if key_of(option.name) in row:
            value = row[key_of(option.name)]
            limits[option.name] = tuple(value) if isinstance(value, list) else value
    try:
        return kind(**limits)
    except OptionError as error:
        raise error.located(where) from None


def _unique(checks: Sequence[Check], where: str) -> None:
    """Raises OptionError for two checks of one name."""
    names = [check.name for check in checks]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(
                f"{where}: two checks are called '{printable(name)}': give each a name = \"…\""
            )


def _validate(document: Any, schema: Mapping[str, Any], where: str) -> None:
    """Raises OptionError for the first violation of the schema in a document."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import relevance

    errors = sorted(Draft202012Validator(schema).iter_errors(document), key=relevance)
    if not errors:
        return
    error = errors[-1]
    path = ".".join(printable(part, 60) for part in error.absolute_path)
    at = f"{where}: {path}" if path else where
    if error.validator == "additionalProperties":
        keys = list(error.schema.get("properties", {}))
        key = next(key for key in error.instance if key not in keys)
        raise OptionError(f"{at}: unknown key '{printable(key)}'{name_hint(key, keys)}")
    if error.validator in ("anyOf", "pattern", "minLength") and "description" in error.schema:
        value, demand = printable(repr(error.instance), 80), error.schema["description"]
        raise OptionError(f"{at}: {value} is not {demand}")
    raise OptionError(f"{at}: {printable(error.message, 200)}")
