"""Cuts a tensor once in place of many Gathers that each take one place of it along an axis.

The adjoint of a Gather is a tensor of the whole length, so that those of T Gathers are T² places;
the adjoint of a Split is T places put together. Loops over a sequence read their input so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper

from onnxtaylor.graph.normalize.sequences import Known, Values
from onnxtaylor.graph.normalize.writer import Writer, axes, replace_nodes

__all__ = ["split_places"]

FEWEST = 4  # Gathers of a tensor along one axis


def split_places(proto: onnx.ModelProto, known: Known) -> onnx.ModelProto:
    """Ensures: at the top level no tensor is read by more than three Gathers of one known place.

    Parameters
    ----------
    proto
        The model, of operator set 13 or later.
    known
        As in ``sequences.settle_sequences``. Called only where there are so many Gathers.
    """
    counts = Counter(_tensor(node) for node in proto.graph.node if _is_gather(node))
    often = {key for key, count in counts.items() if count >= FEWEST}
    if not often:
        return proto
    values, shapes = known(proto)
    cuts: dict[tuple[str, int], _Cut] = {}
    for node in proto.graph.node:
        if _is_gather(node) and (key := _tensor(node)) in often:
            found = _place(node, values, shapes.get(key[0]))
            if found is not None:
                cut = cuts.setdefault(key, _Cut(*found[1:]))
                cut.places.add(found[0])
                cut.readers += 1

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        cut = cuts.get(_tensor(node)) if _is_gather(node) else None
        found = None if cut is None else _place(node, values, shapes.get(node.input[0]))
        if cut is None or found is None or cut.readers < FEWEST:
            return False
        piece = cut.piece(w, node.input[0], found[0])
        if values[node.input[1]].ndim:
            w.write("Identity", [piece], node.output[0])
        else:
            w.write("Squeeze", [piece, axes(w, cut.axis)], node.output[0])
        return True

    return replace_nodes(proto, rewrite, shapes)


@dataclass
class _Cut:
    """Cut of a tensor of ``size`` along an axis into its ``places`` and what lies between them."""

    axis: int
    size: int
    places: set[int] = field(default_factory=set)
    readers: int = 0
    names: dict[int, str] = field(default_factory=dict)

    def piece(self, w: Writer, source: str, place: int) -> str:
        """Returns the name of a place's piece; the Split is written when the first is read."""
        if not self.names:
            starts = sorted({0} | self.places | {p + 1 for p in self.places} - {self.size})
            sizes = np.diff([*starts, self.size])
            names = w.ops("Split", len(starts), source, w.constant(sizes), axis=self.axis)
            self.names = dict(zip(starts, names, strict=True))
        return self.names[place]


def _is_gather(node: onnx.NodeProto) -> bool:
    return node.op_type == "Gather" and node.domain in ("", "ai.onnx")


def _tensor(node: onnx.NodeProto) -> tuple[str, int]:
    """The tensor that a Gather reads, and the axis as it is written."""
    named = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return node.input[0], int(named.get("axis", 0))


def _place(node: onnx.NodeProto, values: Values, shape: Any) -> tuple[int, int, int] | None:
    """The one place that a Gather takes, its axis, and the size along it; None: unknown."""
    index, axis = values.get(node.input[1]), _tensor(node)[1]
    if index is None or index.size != 1 or index.ndim > 1 or shape is None:
        return None
    axis += len(shape) if axis < 0 else 0
    size = int(shape[axis]) if 0 <= axis < len(shape) else 0
    place = int(index.reshape(-1)[0])
    place += size if place < 0 else 0
    return (place, axis, size) if 0 <= place < size and size > 1 else None
