"""Replaces sequences whose length and indices are known by the tensors that they hold.

    SplitToSequence, SequenceConstruct, SequenceEmpty, Optional     remembered
    SequenceInsert, SequenceErase, Identity                         remembered
    SequenceAt, OptionalGetElement                                  Identity
    SequenceLength, OptionalHasElement                              a constant
    ConcatFromSequence                                              Concat

Sequences that depend on the number of events, or on the features, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from onnxtaylor.graph.normalize.writer import Writer, axes, replace_nodes

__all__ = ["Known", "settle_sequences"]

ROUNDS = 8  # an index may be computed from the length of another sequence
MOST = 2**12  # elements of a sequence

Values = Mapping[str, npt.NDArray[Any]]
Shapes = Mapping[str, Sequence[int]]
Known = Callable[[onnx.ModelProto], tuple[Values, Shapes]]


@dataclass
class _Split:
    """Tensor that is cut along an axis; its pieces are written when one is first read."""

    source: str
    axis: int
    sizes: list[int]
    squeezed: bool
    names: list[str] = field(default_factory=list)

    def piece(self, w: Writer, number: int) -> str:
        """Returns the name of a piece."""
        if not self.names:
            sizes = w.constant(np.array(self.sizes, np.int64))
            names = w.ops("Split", len(self.sizes), self.source, sizes, axis=self.axis)
            if self.squeezed:
                names = [w.op("Squeeze", name, axes(w, self.axis)) for name in names]
            self.names = names
        return self.names[number]


Element = str | tuple[_Split, int]


def settle_sequences(proto: onnx.ModelProto, known: Known) -> onnx.ModelProto:
    """Ensures: at the graph's top level no tensor is read from a sequence that is known.

    Parameters
    ----------
    proto
        The model.
    known
        Gives, of a graph, the values of tensors that are the same for all data, and shapes, with
        sizes below 0 that depend on the number of events. Called only if the graph has sequences.

    Returns
    -------
    onnx.ModelProto
        The model with tensors in place of known sequences.
    """
    for _ in range(ROUNDS):
        if not any(n.op_type in READERS and n.domain in ("", "ai.onnx") for n in proto.graph.node):
            break
        values, shapes = known(proto)
        after = replace_nodes(proto, _Sequences(values), shapes)
        if after is proto:
            break
        proto = after
    return proto


class _Sequences:
    """Contents of all known sequences and optionals, while nodes are passed in their order."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._lists: dict[str, list[Element]] = {}
        self._optionals: dict[str, str] = {}  # the tensor or sequence inside; "": empty

    def __call__(self, w: Writer, node: onnx.NodeProto) -> bool:
        """Handles one node; returns whether others were written in its place."""
        if node.domain not in ("", "ai.onnx"):
            return False
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type in READERS:
            return READERS[node.op_type](self, w, node, given)
        if node.op_type in MAKERS:
            elements = MAKERS[node.op_type](self, w, node, given)
            if elements is not None and len(elements) <= MOST:
                self._lists[node.output[0]] = elements
        if node.op_type == "Optional":
            self._optionals[node.output[0]] = _input(node, 0)
        if node.op_type == "Identity" and node.input[0] in self._optionals:
            self._optionals[node.output[0]] = self._optionals[node.input[0]]
        return False

    def _element(self, w: Writer, element: Element) -> str:
        return element if isinstance(element, str) else element[0].piece(w, element[1])

    def _number(self, w: Writer, node: onnx.NodeProto, place: int) -> int | None:
        """Whole number that a node reads; None where it is unknown."""
        value = self._value(w, _input(node, place))
        return int(value.reshape(-1)[0]) if value is not None and value.size == 1 else None

    def _value(self, w: Writer, name: str) -> npt.NDArray[Any] | None:
        value = w.value(name)
        return self._values.get(name) if value is None else value

    # --- operators that make sequences: the elements, None where they are unknown ------------

    def split(self, w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> list[Element] | None:
        """SplitToSequence: pieces of size 1, of equal size, or of given sizes."""
        shape = w.shape(node.input[0])
        if shape is None:
            return None
        axis = a.get("axis", 0)
        axis += len(shape) if axis < 0 else 0
        if not 0 <= axis < len(shape) or not 0 < shape[axis] <= MOST:
            return None
        length, parts = int(shape[axis]), _input(node, 1)
        sizes = [1] * length
        if parts:
            value = self._value(w, parts)
            if value is None:
                return None
            sizes = value.reshape(-1).tolist()
            if value.ndim == 0:
                sizes = [min(sizes[0], length - k) for k in range(0, length, max(sizes[0], 1))]
        if sum(sizes) != length or min(sizes) < 0:
            return None
        cut = _Split(node.input[0], axis, sizes, not parts and not a.get("keepdims", 1))
        return [(cut, k) for k in range(len(sizes))]

    def construct(self, w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> list[Element]:
        """SequenceConstruct and SequenceEmpty: the inputs."""
        return list(node.input)

    def insert(self, w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> list[Element] | None:
        """SequenceInsert: before a position, at the end where none is given."""
        before = self._lists.get(node.input[0])
        if before is None:
            return None
        place = self._place(w, node, 2, len(before), len(before))
        return None if place is None else [*before[:place], node.input[1], *before[place:]]

    def erase(self, w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> list[Element] | None:
        """SequenceErase: at a position, the last where none is given."""
        before = self._lists.get(node.input[0])
        if not before:
            return None
        place = self._place(w, node, 1, len(before) - 1, len(before) - 1)
        return None if place is None else [*before[:place], *before[place + 1 :]]

    def same(self, w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> list[Element] | None:
        """Identity: the elements of the sequence."""
        return self._lists.get(node.input[0])

    def _place(
        self, w: Writer, node: onnx.NodeProto, at: int, default: int, last: int
    ) -> int | None:
        """Position, counted from 0, that a node reads from its input ``at``."""
        if not _input(node, at):
            return default
        place, count = self._number(w, node, at), len(self._lists[node.input[0]])
        if place is None:
            return None
        place += count if place < 0 else 0
        return place if 0 <= place <= last else None

    # --- operators that read sequences: whether others were written in their place -----------

    def at(self, w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> bool:
        """SequenceAt: one element."""
        elements = self._lists.get(node.input[0])
        place = None if not elements else self._place(w, node, 1, 0, len(elements) - 1)
        if elements is None or place is None:
            return False
        w.write("Identity", [self._element(w, elements[place])], node.output[0])
        return True

    def length(self, w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> bool:
        """SequenceLength: a constant."""
        elements = self._lists.get(node.input[0])
        if elements is None:
            return False
        w.write("Identity", [w.constant(np.array(len(elements)))], node.output[0])
        return True

    def concat(self, w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> bool:
        """ConcatFromSequence: along an axis of the elements or a new one."""
        elements = self._lists.get(node.input[0])
        if not elements:
            return False
        names = [self._element(w, element) for element in elements]
        if a.get("new_axis", 0):
            names = [w.op("Unsqueeze", name, axes(w, a["axis"])) for name in names]
        w.write("Concat", names, node.output[0], axis=a["axis"])
        return True

    def inside(self, w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> bool:
        """OptionalGetElement: a tensor or a sequence."""
        name = self._optionals.get(node.input[0])
        if name in self._lists:
            self._lists[node.output[0]] = self._lists[name]
            return False
        if not name or w.kind(name) == 0:  # a sequence that is unknown
            return False
        w.write("Identity", [name], node.output[0])
        return True

    def has(self, w: Writer, node: onnx.NodeProto, a: dict[str, Any]) -> bool:
        """OptionalHasElement: a constant."""
        name = _input(node, 0)
        if name and name not in self._optionals:
            return False
        full = bool(name and self._optionals[name])
        w.write("Identity", [w.constant(np.array(full))], node.output[0])
        return True


def _input(node: onnx.NodeProto, place: int) -> str:
    """Name of an input, "" where it is left out."""
    return str(node.input[place]) if place < len(node.input) else ""


MAKERS: dict[
    str,
    Callable[[_Sequences, Writer, onnx.NodeProto, dict[str, Any]], list[Element] | None],
] = {
    "SplitToSequence": _Sequences.split,
    "SequenceConstruct": _Sequences.construct,
    "SequenceEmpty": _Sequences.construct,
    "SequenceInsert": _Sequences.insert,
    "SequenceErase": _Sequences.erase,
    "Identity": _Sequences.same,
}
READERS: dict[str, Callable[[_Sequences, Writer, onnx.NodeProto, dict[str, Any]], bool]] = {
    "SequenceAt": _Sequences.at,
    "SequenceLength": _Sequences.length,
    "ConcatFromSequence": _Sequences.concat,
    "OptionalGetElement": _Sequences.inside,
    "OptionalHasElement": _Sequences.has,
}
