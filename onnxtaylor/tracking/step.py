"""One step of a training that was tracked."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TrackedStep"]


@dataclass(frozen=True)
class TrackedStep:
    """One step of a training: its number, its name, and how its derivatives were computed.

    ``how`` is ``compiled`` (the graph was differentiated), ``swapped`` (the graph of an earlier
    step was given this step's weights) or ``analyzed`` (in the ordinary way, since the exact engine
    cannot differentiate it); ``note`` says why the weights were not swapped. ``sha256`` is the hash
    of the model's file, None where there was none.
    """

    step: int | float
    name: str
    how: str
    engine: str
    precision: str
    sha256: str | None = None
    note: str | None = None
