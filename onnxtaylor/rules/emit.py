"""Writes ONNX nodes: names, constants, and two simplifications that cost nothing.

What is asked for twice is written once, and what depends on constants alone is computed while the
graph is written. The second is what makes Jacobian rows before the first nonlinearity constants.

Constants may be weights that are to be fed later, with other values. What depends on them is known
while the graph is written and computed again when it runs; who looks at a value freezes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

__all__ = ["Constants", "Emitter"]

Array = npt.NDArray[Any]

FOLDED = frozenset(
    {
        *(
            "Add",
            "Cast",
            "Concat",
            "Div",
            "Equal",
            "Expand",
            "Gather",
            "Identity",
            "MatMul",
            "Mul",
            "Neg",
        ),
        *("Pow", "ReduceSum", "Reciprocal", "Reshape", "Slice", "Split", "Sqrt", "Squeeze"),
        *("Sub", "Transpose", "Unsqueeze", "Where"),
    }
)
FOLD_LIMIT = 2**24  # numbers that a folded constant may have


class Constants(dict[str, Array]):
    """Values by name. ``weights`` has, for each that will be fed or depends on such, the names of
    those; ``frozen`` are the weights whose values were looked at.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weights: dict[str, frozenset[str]] = {}
        self.frozen: set[str] = set()

    def __getitem__(self, name: str) -> Array:
        self.frozen |= self.weights.get(name, frozenset())
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """The value, which is frozen from now on."""
        self.frozen |= self.weights.get(name, frozenset())
        return super().get(name, default)

    def unfrozen(self, name: str) -> Array:
        """The value, for what is computed again when the graph runs."""
        return super().__getitem__(name)

    def weights_of(self, names: Iterable[str]) -> frozenset[str]:
        """The weights that any of these depends on."""
        return frozenset().union(*(self.weights.get(name, frozenset()) for name in names))


class Emitter:
    """Collects the nodes and constants of a graph in ``dtype`` and one opset.

    Names begin with ``stem``, which no tensor of the original graph may.
    """

    def __init__(self, dtype: npt.DTypeLike, opset: int, stem: str = "taylor") -> None:
        self.dtype = np.dtype(dtype)
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants = Constants()
        self._stem = stem
        self._count = 0
        self._written: dict[object, list[str]] = {}

    @contextmanager
    def computing_in(self, dtype: npt.DTypeLike) -> Iterator[None]:
        """Writes numbers in another format, of a part of the graph, for a while."""
        whole, self.dtype = self.dtype, np.dtype(dtype)
        try:
            yield
        finally:
            self.dtype = whole

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> str:
        """A constant tensor; numbers take the graph's format, whole numbers int64."""
        array = np.asarray(value)
        if dtype is not None:
            array = array.astype(dtype)
        elif array.dtype.kind == "f":
            array = array.astype(self.dtype)
        elif array.dtype.kind in "iu":
            array = array.astype(np.int64)
        key = ("constant", array.dtype.str, array.shape, array.tobytes())
        if key not in self._written:
            name = self._name("c")
            self.constants[name] = array
            self._written[key] = [name]
        return self._written[key][0]

    def number(self, value: float) -> str:
        """A scalar in the graph's format."""
        return self.constant(np.float64(value))

    def adopt(self, name: str, value: Array, weights: frozenset[str] = frozenset()) -> None:
        """Makes a constant of the original graph known, so that it can be folded.

        What depends on ``weights`` is not written as a constant.
        """
        self.constants[name] = value
        if weights:
            self.constants.weights[name] = weights

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output; returns the output's name."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """A node with several outputs; returns their names."""
        key = (kind, inputs, outputs, repr(sorted(attributes.items())))
        if key not in self._written:
            names = [self._name(kind.lower()) for _ in range(outputs)]
            node = helper.make_node(kind, list(inputs), names, name=names[0], **attributes)
            if not self._fold(node):
                self.nodes.append(node)
            self._written[key] = names
        return self._written[key]

    def _fold(self, node: onnx.NodeProto) -> bool:
        """Whether the node need not be written: its outputs are constants."""
        if node.op_type not in FOLDED or not all(i in self.constants for i in node.input if i):
            return False
        values = {i: self.constants.unfrozen(i) for i in node.input if i}
        if sum(v.size for v in values.values()) > FOLD_LIMIT:
            return False
        found = evaluate(node, values, self.opset)
        if sum(v.size for v in found) > FOLD_LIMIT:
            return False
        weights = self.constants.weights_of(values)
        for name, value in zip(node.output, found, strict=True):
            self.adopt(name, value, weights)
        return not weights

    def _name(self, what: str) -> str:
        self._count += 1
        return f"{self._stem}/{what}_{self._count}"

    def used_constants(self, names: set[str]) -> list[onnx.TensorProto]:
        """The constants among these names, as initializers."""
        return [
            numpy_helper.from_array(np.asarray(value, order="C"), name)
            for name, value in self.constants.items()
            if name in names and name not in self.constants.weights
        ]


def evaluate(
    node: onnx.NodeProto, values: dict[str, npt.NDArray[Any]], opset: int
) -> list[npt.NDArray[Any]]:
    """The outputs of one node of the default domain, by ONNX's reference implementation."""
    graph = helper.make_graph(
        [node],
        "fold",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
            )
            for name, value in values.items()
        ],
        [onnx.ValueInfoProto(name=name) for name in node.output],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    return [np.asarray(v) for v in ReferenceEvaluator(model).run(None, values)]
