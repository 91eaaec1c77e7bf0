"""Numbers of a saved document that contradict one another: what no schema can say.

For any weights, by the inequality of Cauchy and Schwarz,

    N_eff = (Σw)² / Σw² ≤ N

and where no weight is negative, for every coefficient

    abs(Σ w t) / Σ w ≤ Σ w abs(t) / Σ w ≤ √(Σ w t² / Σ w),    SEM² ≤ rms² − ⟨t⟩²

Sums were rounded, some of them in single precision: ``ROUNDING`` is allowed beyond each limit. All
functions raise ValueError with the place in the document and the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from onnxtaylor.results.check_place import BESIDE
from onnxtaylor.results.documents import check_unique
from onnxtaylor.results.summaries import DataSummary, FeatureSummary

__all__ = ["check_comparison", "check_data", "check_limits", "check_ranks", "require"]

ROUNDING = 1e-5  # relative
EXACT = 1e-9  # relative, of sums in double precision
SIDES: tuple[Literal["right"], Literal["left"]] = ("right", "left")
TINY = 1e-150  # its square is no number any more

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def require(sound: bool, place: str, demand: str, got: object) -> None:
    """Raises ValueError with the place, the demand and the value, unless it is sound.

    >>> require(False, "data.n_eff", "must be at most data.events", 7)
    Traceback (most recent call last):
    ValueError: data.n_eff must be at most data.events, got 7
    """
    if not sound:
        raise ValueError(f"{place} {demand}, got {got}")


def check_data(data: DataSummary) -> None:
    """Checks what a document says of its events, groups and features.

    The first group has all events, the others are classes: every event is of one.
    """
    first, *classes = data.groups
    for name in ("events", "sum_weight", "n_eff"):
        whole, own = getattr(first, name), getattr(data, name)
        require(whole == own, f"data.groups[0].{name}", f"must be data.{name}, {own}", whole)
    if classes:
        total = sum(group.events for group in classes)
        require(total == data.events, "data.groups", f"must share {data.events} events", f"{total}")
    for k, group in enumerate(data.groups):
        place = f"data.groups[{k}].n_eff"
        limit = group.events * (1 + EXACT)
        require(
            group.n_eff <= limit, place, f"must be at most {group.events}, its events", group.n_eff
        )
    for k, feature in enumerate(data.features):
        _check_feature(feature, f"data.features[{k}]", data)


def _check_feature(feature: FeatureSummary, place: str, data: DataSummary) -> None:
    missing, events = feature.missing, data.events
    require(missing <= events, f"{place}.missing", f"must be at most {events}, the events", missing)
    numbers = (feature.mean, feature.std, feature.min, feature.max)
    undefined = [isnan(number) for number in numbers]
    if all(undefined):
        return
    require(not any(undefined), place, "must have all of mean, std, min and max, or none", "some")
    mean, _, low, high = numbers
    require(low <= high, f"{place}.min", f"must be at most max, {high}", low)
    if data.negative_weights is False:
        slack = EXACT * max(abs(low), abs(high))
        demand = f"must lie between min and max, {low} and {high}"
        require(low - slack <= mean <= high + slack, f"{place}.mean", demand, mean)
        # of values between low and high σ is largest where half of them are at either end
        limit = (high - low) / 2
        demand = f"must be at most half of max − min, {limit}"
        require(feature.std <= limit * (1 + EXACT) + slack, f"{place}.std", demand, feature.std)


def check_limits(
    data: DataSummary,
    score: Floats,
    sem: Floats,
    signed_mean: Floats,
    rms: Floats | None = None,
) -> None:
    """Checks the numbers of coefficients against one another, where no weight is negative.

    Parameters
    ----------
    data
        The summary of the data.
    score, sem, signed_mean, rms
        Arrays of one shape, in the order of the rows; rms may be missing.
    """
    if data.negative_weights is not False:
        return
    least = np.abs(signed_mean)
    _refuse(
        least > score * (1 + ROUNDING) + TINY, "score", score, "must be at least abs(signed_mean)"
    )
    if rms is None:
        return
    _refuse(np.isnan(rms), "rms", rms, "must be a number, as no weight is negative")
    _refuse(score > rms * (1 + ROUNDING) + TINY, "rms", rms, "must be at least score")
    # relative to the largest, so that squares neither overflow nor vanish
    scale = np.maximum(rms, TINY)
    room = np.maximum(1.0 - (score / scale) ** 2, 0.0) + ROUNDING
    _refuse(sem > scale * np.sqrt(room), "sem", sem, "must be at most √(rms² − score²)")


def check_ranks(score: Floats, rank: Integers, low: Integers | None, high: Integers | None) -> None:
    """Checks ranks: 1 + the number of larger scores; ``low`` and ``high`` are their intervals.

    All arrays have shape (…, K). Earlier versions gave equal scores different ranks. An interval
    need not contain the rank: see ``statistics.ranks``.
    """
    count = score.shape[-1]
    for name, values in (("rank", rank), ("rank_low", low), ("rank_high", high)):
        if values is not None:
            _refuse(values > count, name, values, f"must be at most {count}, the last rank")
    wrong = np.zeros(rank.shape, np.bool_)
    for block in np.ndindex(*score.shape[:-1]):
        own = np.sort(score[block])
        larger, least = (count - np.searchsorted(own, score[block], side) for side in SIDES)
        wrong[block] = (rank[block] <= larger) | (rank[block] > least)
    _refuse(wrong, "rank", rank, "must follow the scores, largest first")
    if low is not None and high is not None:
        _refuse(low > high, "rank_low", low, "must be at most rank_high")


def check_comparison(check: Mapping[str, Any] | None) -> None:
    """Checks a comparison of the engines: its verdict, its counts and its events."""
    if check is None:
        return
    events, counts = check["events"], check["coefficients"]
    check_unique(events, "check.events")
    require(
        len(events) <= check["asked"] + BESIDE,
        "check.events",
        f"must be at most {check['asked']}, those asked for, and {BESIDE}",
        len(events),
    )
    for name in ("coefficients", "comparisons"):
        total = sum(check[name].values())
        require(bool(events) or not total, f"check.{name}", "must be none without events", total)
    responses, verdict = check["responses"], check["verdict"]
    agree = responses is None or responses["agree"]
    if verdict == "agrees":
        require(counts["differs"] == 0, "check.verdict", 'must be "differs"', '"agrees"')
        require(agree, "check.verdict", "must not be a pass where responses differ", '"agrees"')
        require(counts["agrees"] > 0, "check.verdict", "must not be a pass of nothing", '"agrees"')
    if verdict == "not run":
        total = sum(counts.values())
        require(not total, "check.coefficients", "must be none where none was compared", total)
    listed = len(check["differing"])
    require(listed <= counts["differs"], "check.differing", f"must be {counts['differs']}", listed)
    for k, row in enumerate(check["differing"]):
        place = f"check.differing[{k}]"
        require(row["beyond"] <= row["events"], f"{place}.beyond", "must be at most events",
                row["beyond"])  # fmt: skip
        require(row["events"] <= len(events), f"{place}.events",
                f"must be at most {len(events)}, those compared", row["events"])  # fmt: skip
    _check_worst(check["worst"], events)


def _check_worst(rows: Sequence[Mapping[str, Any]], events: Sequence[int]) -> None:
    """Checks that each of the worst comparisons is of its own event that was compared."""
    known = set(events)
    for k, row in enumerate(rows):
        demand = "must be among check.events"
        require(row["event"] in known, f"check.worst[{k}].event", demand, row["event"])
    check_unique([row["event"] for row in rows], "events of check.worst")


def _refuse(wrong: npt.NDArray[np.bool_], name: str, values: npt.NDArray[Any], demand: str) -> None:
    """Raises ValueError for the first row that is wrong."""
    places = np.flatnonzero(wrong)
    if len(places):
        k = int(places[0])
        raise ValueError(f"coefficients[{k}].{name} {demand}, got {values.flat[k]}")
