"""The versions of an operator that its rule covers: (domain, operator, since_version) → rule.

ONNX numbers the versions of an operator by the operator set that introduced them, the
since_version. ``graph.normalize`` converts a graph to operator set 21, and leaves a newer one as it
is. So a rule only has to read the versions that are in force from 21 on; older ones arrive
converted. The tests differentiate a graph in each version.

No rule claims a version that came after it was written: the new version may mean something else,
and is refused until somebody has read its specification. onnxruntime runs none newer than
``NEWEST``.
"""

from __future__ import annotations

from functools import cache

import onnx
from onnx import defs

from onnxtaylor.rules.rule import NEWEST, RULES, UNTIL, Rule

__all__ = [
    "EXCLUDED",
    "NEWEST",
    "operator_set",
    "rule_for",
    "since_version",
    "table",
    "versions",
]

# versions that no runtime evaluates, so that derivatives cannot be compared with differences
EXCLUDED = {
    ("Tile", 1): "it repeats along one axis; neither onnxruntime nor ONNX's reference has it",
}


def versions(kind: str) -> tuple[int, ...]:
    """The since_versions of an operator that its rule covers; empty outside ai.onnx."""
    last = UNTIL.get(kind, NEWEST)
    return tuple(v for v in _history().get(kind, ()) if v <= last and (kind, v) not in EXCLUDED)


def since_version(kind: str, opset: int) -> int | None:
    """The version of an operator in force in an operator set; None if ai.onnx does not have it."""
    earlier = [v for v in _history().get(kind, ()) if v <= opset]
    return earlier[-1] if earlier else None


def rule_for(kind: str, opset: int) -> Rule | None:
    """The rule of an operator in an operator set of ai.onnx; None where there is none.

    The operator set does not matter for operators of other domains, which have no versions here.
    """
    version = since_version(kind, opset)
    served = version is None or version in versions(kind)
    return RULES.get(kind) if served else None


def table() -> dict[tuple[str, str, int | None], Rule]:
    """All rules by (domain, operator, since_version); the version is None outside ai.onnx."""
    rules: dict[tuple[str, str, int | None], Rule] = {}
    for kind, rule in RULES.items():
        domain, _, name = kind.rpartition(".")
        for version in versions(kind) or (None,):
            rules[domain or "ai.onnx", name, version] = rule
    return rules


def operator_set(proto: onnx.ModelProto) -> int:
    """The operator set of ai.onnx that a model imports, ``NEWEST`` if it imports none."""
    imported = [e.version for e in proto.opset_import if e.domain in ("", "ai.onnx")]
    return max(imported, default=NEWEST)


@cache
def _history() -> dict[str, tuple[int, ...]]:
    """All since_versions of every operator of ai.onnx in the installed onnx, ascending."""
    history: dict[str, set[int]] = {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "" and not schema.deprecated:
            history.setdefault(schema.name, set()).add(schema.since_version)
    return {name: tuple(sorted(numbers)) for name, numbers in history.items()}
