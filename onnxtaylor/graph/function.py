"""The function f: features (N, n) → responses (N, C), for N events, as an ONNX model.

Engines see only this function, whatever the file looks like: ``onnxtaylor.graph.build`` writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from onnxtaylor.graph.builder import Builder
from onnxtaylor.graph.dependence import Dependence
from onnxtaylor.indices import MultiIndices

__all__ = ["DIGITS", "GraphFunction", "select_responses"]

# binary digits of a number in each format, the leading one included
DIGITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}


@dataclass(frozen=True)
class GraphFunction:
    """Function f as an ONNX model with one input (N, n) and one output (N, C).

    Attributes
    ----------
    proto
        The model.
    n_features
        n, the number of columns of the fed row. The last ``n_context`` of them are context, by
        which nothing is differentiated.
    precision
        Coarsest format of the features in the original graph, from its inputs to its responses.
    fixed_batch
        Number of events that the graph is fixed to (0: any).
    outputs, labels
        Tensors of the original graph that hold the responses, and the class names of each.
    link
        Function of the responses: ``identity``, ``logit`` or ``log``.
    dependence
        Dependence of the responses on the features.
    plain
        Whether to run it without onnxruntime's optimizations, which would change the function.
    n_context
        Number of columns of context.
    varied
        Tensor inside the graph that holds the features alone, where there is context.
    fixed_because
        Reason why the batch is fixed, where one is known; it ends a line on the graph.
    """

    proto: onnx.ModelProto
    n_features: int
    precision: str
    fixed_batch: int
    outputs: tuple[str, ...]
    labels: tuple[tuple[str, ...] | None, ...]
    link: str
    dependence: Dependence
    plain: bool = False
    n_context: int = 0
    varied: str | None = None
    fixed_because: str = ""

    def with_proto(self, proto: onnx.ModelProto) -> GraphFunction:
        """Returns this function with another graph of the same values."""
        return replace(self, proto=proto)

    @property
    def feed(self) -> str:
        """Name of the input."""
        return str(self.proto.graph.input[0].name)

    @property
    def seed(self) -> str:
        """Name of the tensor (N, n_varied) by which the responses are differentiated."""
        return self.varied or self.feed

    @property
    def n_varied(self) -> int:
        """Number of features, without context."""
        return self.n_features - self.n_context

    @property
    def is_varied(self) -> npt.NDArray[np.bool_]:
        """Whether a column (n,) of the fed row is a feature."""
        return np.arange(self.n_features) < self.n_varied

    def indices(self, order: int) -> MultiIndices:
        """Lists all coefficients up to an order: none of them by context."""
        return MultiIndices(self.n_features, MultiIndices.full(self.n_varied, order).table)

    def of_features(self, indices: MultiIndices) -> MultiIndices:
        """Returns the same coefficients as those of the features alone, without context."""
        return replace(indices, n_features=self.n_varied)

    @property
    def response(self) -> str:
        """Name of the output."""
        return str(self.proto.graph.output[0].name)

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Format of the graph's input: float64 or float32 (half precision is cast)."""
        double = self.proto.graph.input[0].type.tensor_type.elem_type == TensorProto.DOUBLE
        return np.dtype(np.float64 if double else np.float32)

    @property
    def digits(self) -> int:
        """Binary digits of the features in the original graph."""
        return DIGITS[self.precision]

    @property
    def width(self) -> int:
        """Longest side of a weight, or n: a measure of the memory per event."""
        sides: list[int] = [max(t.dims) for t in self.proto.graph.initializer if len(t.dims) >= 2]
        return max([self.n_features, *(s for s in sides if s < 2**16)])


def select_responses(function: GraphFunction, columns: Sequence[int]) -> GraphFunction:
    """Returns a function with some of the responses; ``narrow`` makes the graph smaller, too."""
    proto = onnx.ModelProto()
    proto.CopyFrom(function.proto)
    builder = Builder(proto)
    everything, kept = function.response, builder.unused("responses")
    places = builder.constant(np.array(columns, dtype=np.int64))
    builder.node("Gather", [everything, places], output=kept, axis=1, last=True)
    proto.graph.output[0].name = kept
    return replace(function, proto=proto)
