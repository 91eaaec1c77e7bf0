"""``onnxtaylor operators``: the table of rules."""

from __future__ import annotations

import json as encoder

from onnxtaylor.cli import console
from onnxtaylor.cli.options import Json

__all__ = ["operators"]

MEANING = {
    "constant": "varies in steps or not at all: all derivatives vanish",
    "linear": "the operator itself, applied to tangents",
    "piecewise_linear": "linear between kinks",
    "elementwise": "φ′ and φ″, element by element",
    "bilinear": "linear in each of two inputs",
    "general": "a rule of its own",
}


def operators(json: Json = False) -> None:
    """Lists the operators that the exact engine has rules for, with the versions that they cover.

    A version is known by the operator set that brought it. Operators that are written out in
    others need no rule: those listed last, and those with an official ONNX function body.

    Example:

    onnxtaylor operators
    """
    from onnxtaylor.graph.normalize import WRITTEN_OUT
    from onnxtaylor.rules import RULES
    from onnxtaylor.rules.versions import EXCLUDED, versions

    names = sorted(RULES, key=str.lower)
    if json:
        rules = {
            name: {"kind": RULES[name].kind, "since_versions": versions(name)} for name in names
        }
        console.document(encoder.dumps(rules) + "\n")
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for kind, meaning in MEANING.items():
        some = [name for name in names if RULES[name].kind == kind]
        if some:
            table.add_row(f"{kind} ({len(some)})", meaning)
        for name in some:
            table.add_row(f"  {name}", " ".join(map(str, versions(name))))
    others = sorted(WRITTEN_OUT - RULES.keys(), key=str.lower)
    table.add_row(
        f"written out ({len(others)})", "by operators of this table, where sizes are known"
    )
    for name in others:
        table.add_row(f"  {name}", "")
    for (name, version), reason in EXCLUDED.items():
        table.add_row(f"not {name} of {version}", reason)
    console.show(table)
