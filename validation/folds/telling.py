"""The section of the README, made of the numbers alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["section"]

SHOWN = 10


def section(numbers: Mapping[str, Any]) -> str:
    """How the networks are made, the leading coefficients with their spread, and what it means."""
    return "\n\n".join([_setting(numbers), _table(numbers), _reading(numbers)])


def _setting(numbers: Mapping[str, Any]) -> str:
    events, epochs = numbers["events"], numbers["epochs"]
    return (
        "Analyses of the LHC train a network on one half of the events and apply it to the other,"
        " and the other way round. Here the half is `EventId % 2` of the ATLAS Higgs challenge"
        f" ({events[0]} and {events[1]} events); the networks are those of the study of the"
        f" challenge (our choices), trained for {epochs[0]} and {epochs[1]} epochs."
        ' `ot.analyze([fold0, fold1], events, fold="EventId % 2")` sends each event through the'
        " network that did not train on it. Coefficients are per unit of the standardized features."
        f" The check of both engines, fold by fold: {' and '.join(numbers['checks'])}. The analysis"
        f" of fold 0 alone differs from that of both by up to {100 * numbers['wrong']:.0f} % of a"
        " coefficient."
    )


def _table(numbers: Mapping[str, Any]) -> str:
    lines = [
        "| coefficient | ⟨t⟩ | SEM | fold spread | ⟨t⟩ of fold 0 | of fold 1 |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in numbers["leading"][:SHOWN]:
        values = (row["score"], row["sem"], row["spread"], *row["folds"])
        lines.append(f"| {row['label']} | " + " | ".join(f"{v:.4f}" for v in values) + " |")
    return "\n".join(lines)


def _reading(numbers: Mapping[str, Any]) -> str:
    ratios = sorted(row["spread"] / row["score"] for row in numbers["leading"])
    middle = ratios[len(ratios) // 2]
    return (
        "SEM is what other events would change with the same networks; the spread, the standard"
        " deviation of ⟨t⟩ between the folds, is what another training on other events would"
        f" change: {100 * middle:.0f} % in the median of the {len(ratios)} highest ranked. With two"
        " folds it rests on one difference for each coefficient: over many coefficients it tells"
        " the size, of a single one only roughly."
    )
