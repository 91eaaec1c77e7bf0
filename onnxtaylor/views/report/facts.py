"""Texts of the page: summary, leading coefficients, shares, checks and warnings.

Names are those of the files, unescaped; the templates escape them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.indices import RELATIONS
from onnxtaylor.results.check_place import largest_difference, place_in
from onnxtaylor.results.ranking import influential_count
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.text.uncertainty import plus_minus
from onnxtaylor.views.report.payload import FRACTION, response

__all__ = [
    "KINDS",
    "Check",
    "Leader",
    "Leaders",
    "checks",
    "leaders",
    "overall",
    "warnings_by_kind",
]

TOP = 3
KINDS = ("first order", "pairs", "auto-correlations", "third order", "pairs of different objects")


@dataclass(frozen=True)
class Leader:
    """One highly ranked coefficient: its features, ``0.2354 ± 0.0097`` and ``1`` or ``1–3``.

    ``relation`` tells pairs of the same names apart.
    """

    features: tuple[str, ...]
    value: str
    interval: str | None
    relation: str = ""


@dataclass(frozen=True)
class Leaders:
    """Leading coefficients of one response, over all events.

    ``shares`` are those of the kinds of coefficients in Σ⟨t⟩, ``upper`` that of the upper 5 %;
    None where scores have different units and cannot be added.
    """

    response: str
    top: tuple[Leader, ...]
    first: Leader | None
    shares: tuple[tuple[str, float], ...] | None
    upper: float | None


@dataclass(frozen=True)
class Check:
    """Row of a table of checks, which ``macros.html`` draws.

    ``status`` is pass, error, warning, note or none (not run); ``advice`` is the remedy.
    """

    status: str
    check: str
    message: str
    subject: str | None = None
    advice: str | None = None


def leaders(result: TaylorResult) -> list[Leaders]:
    """One entry for each response, over all events."""
    comparable = result.options.get("scale") in ("sigma", "step")
    kind = _kinds(result)
    cut = influential_count(len(result.indices), FRACTION)
    found = []
    for c in range(len(result.outputs)):
        falling = np.argsort(result.rank[c, 0], kind="stable")
        first = [k for k in falling if kind[k] == 0][:1]
        score = result.score[c, 0]
        total = float(score.sum())
        shares = upper = None
        if comparable and np.isfinite(total) and total > 0 and (score >= 0).all():
            sums = np.bincount(kind, weights=score, minlength=len(KINDS)) / total
            present = np.unique(kind)
            shares = tuple((KINDS[k], float(sums[k])) for k in present)
            upper = float(score[falling[:cut]].sum() / total)
        found.append(
            Leaders(
                response(result, c),
                tuple(_leader(result, c, int(k)) for k in falling[:TOP]),
                _leader(result, c, int(first[0])) if first else None,
                shares,
                upper,
            )
        )
    return found


def _leader(result: TaylorResult, c: int, k: int) -> Leader:
    interval = None
    if result.rank_low is not None and result.rank_high is not None:
        low, high = int(result.rank_low[c, 0, k]), int(result.rank_high[c, 0, k])
        interval = str(low) if low == high else f"{low}–{high}"
    return Leader(
        tuple(result.features[i] for i in result.indices.table[k] if i >= 0),
        plus_minus(float(result.score[c, 0, k]), float(result.sem[c, 0, k])),
        interval,
        result.indices.suffixes[k],
    )


def _kinds(result: TaylorResult) -> npt.NDArray[np.int64]:
    """Place in ``KINDS`` of each coefficient, shape (K,)."""
    table, orders = result.indices.table, result.indices.orders
    kind = np.where(orders == 1, 0, np.where(orders == 2, 1, 3))
    if table.shape[1] >= 2:
        kind[(orders == 2) & (table[:, 0] == table[:, 1])] = 2
    if result.indices.relation is not None:
        kind[result.indices.relation == RELATIONS.index("different objects")] = 4
    return kind.astype(np.int64)


def checks(result: TaylorResult) -> list[Check]:
    """Rows about the cross-check of the engines. A check that did not run has not passed."""
    check: Mapping[str, Any] = result.check or {}
    verdict, counts = str(check.get("verdict")), check.get("coefficients")
    what = "Both engines agree"
    if result.check is None or verdict == "not run" or not isinstance(counts, Mapping):
        why = str(check.get("reason") or "the result holds no cross-check")
        can = result.quantity.engines_comparable
        advice = "Run onnxtaylor check, or analyze with check=64." if can else None
        return [Check("none", what, f"Not run, so not passed: {why}", advice=advice)]
    if check.get("reason"):
        failed, advice = str(check["reason"]), "Trust no coefficient: see onnxtaylor check."
        return [Check("error", what, f"{verdict.capitalize()}: {failed}", advice=advice)]
    total, place = sum(counts.values()), place_in(check)
    at = f"of {total} coefficients {place}"
    rows = []
    if verdict == "agrees":
        rows.append(Check("pass", what, f"{counts.get('agrees', 0)} {at}{_largest(check)}"))
    elif verdict == "differs":
        advice = "Trust neither engine here: see onnxtaylor check for the events."
        message = f"{counts.get('differs', 0)} {at} differ{_largest(check)}"
        if not counts.get("differs"):
            message = f"No coefficient differs {place}, but the responses do: see below"
        rows.append(Check("error", what, message, advice=advice))
    else:
        message = f"{verdict.capitalize()}, so not passed: {counts.get(verdict, 0)} {at}"
        advice = 'Check at more events, or with precision="float64".'
        rows.append(Check("warning", what, message, advice=advice))
    responses = check.get("responses")
    if isinstance(responses, Mapping):
        agree = bool(responses.get("agree"))
        ratio = responses.get("ratio")
        size = "" if ratio is None else f": {largest_difference(ratio)}"
        message = ("Equal within round-off" if agree else "Not equal") + size
        status = "pass" if agree else "error"
        rows.append(Check(status, "Derivative graph and model give the same response", message))
    if probes := check.get("probes"):
        rows.append(Check("pass", "Probes before the run", "; ".join(map(str, probes))))
    rows += [Check("note", what, str(note)) for note in check.get("notes") or ()]
    return rows


def _largest(check: Mapping[str, Any]) -> str:
    worst = check.get("worst") or [{}]
    ratio = worst[0].get("ratio")
    agrees = check.get("verdict") == "agrees"
    return "" if ratio is None else f"; {largest_difference(ratio, agrees=agrees)}"


def overall(result: TaylorResult) -> tuple[str, str]:
    """Status and text of the badge at the top of the page, which shows the cross-check."""
    status = checks(result)[0].status
    words = {
        "pass": "Both engines agree",
        "error": "The engines differ",
        "warning": "Cross-check without a verdict",
        "none": "Not cross-checked",
    }
    return status, words[status]


def warnings_by_kind(result: TaylorResult) -> dict[str, list[str]]:
    """The warnings of a run, grouped by their code."""
    kinds: dict[str, list[str]] = {}
    for finding in result.warnings:
        kinds.setdefault(finding.code, []).append(finding.message)
    return kinds
