"""A network of torch's modules, and the same layers written as an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

__all__ = ["EPSILON", "OPSET", "Architecture", "Array", "Writer", "linear"]

OPSET = 21
EPSILON = float(np.float32(1e-5))
"""Of normalizations; the number that single precision holds."""
Array = npt.NDArray[Any]


class Writer:
    """Writes a graph with one input ``x`` [N, n] and weights in one format."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.opset = OPSET

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Appends a node and returns its output, or the list of its several outputs."""
        names = [f"t{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, names[0], **attributes))
        return names if outputs > 1 else names[0]

    def w(self, value: Any) -> str:
        """Weights of torch, or numbers of NumPy; real ones in the graph's format."""
        array = np.asarray(value.detach().numpy() if hasattr(value, "detach") else value)
        if array.dtype.kind == "f":
            array = array.astype(self.dtype)
        name = f"w{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def model(self, output: str, features: int) -> onnx.ModelProto:
        """The graph from ``x`` to this output."""
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        graph = helper.make_graph(
            self.nodes,
            "reference",
            [helper.make_tensor_value_info("x", kind, ["N", features])],
            [helper.make_tensor_value_info(output, kind, None)],
            self.constants,
        )
        imports = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=imports, ir_version=10)


@dataclass(frozen=True)
class Architecture:
    """A network: ``build(torch)`` gives its modules and f: (N, n) → (N, C) made of them, and
    ``write(writer, modules)`` the same layers as an ONNX graph.
    """

    name: str
    features: int
    build: Callable[[Any], tuple[Any, Callable[[Any], Any]]]
    write: Callable[[Writer, Any], str]


def linear(w: Writer, x: str, module: Any) -> str:
    """x Wᵀ + b."""
    found: str = w.op("Gemm", x, w.w(module.weight), w.w(module.bias), transB=1)
    return found
