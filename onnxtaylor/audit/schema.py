"""The JSON Schema of a policy, from the declarations of the options and of the checks.

``onnxtaylor/schemas/policy-1.json`` is the schema with the built-in checks, for editors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, get_args, get_type_hints

from onnxtaylor.audit.check import Check, key_of
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.options.audit import AuditOptions
from onnxtaylor.options.declare import Option, declaration, flag_name
from onnxtaylor.options.grouping import BY

__all__ = ["SCHEMA", "analysis_schema", "check_schema", "policy_schema"]

SCHEMA = "onnxtaylor.policy/1"

NAMES = {"type": "array", "items": {"type": "string"}}
FILE = {"type": "string", "minLength": 1}
VALUES = [{"type": "number"}, {"type": "string"}, {"type": "boolean"}]
STEP = [{"type": "string"}, {"type": "number", "exclusiveMinimum": 0}]

# options of ``analyze`` that a policy does not set: events, and how it runs, not what it computes
LEFT_OUT = ("files_by_class", "fold", "accuracy", "mixed", "batch_size", "per_class", "resume")

# options whose type in TOML does not follow from that of the field
FORMS: dict[str, dict[str, Any]] = {
    "output_names": NAMES,
    "classes": NAMES,
    "input": NAMES,
    "context": NAMES,
    "mask": {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, NAMES]}},
    "inputs": {
        **FILE,
        "description": "a specification of the model's inputs, beside the policy: inputs.toml,"
        " preprocess.json of weaver, or a network of lwtnn",
    },
    "output": NAMES,
    "labels": {"type": "string"},
    "weights": {"type": "string"},
    "fix": {
        "type": "object",
        "additionalProperties": {
            "anyOf": [*VALUES, {"type": "array", "items": {"anyOf": VALUES}}],
            "description": "a number, text, or true or false; or a list of such",
        },
    },
    "missing": {
        "anyOf": [
            {"type": "number"},
            {"type": "object", "minProperties": 1, "additionalProperties": {"type": "number"}},
        ],
        "description": "the value of missing entries, such as -999, or a table of such by feature,"
        ' "*" for all others: they are counted, and left out of mean and σ',
    },
    "finite_step": {
        "anyOf": [*STEP, {"type": "object", "additionalProperties": {"anyOf": STEP}}],
        # in words for the message about another value
        "description": 'a step such as "0.5sigma", or a number above 0 in units of the input, or a'
        " table of such by feature: responses to finite steps, for trees and quantized models",
    },
    "curvature_step": {
        "anyOf": [*STEP, {"type": "object", "additionalProperties": {"anyOf": STEP}}],
        "description": 'a step such as "0.7sigma", or a number above 0 in units of the input, or a'
        " table of such by feature: full width of the steps of averaged second order",
    },
    "by": {
        "anyOf": [
            {"enum": list(BY)},
            {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {
                    "anyOf": [{"type": "string"}, {**NAMES, "minItems": 1}],
                },
            },
        ],
        "description": '"feature", "variable" or "input", or a table of groups, each with the names'
        " or patterns of its features",
    },
    # files are sought beside the policy
    "baseline": {
        "anyOf": [FILE, {"type": "array", "items": FILE, "minItems": 1}],
        "description": "the file of a result, beside the policy, or a list of such files: results"
        " of three retrainings or more",
    },
    "reference": {**FILE, "description": "the file of another model, beside the policy"},
    "gof": {**FILE, "description": "the file of a goodness of fit, beside the policy"},
}
PLAIN = {"str": "string", "bool": "boolean", "int": "integer", "float": "number"}


KINDS = (DataOptions, ModelOptions, EngineOptions, StatisticsOptions)


def analysis_schema(kinds: Sequence[type[Any]] = KINDS) -> dict[str, dict[str, Any]]:
    """Returns the schema of each key of the table ``analysis``: the options of an analysis."""
    return {
        flag_name(f): _declared(f) for kind in kinds for f in fields(kind) if f.name not in LEFT_OUT
    }


def policy_schema(checks: Mapping[str, type[Check]]) -> dict[str, Any]:
    """Returns the whole schema, Draft 2020-12, with one definition for each check."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "Policy of an onnxtaylor audit: audit.toml, or [tool.onnxtaylor]",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "schema": {"const": SCHEMA},
            **{flag_name(f): _declared(f) for f in fields(AuditOptions)},
            "analysis": {
                "type": "object",
                "additionalProperties": False,
                "properties": analysis_schema(),
                "description": "how coefficients are computed; options of the call go before these",
            },
            "checks": {
                "type": "array",
                "items": {"oneOf": [{"$ref": f"#/$defs/{id}"} for id in checks]},
                "description": "these checks and no others; without this key, the default checks",
            },
        },
        "$defs": {id: check_schema(check) for id, check in checks.items()},
    }


def check_schema(check: type[Check]) -> dict[str, Any]:
    """Returns the schema of one table of ``checks``."""
    types = get_type_hints(check)
    options = fields(check)
    properties = {key_of(f.name): _property(f, types[f.name]) for f in options}
    required = [key_of(f.name) for f in options if declaration(f).required]
    return {
        "type": "object",
        "description": check.title(),
        "additionalProperties": False,
        "required": ["id", *required],
        "properties": {"id": {"const": check.id}, **properties},
    }


def _declared(f: Field[Any]) -> dict[str, Any]:
    """Returns the schema of an option of the package."""
    known, kind = declaration(f), str(f.type).removesuffix(" | None")
    form = FORMS.get(f.name) or (NAMES if kind == "Sequence[str]" else _plain(known, PLAIN[kind]))
    return {"description": known.meaning, **form}


def _plain(known: Option, type_name: str) -> dict[str, Any]:
    """Returns type and limits of an option that is a number, a text, or true or false."""
    schema: dict[str, Any] = {"enum": list(known.choices)} if known.choices else {"type": type_name}
    limits = {"minimum": known.minimum, "maximum": known.maximum}
    return schema | {key: limit for key, limit in limits.items() if limit is not None}


def _property(f: Field[Any], kind: Any) -> dict[str, Any]:
    """Returns the schema of an option of a check; ``kind`` is its type."""
    known = declaration(f)
    schema: dict[str, Any] = {"description": known.meaning}
    if tuple in (kind, getattr(kind, "__origin__", None)):
        schema |= {**NAMES, "minItems": 1}
        if known.form:
            pattern, words = known.form
            schema["items"] = {"type": "string", "pattern": f"^{pattern}$", "description": words}
    else:
        names = [k.__name__ for k in get_args(kind) or (kind,)]
        schema |= _plain(known, PLAIN[next((k for k in names if k in PLAIN), "str")])
    if f.default not in (MISSING, None, "", ()):
        schema["default"] = list(f.default) if isinstance(f.default, tuple) else f.default
    return schema
