"""What a sample is: one node in a small graph around it, written in one line.

``sample("Tanh", x(3))``
    Tanh of a tensor [N, 3] that is made of the features.
``sample("Gemm", x(3), c(3, 4), c(4), alpha=0.5)``
    Inputs in their order, None for one that is left out; then the node's attributes.
``x(2, 3, low=0.5, high=2.0)``
    A tensor [N, 2, 3] that varies, its elements between low and high (numbers, or lists that
    broadcast to the shape). ``x(2, 3, batch=1)`` is [2, N, 3]. ``x(4, **SIDES)`` lies at both sides
    of 0, away from it.
``c(4, low=-1.0, high=1.0)``
    A constant of random numbers. ``v([1, -1])`` is one of given values: real numbers take the
    graph's format, whole numbers are int64.

Further words of ``sample``: ``outputs`` (number of outputs of the node; only those in ``used`` are
read), ``batch`` (the outputs' axis of events), ``opset``, ``single=True`` for a node that is
computed in single precision whatever it is given, ``body`` for a graph that is more than one node:
``body(g, *names)`` writes nodes with ``g.op(kind, *names, **attributes)`` and ``g.constant(value)``
and returns the names of tensors that become responses.

The graph: three features in [-1, 1] → a random matrix → (tanh) → the node → responses z·A + (z·B)².
So tangents and adjoints vary, and the node's own curvature is one of several terms. For a kind
whose derivative vanishes, z is the node's output times a smooth function of the features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.rules import RULES
from tests.rules.reference import evaluate

FEATURES, RESPONSES, EVENTS = 3, 2, 5

SIDES: dict[str, Any] = {"low": [-1.0, 0.2, -0.9, 0.3], "high": [-0.2, 1.0, -0.3, 0.9]}


@dataclass(frozen=True)
class Varying:
    """A tensor made of the features."""

    shape: tuple[int, ...]
    low: Any
    high: Any
    batch: int


@dataclass(frozen=True)
class Constant:
    """A tensor that is the same for all data."""

    value: npt.NDArray[Any]


def x(*shape: int, low: Any = -1.0, high: Any = 1.0, batch: int = 0) -> Varying:
    return Varying(shape, low, high, batch)


def c(*shape: int, low: float = -1.0, high: float = 1.0) -> Constant:
    random = np.random.default_rng([*shape, 7])
    return Constant(random.uniform(low, high, shape))


def v(value: npt.ArrayLike) -> Constant:
    return Constant(np.asarray(value))


@dataclass(frozen=True, eq=False)
class Sample:
    """A node, what it is given, and what becomes of it."""

    kind: str
    inputs: tuple[Varying | Constant | None, ...]
    attributes: dict[str, Any]
    outputs: int = 1
    used: tuple[int, ...] | None = None
    batch: int = 0
    opset: int = 21
    single: bool = False
    zero: bool = False
    body: Callable[..., Any] | None = None
    writer: Callable[[np.dtype[Any]], Graph] | None = None  # of nodes, where not today's
    _built: dict[Any, onnx.ModelProto] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = []
        for i in self.inputs:
            if i is None:
                parts.append("none")
            else:
                sizes = i.shape if isinstance(i, Varying) else i.value.shape
                parts.append("cx"[isinstance(i, Varying)] + "x".join(map(str, sizes)))
        named = [f"{k}={value}" for k, value in self.attributes.items()]
        # in older words it is the same graph, of the same random numbers
        named += [f"opset={self.opset}"] * (self.opset != 21 and self.writer is None)
        return "-".join([self.kind, *parts, *named]).replace(" ", "")

    def model(
        self, dtype: npt.DTypeLike = np.float64, *, smooth: bool = True, turned: bool = False
    ) -> onnx.ModelProto:
        """The graph in a format. Without ``smooth`` the node's tangents are constants; with
        ``turned`` the features come in reverse order.
        """
        key = (np.dtype(dtype), smooth, turned)
        if key not in self._built:
            self._built[key] = _build(self, *key)
        return self._built[key]

    def events(self) -> npt.NDArray[np.float64]:
        """Features [5, 3], exact in single precision."""
        random = np.random.default_rng(crc32(str(self).encode()))
        return random.uniform(-1, 1, (EVENTS, FEATURES)).astype(np.float32).astype(np.float64)


def sample(
    kind: str,
    *inputs: Varying | Constant | None,
    outputs: int = 1,
    used: Sequence[int] | None = None,
    batch: int = 0,
    opset: int = 21,
    single: bool = False,
    zero: bool = False,
    body: Callable[..., Any] | None = None,
    **attributes: Any,
) -> Sample:
    chosen = None if used is None else tuple(used)
    zero = zero or (kind in RULES and RULES[kind].kind == "constant")
    return Sample(kind, inputs, attributes, outputs, chosen, batch, opset, single, zero, body)


class Graph:
    """Writes the nodes of a sample."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.float = helper.np_dtype_to_tensor_dtype(dtype)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._count = 0

    def name(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def constant(self, value: npt.ArrayLike) -> str:
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(self.dtype)
        name = self.name()
        self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is one of the constants."""
        return any(tensor.name == name for tensor in self.constants)

    def tensor(self, value: npt.ArrayLike) -> onnx.TensorProto:
        """A value for an attribute."""
        return numpy_helper.from_array(np.asarray(value))

    def ops(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        names = [self.name() for _ in range(outputs)]
        domain, _, kind = kind.rpartition(".")
        node = helper.make_node(kind, list(inputs), names, domain=domain, **attributes)
        self.nodes.append(node)
        return names

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def scaled(self, rows: str, factor: str) -> str:
        """Rows [N, K] by one number for each, [N, 1]."""
        return self.op("Mul", rows, factor)

    def cast(self, name: str) -> str:
        """The tensor in the graph's format."""
        return self.op("Cast", name, to=self.float)

    def model(self, output: str, opset: int) -> onnx.ModelProto:
        features = helper.make_tensor_value_info("features", self.float, ["N", FEATURES])
        found = helper.make_tensor_value_info(output, self.float, ["N", None])
        graph = helper.make_graph(self.nodes, "sample", [features], [found], self.constants)
        versions = {"": opset, "ai.onnx.ml": 3, "com.microsoft": 1}
        domains = {"", *(n.domain for n in self.nodes)}
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid(d, versions.get(d, 1)) for d in sorted(domains)],
            ir_version=10,
        )


