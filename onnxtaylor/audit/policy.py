"""What is demanded of a model: a policy, read from TOML and validated.

``audit.toml`` holds it, or the table ``[tool.onnxtaylor]`` of a pyproject.toml:

    strict = false                    # whether warnings count
    baseline = "baseline.json"        # files are sought beside the policy; a list of retrainings

    [analysis]                        # what the command line leaves open
    label = "Label"

    [[checks]]                        # these checks and no others
    id = "forbidden-feature"
    level = "error"
    features = ["*_phi"]
    max-share = 0.01

Without ``--policy`` an ``audit.toml`` in the working directory is read, else the table of a
pyproject.toml there; folders above are not looked into. With neither, and where a policy lists no
checks, those by default are run.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from onnxtaylor.audit.check import Check, key_of
from onnxtaylor.audit.checks import BUILT_IN, find_check
from onnxtaylor.audit.schema import check_schema, policy_schema
from onnxtaylor.errors import OptionError, nearest, printable

__all__ = ["POLICY_FILE", "Policy", "default_policy", "find_policy", "read_policy"]

POLICY_FILE, PROJECT_FILE, TABLE = "audit.toml", "pyproject.toml", "onnxtaylor"


@dataclass(frozen=True)
class Policy:
    """The checks of an audit, and what they need.

    ``origin`` is where it was read from, ``listed`` tells whether it lists its checks: what is
    asked for and cannot be run is an error. ``analysis`` has the keys of the table, and ``path`` is
    the file, where there is one. Several results of ``baseline`` are of as many trainings.
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
        """The policy's own file and those that it names: no report may be written over them."""
        named = (self.path, *self.baseline, self.reference, self.gof)
        return tuple(path for path in named if path is not None)


def default_policy() -> Policy:
    """The checks that make sense without a word on the model."""
    return Policy("defaults", _defaults(), listed=False)


def find_policy(folder: Path = Path()) -> Policy:
    """That of ``audit.toml`` or pyproject.toml in the folder, else the default one."""
    if (folder / POLICY_FILE).is_file():
        return read_policy(folder / POLICY_FILE)
    project = folder / PROJECT_FILE
    if project.is_file() and TABLE in _tool(_parsed(project)):
        return read_policy(project)
    return default_policy()


def read_policy(path: str | os.PathLike[str]) -> Policy:
    """The policy of a TOML file; of a pyproject.toml, that of its table.

    Raises OptionError naming the file, the key and what was meant.
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

    baselines = document.get("baseline", [])
    baselines = [baselines] if isinstance(baselines, str) else baselines
    return Policy(
        origin=where,
        checks=checks,
        listed=rows is not None,
        strict=document.get("strict", False),
        analysis=document.get("analysis", {}),
        baseline=tuple(path.parent / name for name in baselines),
        reference=beside("reference"),
        gof=beside("gof"),
        path=path,
    )


def _defaults() -> tuple[Check, ...]:
    return tuple(check() for check in BUILT_IN.values() if check.by_default)


def _parsed(path: Path) -> dict[str, Any]:
    where = printable(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OptionError(
            f"{where}: no such file: `onnxtaylor audit --init MODEL DATA` writes a policy"
        ) from None
    except OSError as error:
        raise OptionError(
            f"{where}: cannot be read: {printable(error.strerror or error)}"
        ) from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML
        raise OptionError(f"{where}: no TOML: {printable(error, 200)}") from None


def _tool(document: Mapping[str, Any]) -> Mapping[str, Any]:
    tool = document.get("tool")
    return tool if isinstance(tool, dict) else {}


def _without_checks() -> dict[str, Any]:
    """The schema of all but the checks, which are validated one by one: for better messages."""
    schema = policy_schema({})
    schema["properties"]["checks"] = {"type": "array", "items": {"type": "object"}}
    return schema


def _check(row: Mapping[str, Any], where: str) -> Check:
    id = row.get("id")
    if not isinstance(id, str):
        raise OptionError(f'{where}: has no id: write id = "dominance", or that of another check')
    try:
        kind = find_check(id)
    except OptionError as error:
        raise OptionError(f"{where}: {error}") from None
    _validate(row, check_schema(kind), f"{where} ({printable(id)})")
    given: dict[str, Any] = {}
    for option in fields(kind):
        if key_of(option.name) in row:
            value = row[key_of(option.name)]
            given[option.name] = tuple(value) if isinstance(value, list) else value
    try:
        return kind(**given)
    except OptionError as error:
        raise OptionError(f"{where}: {error}") from None


def _unique(checks: Sequence[Check], where: str) -> None:
    names = [check.name for check in checks]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(
                f"{where}: two checks are called '{printable(name)}': give each a name = \"…\""
            )


def _validate(document: Any, schema: Mapping[str, Any], where: str) -> None:
    """Raises OptionError for the first thing in a document that the schema does not allow."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import relevance

    errors = sorted(Draft202012Validator(schema).iter_errors(document), key=relevance)
    if not errors:
        return
    error = errors[-1]
    path = ".".join(printable(part, 60) for part in error.absolute_path)
    at = f"{where}: {path}" if path else where
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        key = next(key for key in error.instance if key not in known)
        raise OptionError(f"{at}: unknown key '{printable(key)}'{nearest(key, known)}")
    if error.validator in ("anyOf", "pattern", "minLength") and "description" in error.schema:
        given, wanted = printable(repr(error.instance), 80), error.schema["description"]
        raise OptionError(f"{at}: {given} is not {wanted}")
    raise OptionError(f"{at}: {printable(error.message, 200)}")
