"""Which versions of an operator its rule serves: (domain, operator, since_version) → rule.

ONNX numbers the versions of an operator by the operator set that brought them, their
since_version. ``graph.normalize`` brings a graph to operator set 21 and leaves a newer one as it
is. So a rule reads the versions in force from 21 on, and serves the older ones in the words that
they get there. The tests differentiate a graph in each version.

No rule claims a version that came after it was written: a later one may mean something else, and
is refused until somebody has read it. onnxruntime runs none newer than ``NEWEST``.
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

# versions that nothing evaluates, so that no derivative could be compared
EXCLUDED = {
    ("Tile", 1): "it repeats along one axis; neither onnxruntime nor ONNX's reference has it",
}


def versions(kind: str) -> tuple[int, ...]:
    """The since_versions that an operator's rule serves; none for those of other domains."""
    last = UNTIL.get(kind, NEWEST)
    return tuple(v for v in _history().get(kind, ()) if v <= last and (kind, v) not in EXCLUDED)


def since_version(kind: str, opset: int) -> int | None:
    """The version of an operator that is in force in an operator set; None where ONNX has none."""
    found = [v for v in _history().get(kind, ()) if v <= opset]
    return found[-1] if found else None


def rule_for(kind: str, opset: int) -> Rule | None:
    """The rule of an operator in an operator set of ai.onnx; None where there is none.

    Operators of other domains have no versions here.
    """
    version = since_version(kind, opset)
    served = version is None or version in versions(kind)
    return RULES.get(kind) if served else None


def table() -> dict[tuple[str, str, int | None], Rule]:
    """All rules by (domain, operator, since_version), which is None outside ai.onnx."""
    found: dict[tuple[str, str, int | None], Rule] = {}
    for kind, rule in RULES.items():
        domain, _, name = kind.rpartition(".")
        for version in versions(kind) or (None,):
            found[domain or "ai.onnx", name, version] = rule
    return found


def operator_set(proto: onnx.ModelProto) -> int:
    """The operator set of ai.onnx that a model imports, ``NEWEST`` where it names none."""
    found = [e.version for e in proto.opset_import if e.domain in ("", "ai.onnx")]
    return max(found, default=NEWEST)


@cache
def _history() -> dict[str, tuple[int, ...]]:
    """The since_versions of every operator of ai.onnx that this onnx knows, in their order."""
    found: dict[str, set[int]] = {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "" and not schema.deprecated:
            found.setdefault(schema.name, set()).add(schema.since_version)
    return {name: tuple(sorted(some)) for name, some in found.items()}