def _build(s: Sample, dtype: np.dtype[Any], smooth: bool, turned: bool) -> onnx.ModelProto:
    random = np.random.default_rng(crc32(str(s).encode()) + 1)
    g = (s.writer or Graph)(dtype)
    features = "features"
    if turned:
        features = g.op("Gather", features, g.constant(np.arange(FEATURES)[::-1]), axis=1)
    names = []
    for i in s.inputs:
        if isinstance(i, Varying):
            names.append(_mixed(g, features, i, random, smooth))
        else:
            names.append("" if i is None else g.constant(i.value))
    if s.body is not None:
        found = s.body(g, *names)
        found = [found] if isinstance(found, str) else list(found)
    else:
        found = g.ops(s.kind, s.outputs, *names, **s.attributes)
        found = [found[k] for k in s.used or range(len(found))]
    rows = [_flat(g, name, s) for name in found]
    z = g.op("Concat", *rows, axis=1) if len(rows) > 1 else rows[0]
    if s.zero:
        weight = random.uniform(-0.5, 0.5, (FEATURES, 1))
        factor = g.op("Tanh", g.op("MatMul", features, g.constant(weight)))
        z = g.scaled(g.cast(z), factor)
    elif s.single:
        z = g.cast(z)
    # how many elements there are is asked of the graph itself
    size = evaluate(g.model(z, s.opset), np.zeros((2, FEATURES), dtype), [z])[z].shape[1]
    a, b = random.normal(size=(2, size, RESPONSES)) / np.sqrt(size)
    root = g.op("MatMul", z, g.constant(b))
    response = g.op("Add", g.op("MatMul", z, g.constant(a)), g.op("Mul", root, root))
    return g.model(response, s.opset)


def _mixed(g: Graph, features: str, i: Varying, random: np.random.Generator, smooth: bool) -> str:
    """A tensor of a shape whose elements stay between low and high for features in [-1, 1]."""
    size = int(np.prod(i.shape, dtype=int))
    weight = random.uniform(0.3, 1.0, (FEATURES, size)) * random.choice([-1, 1], (FEATURES, size))
    weight *= 0.95 / np.abs(weight).sum(axis=0)
    low = np.broadcast_to(np.asarray(i.low, float), i.shape).reshape(-1)
    high = np.broadcast_to(np.asarray(i.high, float), i.shape).reshape(-1)
    half, centre = (high - low) / 2, (high + low) / 2
    if smooth:
        inner = g.op("Tanh", g.op("MatMul", features, g.constant(1.5 * weight)))
        row = g.op("Add", g.op("Mul", inner, g.constant(half)), g.constant(centre))
    else:
        row = g.op("Add", g.op("MatMul", features, g.constant(weight * half)), g.constant(centre))
    name = row
    if len(i.shape) != 1:
        name = g.op("Reshape", row, g.constant(np.array([-1, *i.shape])))
    if i.batch:
        order = [*range(1, i.batch + 1), 0, *range(i.batch + 1, len(i.shape) + 1)]
        name = g.op("Transpose", name, perm=order)
    return name


def _flat(g: Graph, name: str, s: Sample) -> str:
    """[…, N, …] as [N, K]."""
    if s.batch:
        rank = evaluate(g.model(name, s.opset), np.zeros((2, FEATURES), g.dtype), [name])[name].ndim
        order = [s.batch, *(k for k in range(rank) if k != s.batch)]
        name = g.op("Transpose", name, perm=order)
    return g.op("Flatten", name, axis=1)
