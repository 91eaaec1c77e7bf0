"""``onnxtaylor operators``: the table of rules."""

from __future__ import annotations

import json as encoder
from textwrap import fill

from onnxtaylor.cli import console, options

__all__ = ["operators"]

MEANING = {
    "constant": "varies in steps or not at all: all derivatives vanish",
    "linear": "the operator itself, applied to tangents",
    "piecewise_linear": "linear between kinks",
    "elementwise": "φ′ and φ″, element by element",
    "bilinear": "linear in each of two inputs",
    "general": "a rule of its own",
}


def operators(json: options.Json = False) -> None:
    """Lists the operators that the exact engine has rules for.

    Operators with an official ONNX function body and no rule (such as Gelu or
    LayerNormalization) are written out and need none.

    Example:

    onnxtaylor operators
    """
    from onnxtaylor.rules import RULES

    kinds = {name: RULES[name].kind for name in sorted(RULES, key=str.lower)}
    if json:
        console.document(encoder.dumps(kinds, indent=1) + "\n")
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for kind, meaning in MEANING.items():
        names = [name for name, of in kinds.items() if of == kind]
        if names:
            table.add_row(f"{kind} ({len(names)})", meaning)
            table.add_row("", fill(" ".join(names), 56) + "\n")
    console.show(table)
