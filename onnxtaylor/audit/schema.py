"""The JSON Schema of a policy, from the options that the checks declare.

``onnxtaylor/schemas/policy-1.json`` is this of the built-in checks, for editors and other readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, get_args, get_type_hints

from onnxtaylor.audit.check import Check, is_required, key_of

__all__ = ["SCHEMA", "check_schema", "policy_schema"]

SCHEMA = "onnxtaylor.policy/1"

NAMES = {"type": "array", "items": {"type": "string"}}
COUNT = {"type": "integer", "minimum": 0}
FILE = {"type": "string", "minLength": 1}
VALUES = [{"type": "number"}, {"type": "string"}, {"type": "boolean"}]
STEP = [{"type": "string"}, {"type": "number", "exclusiveMinimum": 0}]

ANALYSIS: dict[str, dict[str, Any]] = {
    "features": {**NAMES, "description": "columns that are features, in the model's order"},
    "label": {"type": "string", "description": "column of class labels"},
    "weight": {"type": "string", "description": "column of event weights"},
    "exclude": {**NAMES, "description": "columns that are no features"},
    "missing": {"type": "number", "description": "the value of missing entries, such as -999"},
    "events": {**COUNT, "minimum": 1, "description": "only the first events"},
    "sample": {**COUNT, "minimum": 1, "description": "only so many events, drawn at random"},
    "input": {**NAMES, "description": "inputs of the model that hold features"},
    "fix": {
        "type": "object",
        "additionalProperties": {
            "anyOf": [*VALUES, {"type": "array", "items": {"anyOf": VALUES}}],
            "description": "a number, text, or true or false; or a list of such",
        },
        "description": "values of further inputs",
    },
    "output": {**NAMES, "description": "outputs, inner tensors or response nodes"},
    "output-names": {**NAMES, "description": "names of the response nodes, in the model's order"},
    "classes": {**NAMES, "description": "labels of their classes, in the model's order"},
    "link": {"enum": ["identity", "logit", "log"], "description": "of the response"},
    "order": {"enum": [1, 2, 3], "description": "of the derivatives"},
    "scale": {"enum": ["sigma", "unit"], "description": "of the features; sigma by default"},
    "engine": {"enum": ["auto", "exact", "differences"]},
    "finite-step": {
        "anyOf": [*STEP, {"type": "object", "additionalProperties": {"anyOf": STEP}}],
        "description": 'a step such as "0.5sigma", or a number above 0 in units of the input, or a'
        " table of such by feature: responses to finite steps, for trees and quantized models",
    },
    "precision": {"enum": ["auto", "float32", "float64"]},
    "bootstrap": {**COUNT, "description": "replicates for the rank intervals"},
    "check": {**COUNT, "description": "events at which both engines are compared"},
    "seed": COUNT,
    "threads": COUNT,
    "provider": {"enum": ["auto", "cpu", "cuda"]},
}


def policy_schema(checks: Mapping[str, type[Check]]) -> dict[str, Any]:
    """The whole schema, Draft 2020-12, with one definition for each check."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "Policy of an onnxtaylor audit: audit.toml, or [tool.onnxtaylor]",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "schema": {"const": SCHEMA},
            "strict": {"type": "boolean", "description": "warnings count as errors"},
            "baseline": {
                "anyOf": [FILE, {"type": "array", "items": FILE, "minItems": 1}],
                "description": "the file of a result, beside the policy, or a list of such files:"
                " results of three retrainings or more",
            },
            "reference": {**FILE, "description": "the file of another model, beside the policy"},
            "gof": {**FILE, "description": "the file of a goodness of fit, beside the policy"},
            "analysis": {
                "type": "object",
                "additionalProperties": False,
                "properties": ANALYSIS,
                "description": "how coefficients are computed, unless the command line says so",
            },
            "checks": {
                "type": "array",
                "items": {"oneOf": [{"$ref": f"#/$defs/{id}"} for id in checks]},
                "description": "these checks and no others; without the key, those by default",
            },
        },
        "$defs": {id: check_schema(check) for id, check in checks.items()},
    }


def check_schema(check: type[Check]) -> dict[str, Any]:
    """The schema of one table of ``checks``."""
    types = get_type_hints(check)
    options = fields(check)
    properties = {key_of(f.name): _property(f, types[f.name]) for f in options}
    return {
        "type": "object",
        "description": check.title(),
        "additionalProperties": False,
        "required": ["id", *(key_of(f.name) for f in options if is_required(f))],
        "properties": {"id": {"const": check.id}, **properties},
    }


def _property(option: Field[Any], kind: Any) -> dict[str, Any]:
    known = dict(option.metadata)
    schema: dict[str, Any] = {"description": known.get("meaning", "")}
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number"}
    plain = next((k for k in get_args(kind) or (kind,) if k in kinds), str)
    if tuple in (kind, getattr(kind, "__origin__", None)):
        schema |= {**NAMES, "minItems": 1}
        if form := known.get("form"):
            pattern, words = form
            schema["items"] = {"type": "string", "pattern": f"^{pattern}$", "description": words}
    elif known.get("choices"):
        schema["enum"] = list(known["choices"])
    else:
        schema["type"] = kinds[plain]
    for key in ("minimum", "maximum"):
        if known.get(key) is not None:
            schema[key] = known[key]
    if option.default not in (MISSING, None, ""):
        schema["default"] = (
            list(option.default) if isinstance(option.default, tuple) else option.default
        )
        if schema.get("minItems") and not option.default:
            del schema["default"]
    return schema
