"""What the study claims, from its numbers alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from validation.both_engines import CELLS
from validation.study import Claim

__all__ = ["LIMITS", "claims_of", "worst"]

Numbers = Mapping[str, Any]

LIMITS = {"exact, float32": 5e-6, "exact, float64": 1e-12, "differences": 1e-6}
SLOPES = 1e-8  # of TensorFlow's Jacobian, by differences
LOOPS = {"GRU"}


def worst(numbers: Numbers, title: str) -> tuple[float, str]:
    """The largest deviation of a title's cells, of both kinds of file, and where it is."""
    cells = [c.title for c in CELLS if c.title.startswith(title)]
    found = [
        (value, f"{row['network']}, {row['exporter']}")
        for row in numbers["rows"]
        for cell in cells
        for value in _both_orders(row["cells"][cell])
    ]
    return max(found)


def _both_orders(cell: Mapping[str, Any]) -> list[float]:
    return [] if "refused" in cell else [cell["jacobian"], cell["hessian"]]


def _refusals(numbers: Numbers) -> Iterator[tuple[str, str]]:
    for row in numbers["rows"]:
        for title, cell in row["cells"].items():
            if "refused" in cell:
                yield row["network"], title


def claims_of(numbers: Numbers) -> list[Claim]:
    """What the study says; from the numbers alone."""
    known, scores = numbers["proof"], numbers["scores"]
    off = max(known["jacobian"], known["hessian"])
    claims = [
        Claim(
            "nested tapes give a polynomial's derivatives",
            f"off by {off:.1g}; the largest is {known['largest']:.3g}",
            off < 1e-14 < known["largest"],
        ),
        Claim(
            "tapes nested wrongly give zeros, silently",
            f"largest number {known['wrongly_nested']:.1g}",
            known["wrongly_nested"] == 0,
        ),
    ]
    apart = max(r["by_differences"] for r in numbers["references"])
    claims.append(
        Claim(
            "in every network TensorFlow's Hessian is the slope of its own Jacobian: 1e-8",
            f"{apart:.1e}",
            apart <= SLOPES,
        )
    )
    for title, limit in LIMITS.items():
        value, where = worst(numbers, title)
        claims.append(
            Claim(
                f"{title}: worst deviation of J and H from TensorFlow ≤ {limit:.0e}",
                f"{value:.1e} ({where})",
                value <= limit,
            )
        )
    refused = sorted({network for network, _ in _refusals(numbers)})
    claims.append(
        Claim(
            "the exact engine takes all but a loop",
            f"refused: {', '.join(refused) or 'none'}",
            set(refused) <= LOOPS
            and all(title.startswith("exact") for _, title in _refusals(numbers)),
        )
    )
    engines = ("exact", 1e-12), ("differences", 1e-6)
    claims.append(
        Claim(
            "⟨t⟩ of `onnxtaylor.analyze` are the means of TensorFlow's numbers: 1e-12, 1e-6",
            ", ".join(f"{name} {scores[name]:.1e}" for name, _ in engines)
            + f" ({scores['network']}, {scores['coefficients']} coefficients)",
            all(scores[name] <= limit for name, limit in engines),
        )
    )
    return claims
