"""Writes ONNX nodes: names, constants, and two simplifications that cost nothing.

A node that is requested twice is written once, and a node whose inputs are all constants is
computed while the graph is written. The latter makes the rows of the Jacobian before the first
nonlinearity constants.

A constant may be a weight that is fed later, with other values. Tensors that depend on it are
computed while the graph is written, so that their shape and sparsity can be used, and computed
again when the graph runs. To read the value of such a weight freezes it: the graph that is being
written holds for this value alone.
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

__all__ = ["Constants", "Emitter", "evaluate"]

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
        *("Pad", "Pow", "ReduceMean", "ReduceSum", "Reciprocal", "Reshape", "Slice", "Split"),
        *("Sqrt", "Squeeze"),
        *("Sub", "Transpose", "Unsqueeze", "Where"),
    }
)
FOLD_LIMIT = 2**24  # numbers that a constant computed while writing may have


class Constants(dict[str, Array]):
    """Values of tensors by name.

    ``weights`` maps each tensor that is fed later, or depends on one that is, to the names of the
    weights it depends on. ``frozen`` holds the weights whose values have been read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weights: dict[str, frozenset[str]] = {}
        self.frozen: set[str] = set()

    def __getitem__(self, name: str) -> Array:
        self.frozen |= self.weights.get(name, frozenset())
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Reads a value, and so freezes the weights that it depends on."""
        self.frozen |= self.weights.get(name, frozenset())
        return super().get(name, default)

    def unfrozen(self, name: str) -> Array:
        """Reads a value without freezing it, for a node that is computed again in each run."""
        return super().__getitem__(name)

    def weights_of(self, names: Iterable[str]) -> frozenset[str]:
        """The weights that any of these tensors depends on."""
        return frozenset().union(*(self.weights.get(name, frozenset()) for name in names))


class Emitter:
    """Collects the nodes and constants of a graph.

    Parameters
    ----------
    dtype
        Floating-point format of the graph.
    opset
        Operator set of ai.onnx.
    stem
        Beginning of all names that are written; no tensor of the original graph may begin so.
    """

    def __init__(self, dtype: npt.DTypeLike, opset: int, stem: str = "taylor") -> None:
        self.dtype = np.dtype(dtype)
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants = Constants()
        self._stem = stem
        self._count = 0
        self._written: dict[object, list[str]] = {}
        self._makers: dict[str, tuple[str, tuple[str, ...]]] = {}

    @contextmanager
    def computing_in(self, dtype: npt.DTypeLike) -> Iterator[None]:
        """Writes numbers in another format while the context lasts, for a part of the graph."""
        whole, self.dtype = self.dtype, np.dtype(dtype)
        try:
            yield
        finally:
            self.dtype = whole

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> str:
        """Writes a constant; without ``dtype`` in the graph's format, whole numbers as int64.

        Returns its name; equal constants share one.
        """
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
        """Writes a scalar in the graph's format; returns its name."""
        return self.constant(np.float64(value))

    def indicator(self, condition: str) -> str:
        """Writes 1 where a condition holds, else 0; Cast is faster than Where of two numbers."""
        return self.op("Cast", condition, to=helper.np_dtype_to_tensor_dtype(self.dtype))

    def adopt(self, name: str, value: Array, weights: frozenset[str] = frozenset()) -> None:
        """Registers a constant of the original graph, so that nodes that read it can be folded.

        A value that depends on ``weights`` is not written as a constant.
        """
        self.constants[name] = value
        if weights:
            self.constants.weights[name] = weights

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Writes a node with one output; returns the output's name."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Writes a node with several outputs; returns their names."""
        key = (kind, inputs, outputs, repr(sorted(attributes.items())))
        if key not in self._written:
            names = [self._name(kind.lower()) for _ in range(outputs)]
            self._makers.update(dict.fromkeys(names, (kind, inputs)))
            node = helper.make_node(kind, list(inputs), names, name=names[0], **attributes)
            if not self._fold(node):
                self.nodes.append(node)
            self._written[key] = names
        return self._written[key]

    def maker(self, name: str) -> tuple[str, tuple[str, ...]] | None:
        """The operator and the inputs that a tensor was written with; None for any other tensor."""
        return self._makers.get(name)

    def _fold(self, node: onnx.NodeProto) -> bool:
        """Computes the node if all it reads is constant; returns True if it need not be written."""
        if node.op_type not in FOLDED or not all(i in self.constants for i in node.input if i):
            return False
        values = {i: self.constants.unfrozen(i) for i in node.input if i}
        if sum(v.size for v in values.values()) > FOLD_LIMIT:
            return False
        results = evaluate(node, values, self.opset)
        if sum(v.size for v in results) > FOLD_LIMIT:
            return False
        weights = self.constants.weights_of(values)
        for name, value in zip(node.output, results, strict=True):
            self.adopt(name, value, weights)
        # with fed weights the value is known now, but another one in the next run
        return not weights

    def _name(self, what: str) -> str:
        self._count += 1
        return f"{self._stem}/{what}_{self._count}"

    def used_constants(self, names: set[str]) -> list[onnx.TensorProto]:
        """The initializers for those of ``names`` that are constants, fed weights left out."""
        return [
            numpy_helper.from_array(np.asarray(value, order="C"), name)
            for name, value in self.constants.items()
            if name in names and name not in self.constants.weights
        ]


def evaluate(
    node: onnx.NodeProto, values: dict[str, npt.NDArray[Any]], opset: int
) -> list[npt.NDArray[Any]]:
    """Computes one node of ai.onnx by ONNX's reference implementation; returns its outputs."""
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
