"""A sample for lifted graphs: an operator and its inputs, written in one line.

``e`` is a tensor that each event has its own of, ``c`` a random constant, anything else the value
of a constant, and None an input that is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = [
    "F32",
    "POSITIVE",
    "TRUTH",
    "Constant",
    "Event",
    "Sample",
    "c",
    "e",
    "s",
    "values",
    "whole",
]


@dataclass(frozen=True)
class Event:
    """Tensor of an event, uniformly distributed; whole numbers exclude ``high``."""

    shape: tuple[int, ...]
    low: float = -1.5
    high: float = 1.5
    dtype: Any = None  # that of the sample


@dataclass(frozen=True)
class Constant(Event):
    """Random tensor that all events share."""


@dataclass(frozen=True)
class Sample:
    """Operator with its inputs and attributes, evaluated in the format ``dtype``."""

    kind: str
    inputs: tuple[Any, ...]
    outputs: int = 1
    dtype: Any = np.float64
    opset: int = 21
    attributes: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        words = [f"{i.shape}" if isinstance(i, Event) else "c" for i in self.inputs]
        return " ".join([self.kind, *words, *map(str, self.attributes)])


def e(*shape: int, **limits: Any) -> Event:
    return Event(shape, **limits)


def c(*shape: int, **limits: Any) -> Constant:
    return Constant(shape, **limits)


def whole(*shape: int, low: int = 0, high: int = 4, dtype: Any = np.int64) -> Event:
    return Event(shape, low, high, dtype)


def s(kind: str, *inputs: Any, **attributes: Any) -> Sample:
    own = {k: attributes.pop(k) for k in ("outputs", "dtype", "opset") if k in attributes}
    return Sample(kind, inputs, attributes=attributes, **own)


def values(tensor: Event, dtype: Any, random: np.random.Generator, *events: int) -> np.ndarray:
    """Random values of a tensor, for a number of events or for all."""
    kind, shape = np.dtype(tensor.dtype or dtype), (*events, *tensor.shape)
    if kind.kind in "iu":
        return random.integers(int(tensor.low), int(tensor.high), shape).astype(kind)
    if kind.kind == "b":
        return random.integers(0, 2, shape).astype(bool)
    return random.uniform(tensor.low, tensor.high, shape).astype(kind)


F32 = {"dtype": np.float32}
POSITIVE = {"low": 0.4, "high": 1.8}
TRUTH = {"dtype": np.bool_}
