"""A jet tagger with the inputs and layers of DeepJet (arXiv:2008.10519), with random weights.

15 features of the jet, 25 charged candidates of 16, 25 neutral ones of 6, 4 vertices of 12, and one
number more: 614 features. Each set passes 1×1 convolutions with ReLU and an LSTM, whose last states
and the jet's own features pass dense layers and a softmax of six classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

__all__ = ["FEATURES", "tagger", "tagger_events"]

GLOBAL, LAST, CLASSES = 15, 1, 6
SETS = {  # slots, features of each, widths of the convolutions, units of the LSTM
    "charged": (25, 16, (64, 32, 32, 8), 150),
    "neutral": (25, 6, (32, 16, 4), 50),
    "vertices": (4, 12, (64, 32, 32, 8), 50),
}
FEATURES = GLOBAL + LAST + sum(slots * each for slots, each, *_ in SETS.values())
DENSE = (200, 100, 100, 100)


@dataclass
class _Writer:
    """Writes nodes and random weights."""

    random: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)
    count: int = 0

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        """Writes a node; returns the name of its last output."""
        self.count += 1
        names = [f"{kind}{self.count}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[-1]

    def constant(self, value: npt.ArrayLike) -> str:
        """Writes a constant."""
        self.count += 1
        name = f"constant{self.count}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def matrix(self, *shape: int, fan_in: int) -> str:
        """Writes random weights of variance 2 / fan-in."""
        values = self.random.normal(size=shape) * np.sqrt(2 / fan_in)
        return self.constant(values.astype(np.float32))

    def bias(self, *shape: int) -> str:
        """Writes random constants."""
        return self.constant((0.1 * self.random.normal(size=shape)).astype(np.float32))

    def set_of(self, name: str, each: int, widths: Sequence[int], units: int) -> str:
        """Writes the layers of one set: (N, slots, each) to (N, units)."""
        tensor, width = self.op("Transpose", name, perm=[0, 2, 1]), each
        for wide in widths:
            weights = self.matrix(wide, width, 1, fan_in=width)
            tensor = self.op("Relu", self.op("Conv", tensor, weights, self.bias(wide)))
            width = wide
        sequence = self.op("Transpose", tensor, perm=[2, 0, 1])
        state = self.op(
            "LSTM",
            sequence,
            self.matrix(1, 4 * units, width, fan_in=2 * width),
            self.matrix(1, 4 * units, units, fan_in=2 * units),
            self.bias(1, 8 * units),
            outputs=2,
            hidden_size=units,
        )
        return self.op("Squeeze", state, self.constant(np.array([0])))


def tagger(seed: int = 0) -> onnx.ModelProto:
    """Builds the tagger, in single precision."""
    w, kind = _Writer(np.random.default_rng(seed)), onnx.TensorProto.FLOAT
    ports = [helper.make_tensor_value_info("jet", kind, ["N", GLOBAL])]
    parts, width = ["jet"], GLOBAL
    for name, (slots, each, widths, units) in SETS.items():
        ports.append(helper.make_tensor_value_info(name, kind, ["N", slots, each]))
        parts.append(w.set_of(name, each, widths, units))
        width += units
    ports.append(helper.make_tensor_value_info("pt", kind, ["N", LAST]))
    tensor, width = w.op("Concat", *parts, "pt", axis=1), width + LAST
    for wide in DENSE:
        dense = w.op("Gemm", tensor, w.matrix(width, wide, fan_in=width), w.bias(wide))
        tensor, width = w.op("Relu", dense), wide
    last = w.op("Gemm", tensor, w.matrix(width, CLASSES, fan_in=width), w.bias(CLASSES))
    result = w.op("Softmax", last, axis=1)
    port = helper.make_tensor_value_info(result, kind, ["N", CLASSES])
    graph = helper.make_graph(w.nodes, "tagger", ports, [port], w.weights)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tagger"
    )


def tagger_events(count: int, seed: int = 1) -> npt.NDArray[np.float32]:
    """Normal events (N, 614) of all inputs, in the order of the model."""
    random = np.random.default_rng(seed)
    return random.normal(size=(count, FEATURES)).astype(np.float32)
