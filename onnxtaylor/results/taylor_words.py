"""A TaylorResult in a few lines, as ``repr`` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxtaylor.errors import join_names, printable
from onnxtaylor.results.quantity import noun_of
from onnxtaylor.text.uncertainty import plus_minus

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["in_words"]

SHOWN = 3  # coefficients, and warnings


def in_words(result: TaylorResult) -> str:
    """Returns a summary: model, verdict of the check, head of the first ranking, warnings."""
    check = "none" if result.check is None else printable(result.check.get("verdict"))
    remark = f"; second order {printable(result.quantity.remark)}" * bool(result.quantity.remark)
    lines = [
        f"TaylorResult of {printable(result.model.path)}: {len(result.indices)}"
        f" {result.quantity.nouns} of"
        f" {len(result.features)} {noun_of(result.options)}s at {result.data.events} events",
        f"responses {join_names(result.outputs)}; events of {join_names(result.groups)}; scale"
        f" {printable(result.options.get('scale'))}; engine {printable(result.model.engine)}; check"
        f" {check}; {len(result.warnings)} warnings{remark}",
        f"highest ranked of {printable(result.outputs[0], 40)}, {result.quantity.mean} ± SEM:",
    ]
    for row in result.top(SHOWN):
        value = plus_minus(row["score"], row["sem"])
        lines.append(f"{row['rank']:>4}  {printable(row['label'], 60)}: {value}")
    lines += [f"warning: {printable(one.message, 300)}" for one in result.warnings[:SHOWN]]
    if len(result.warnings) > SHOWN:
        lines.append(f"{len(result.warnings) - SHOWN} more in .warnings")
    return "\n".join(lines)
