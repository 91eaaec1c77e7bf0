"""Phrases on what a cross-check compared, and on how large the largest difference is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["largest_difference", "place_in", "place_of"]

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


def largest_difference(ratio: float, *, agrees: bool = False) -> str:
    """Says how large a difference is, by its ratio to the numerical error that is allowed.

    Where the engines agree nevertheless, so few events are beyond that they prove no fault.

    >>> largest_difference(0.432)
    'largest difference is 43 % of the allowed numerical error'
    >>> largest_difference(2500.0)
    'largest difference is 2.5e+03 times the allowed numerical error'
    >>> largest_difference(1.5, agrees=True)
    'largest difference is 150 % of the allowed numerical error, at too few events for a fault'
    """
    size = f"{100 * ratio:.3g} %" if 1 <= ratio < TIMES else f"{100 * ratio:.2g} %"
    if ratio >= TIMES:
        size = f"{ratio:.2g} times"
    joined = "" if ratio >= TIMES else " of"
    few = ", at too few events for a fault" if agrees and ratio > 1 else ""
    return f"largest difference is {size}{joined} the allowed numerical error{few}"
