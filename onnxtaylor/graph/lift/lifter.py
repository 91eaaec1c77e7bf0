"""The words in which rules are written: what is known of tensors, and ways to give them axes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.normalize.writer import Attributes, Writer

__all__ = ["Lifter", "Rule", "behind", "inputs_of"]

Array = npt.NDArray[Any]


class Lifter:
    """Graph that is being lifted, as its rules see it.

    Shapes, ranks and values are those of the original graph, without the axis N.

    Parameters
    ----------
    w
        Writer of nodes and constants, which knows the shapes of all tensors at one event.
    tensors
        All tensors of the original graph at one event.
    lifted
        Names of those that get the axis N.
    first
        Name of an input, whose first axis is N.
    """

    def __init__(
        self, w: Writer, tensors: Mapping[str, Array], lifted: Collection[str], first: str
    ) -> None:
        self.w, self.tensors = w, tensors
        self._lifted, self._first = lifted, first
        self._count = ""
        self._expanded: dict[str, str] = {}

    def is_lifted(self, name: str) -> bool:
        """Whether a tensor has the axis N in the lifted graph."""
        return name in self._lifted

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a tensor at one event."""
        return tuple(map(int, self.w.shape(name) or ()))

    def rank(self, name: str) -> int:
        """Returns the number of axes of a tensor at one event."""
        return len(self.shape(name))

    def value(self, name: str) -> Array:
        """Returns the value of a tensor that is the same for all events."""
        if self.is_lifted(name):
            raise ValueError(f"'{name}' must be the same for all events")
        stored = self.w.value(name)
        return self.tensors[name] if stored is None else stored

    def numbers(self, name: str) -> list[int]:
        """Returns whole numbers, such as axes, that are the same for all events."""
        return [int(k) for k in self.value(name).reshape(-1)]

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike = np.int64) -> str:
        """Writes a constant, whole numbers by default; returns its name."""
        return self.w.constant(np.array(value, dtype))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Writes a node with one output; returns the output's name."""
        return self.w.op(kind, *inputs, **attributes)

    def keep(
        self, node: onnx.NodeProto, inputs: Sequence[str] | None = None, **attributes: Any
    ) -> None:
        """Writes the node itself, with other inputs or with some other attributes."""
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        if inputs is not None:
            del copy.input[:]
            copy.input.extend(inputs)
        kept = [a for a in node.attribute if a.name not in attributes]
        del copy.attribute[:]
        copy.attribute.extend(kept)
        copy.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
        self.w.nodes.append(copy)

    def inside(self, node: onnx.NodeProto, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Writes the node itself with other inputs and outputs, for others that follow it."""
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        del copy.input[:], copy.output[:]
        copy.input.extend(inputs)
        copy.output.extend(outputs)
        copy.name = outputs[0] or outputs[-1]
        self.w.nodes.append(copy)

    def finish(self, node: onnx.NodeProto, kind: str, *inputs: str, **attributes: Any) -> None:
        """Writes an operator whose first output takes the place of that of the node."""
        self.w.nodes.append(
            helper.make_node(kind, list(inputs), [node.output[0]], node.name, **attributes)
        )

    def aligned(self, name: str, rank: int, own: int | None = None) -> str:
        """Returns a tensor with axes of size 1 behind N, so that it broadcasts with others.

        A tensor without N needs none. ``own``: the rank of a tensor that a rule has written.
        """
        if own is None:
            if not self.is_lifted(name):
                return name
            own = self.rank(name)
        missing = range(1, 1 + rank - own)
        return self.op("Unsqueeze", name, self.constant(missing)) if missing else name

    def everywhere(self, name: str) -> str:
        """Returns a tensor with the axis N: one without is repeated for every event."""
        if self.is_lifted(name):
            return name
        if name not in self._expanded:
            target = self.for_events(self.shape(name))
            self._expanded[name] = self.op("Expand", name, target)
        return self._expanded[name]

    def count(self) -> str:
        """Returns the name of the number of events, as a vector of one element."""
        if not self._count:
            self._count = self.op("Shape", self._first, start=0, end=1)
        return self._count

    def for_events(self, shape: Sequence[int]) -> str:
        """Returns the name of the shape [N, *shape]."""
        if not shape:
            return self.count()
        return self.op("Concat", self.count(), self.constant(shape), axis=0)

    def reshaped(self, name: str, shape: Sequence[int]) -> str:
        """Reshapes a tensor with the axis N to [N, *shape]."""
        if 0 in shape:
            return self.op("Reshape", name, self.for_events(shape), allowzero=1)
        return self.op("Reshape", name, self.constant([-1, *shape]))

    def require_shared(self, node: onnx.NodeProto, start: int = 1, stop: int | None = None) -> None:
        """Raises ValueError where one of the inputs from ``start`` on depends on the event."""
        for name in list(node.input)[start:stop]:
            if self.is_lifted(name):
                raise ValueError(f"'{name}' must be the same for all events")

    def refusal(self, node: onnx.NodeProto, reason: str) -> ModelError:
        """Returns the error that names a node which cannot be lifted, and why."""
        name = printable(node.name or node.output[0])
        return ModelError(
            f"node '{name}' ({printable(node.op_type)}) cannot be given a batch axis: {reason}"
        )


Rule = Callable[[Lifter, onnx.NodeProto, Attributes], None]


def behind(axis: int) -> int:
    """Returns the place of an axis once N stands before all others; from the end it stays.

    >>> behind(0), behind(-1)
    (1, -1)
    """
    return axis + 1 if axis >= 0 else axis


def inputs_of(node: onnx.NodeProto, count: int) -> list[str]:
    """Returns the names of the first inputs, empty for those that are left out."""
    return [*node.input, *[""] * count][: max(count, len(node.input))]
