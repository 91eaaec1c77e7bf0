"""Inputs of a model as this room sees them: names, types and shapes, without the graph."""

from __future__ import annotations

from typing import Protocol

__all__ = ["InputPort", "shape_text"]


class InputPort(Protocol):
    """An input of a model; ``onnxtaylor.graph.Port`` is one.

    ``shape`` has for each axis its size, its symbol, or None where nothing is known; it is None for
    unknown rank. ``type_name`` is ``float32``, ``int64``, ``string``, ``bool``, ….
    """

    @property
    def name(self) -> str:
        """Name of the input."""

    @property
    def shape(self) -> tuple[int | str | None, ...] | None:
        """Size, symbol or None of each axis."""

    @property
    def is_float(self) -> bool:
        """Whether it holds floating-point numbers."""

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers."""

    @property
    def type_name(self) -> str:
        """Name of the element type."""


def shape_text(port: InputPort) -> str:
    """Returns the shape as text, such as ``[batch, 30]``, with ``?`` for unknown sizes."""
    if port.shape is None:
        return "[?]"
    return "[" + ", ".join("?" if d is None else str(d) for d in port.shape) + "]"
