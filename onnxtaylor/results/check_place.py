"""Phrases on what a cross-check compared, and on how large the largest difference is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["BESIDE", "largest_difference", "largest_in", "place_in", "place_of"]

BESIDE = 8  # events with the largest coefficients that a check may compare besides its sample
TIMES = 10  # from here on a ratio is a factor, not a percentage


def place_of(directions: int | None, events: int, total: int | None = None) -> str:
    """Says where coefficients were compared.

    Parameters
    ----------
    directions
        Number of random directions at all events; None where all coefficients were compared.
    events, total
        Number of events, and of all in the data.

    >>> place_of(None, 64), place_of(24, 6)
    ('at 64 events', 'along 24 random directions at 6 events')
    """
    at = f"at {events} event{'s' * (events != 1)}"
    if total is not None:
        at = f"at {events} of {total} events"
    return at if directions is None else f"along {directions} random directions {at}"


def place_in(check: Mapping[str, Any]) -> str:
    """Says the same of the part ``check`` of a saved result."""
    directions, events = check.get("directions"), check.get("events")
    count = directions if isinstance(directions, int) else None
    return place_of(count, len(events) if isinstance(events, list) else 0)


def largest_in(check: Mapping[str, Any]) -> str:
    """Says how large the largest difference in the part ``check`` of a saved result is."""
    worst, counts = check.get("worst") or [{}], check.get("comparisons") or {}
    ratio = worst[0].get("ratio")
    if ratio is None:
        return ""
    agrees = check.get("verdict") == "agrees"
    beyond = counts.get("differs", 0) if agrees else 0
    return f"; {largest_difference(ratio, beyond, sum(counts.values()))}"


def largest_difference(ratio: float, beyond: int = 0, total: int = 0) -> str:
    """Says how large a difference is, by its ratio to the numerical error that is allowed.

    Parameters
    ----------
    ratio
        The difference over the allowed error.
    beyond, total
        Number of comparisons that exceed it although the engines agree, and of all. The allowed
        error is an estimate that holds at 99 % of the events: a few beyond it prove nothing.

    >>> largest_difference(0.432)
    'largest difference is 43 % of the allowed numerical error'
    >>> largest_difference(2500.0)
    'largest difference is 2.5e+03 times the allowed numerical error'
    >>> largest_difference(1.46, 2, 31680).removeprefix(largest_difference(1.46))
    ', exceeded by 2 of 31680 comparisons: so few may be chance'
    """
    size = f"{100 * ratio:.3g} %" if 1 <= ratio < TIMES else f"{100 * ratio:.2g} %"
    if ratio >= TIMES:
        size = f"{ratio:.2g} times"
    joined = "" if ratio >= TIMES else " of"
    text = f"largest difference is {size}{joined} the allowed numerical error"
    if ratio > 1 and beyond:
        text += f", exceeded by {beyond} of {total} comparisons: so few may be chance"
    return text
