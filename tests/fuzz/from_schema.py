"""Strategies of hypothesis for documents that fit our published schemas, or nearly.

hypothesis-jsonschema knows no schema of draft 2020-12, which ours are: these are the few keywords
that they use. Rules across keys (``if``, ``allOf``) are left out: their violation is refused too.
"""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

__all__ = ["documents"]

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.one_of(st.sampled_from(["all", "a", "b", ""]), st.text(max_size=8))
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.integers(-(10**20), 10**20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


def documents(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Documents of a schema."""
    return _of(schema, schema)


def _of(part: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in part:
        found: Any = root
        for key in part["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        return st.deferred(lambda: _of(found, root))
    if "const" in part:
        return st.just(part["const"])
    if "enum" in part:
        return st.sampled_from(part["enum"])
    for several in ("oneOf", "anyOf"):
        if several in part and "type" not in part:
            return st.one_of([_of(one, root) for one in part[several]])
    kinds = part.get("type", "anything")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return st.one_of([_typed(kind, part, root) for kind in kinds])


def _typed(kind: str, part: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    if kind == "null":
        return st.none()
    if kind == "boolean":
        return st.booleans()
    if kind == "integer":
        low, high = part.get("minimum", -5), part.get("maximum")
        return st.integers(low, high) if high is not None else st.integers(low, low + 100)
    if kind == "number":
        low = part.get("minimum", part.get("exclusiveMinimum"))
        high = part.get("maximum", part.get("exclusiveMaximum"))
        return st.floats(
            low,
            high,
            exclude_min="exclusiveMinimum" in part,
            exclude_max="exclusiveMaximum" in part,
            allow_nan=False,
            allow_infinity=False,
        )
    if kind == "string":
        pattern = part.get("pattern")
        return TEXTS if pattern is None else st.from_regex(re.compile(pattern), fullmatch=True)
    if kind == "array":
        least = part.get("minItems", 0)
        most = min(part.get("maxItems", least + 3), least + 3)
        return st.lists(_of(part.get("items", {}), root), min_size=least, max_size=most)
    if kind == "object":
        return _object(part, root)
    return ANYTHING


def _object(part: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    known = {name: _of(one, root) for name, one in part.get("properties", {}).items()}
    needed = part.get("required", ())
    always = {name: known.get(name, ANYTHING) for name in needed}
    others = {name: one for name, one in known.items() if name not in needed}
    made = st.fixed_dictionaries(always, optional=others)
    more = part.get("additionalProperties", True)
    if more is False or part.get("properties"):
        return made
    values = _of(more, root) if isinstance(more, dict) else ANYTHING
    return st.dictionaries(TEXTS, values, max_size=3)
