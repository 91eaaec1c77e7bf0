"""A node test with an axis of events as a function of features.

The features s (n = 4) move the inputs in random dense directions: x = x₀ + s·D, so that every
element takes part, and s = 0 is the very input of the case; or on a curve, x = x₀ + s·D + (s·E)²/2,
for which the tangents vary from event to event.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, defs, helper, numpy_helper

from onnxtaylor.rules.rule import NEWEST
from validation.node_embeddings import Embedding

__all__ = ["FEATURES", "RESPONSES", "Path"]

FEATURES, RESPONSES = 4, 3

Array = npt.NDArray[Any]


class Path:
    """The responses of an embedded case as a function of the features, twice: as a graph for any
    number of events, and as the untouched node, one event at a time.
    """

    def __init__(self, e: Embedding, *, bent: bool, plus: bool = False) -> None:
        self.e, self.case, self.bent, self.plus = e, e.case, bent, plus
        random = np.random.default_rng(crc32(f"{e.case.name}{e.how}".encode()))
        self.lines, self.bends = {}, {}
        for name in e.varied:
            size = e.case.values[name].size
            signs = random.choice([-0.5, 0.5], (FEATURES, size))
            self.lines[name] = signs * random.uniform(0.3, 1.0, (FEATURES, size))
            self.bends[name] = random.uniform(-0.5, 0.5, (FEATURES, size))
        size = sum(v.size for v in e.case.evaluate({}))
        self.mix = random.normal(size=(size, RESPONSES)) / np.sqrt(size)
        self.extra = random.normal(size=(FEATURES, RESPONSES))

    def __call__(self, s: Array) -> Array:
        """Responses (C,) of one event with the features s (n,), by the untouched node."""
        changed = {}
        for name in self.e.varied:
            x = self.case.values[name]
            move = s @ self.lines[name]
            if self.bent:
                move = move + (s @ self.bends[name]) ** 2 / 2
            changed[name] = x + move.reshape(x.shape)
        flat = np.concatenate([v.reshape(-1) for v in self.case.evaluate(changed)])
        found: Array = flat @ self.mix
        return found + s @ self.extra if self.plus else found

    def graph(self) -> onnx.ModelProto:
        """The same as an ONNX model: features (N, n) → responses (N, C)."""
        e, w = self.e, _Writer()
        names = {"": ""}
        for name in e.node.input:
            if name in e.varied:
                names[name] = self._moved(w, name)
            elif name in e.tiled:
                names[name] = self._tiled(w, name)
            elif name:
                value = e.held.get(name)
                names[name] = w.constant(self.case.values[name] if value is None else value)
        node = onnx.NodeProto()
        node.CopyFrom(e.node)
        node.name = "case"
        node.input[:] = [names[n] for n in e.node.input]
        w.nodes.append(node)
        rows = []
        for name, axis in zip(self.case.outputs, e.outputs, strict=True):
            rows.append(self._row(w, name, axis))
        row = w.op("Concat", *rows, axis=1) if len(rows) > 1 else rows[0]
        mixed = w.op("MatMul", row, w.constant(self.mix))
        if self.plus:
            mixed = w.op("Add", mixed, w.op("MatMul", "features", w.constant(self.extra)))
        w.op("Identity", mixed, output="responses")
        double = TensorProto.DOUBLE
        graph = helper.make_graph(
            w.nodes,
            self.case.name,
            [helper.make_tensor_value_info("features", double, ["N", FEATURES])],
            [helper.make_tensor_value_info("responses", double, ["N", RESPONSES])],
            w.constants,
        )
        imports = [_read(i, self.e.node.op_type) for i in self.case.model.opset_import]
        if not any(i.domain in ("", "ai.onnx") for i in imports):
            imports.append(helper.make_opsetid("", 21))
        return helper.make_model(
            graph, opset_imports=imports, ir_version=max(self.case.model.ir_version, 8)
        )

    def _moved(self, w: _Writer, name: str) -> str:
        shape = self.e.shapes[name]
        row = w.op("MatMul", "features", w.constant(self.lines[name]))
        if self.bent:
            root = w.op("MatMul", "features", w.constant(self.bends[name] / np.sqrt(2)))
            row = w.op("Add", row, w.op("Mul", root, root))
        row = w.op("Add", row, w.constant(self.case.values[name].reshape(1, -1)))
        if self.e.axis is None:
            return w.op("Reshape", row, w.constant(np.array([-1, *shape])))
        return w.folded(row, shape, self.e.axis)

    def _tiled(self, w: _Writer, name: str) -> str:
        shape, axis = self.e.shapes[name], self.e.axis
        value = self.case.values[name].reshape(shape)
        count = w.op("Gather", w.op("Shape", "features"), w.constant(np.array([0])), axis=0)
        if axis is None:
            value, axis = value[None], 0
        front, back = [1] * axis, [1] * (value.ndim - axis - 1)
        parts = [w.constant(np.array(p, np.int64)) for p in (front, back)]
        repeats = w.op("Concat", parts[0], count, parts[1], axis=0)
        return w.op("Tile", w.constant(value), repeats)

    def _row(self, w: _Writer, name: str, axis: int | None) -> str:
        if axis is None or axis == 0:
            size = self._sizes[name]
            return w.op("Reshape", name, w.constant(np.array([-1, size])))
        shape = self._shapes[name]
        split = [*shape[:axis], -1, shape[axis], *shape[axis + 1 :]]
        parted = w.op("Reshape", name, w.constant(np.array(split)))
        order = [axis, *(k for k in range(len(split)) if k != axis)]
        turned = w.op("Transpose", parted, perm=order)
        return w.op("Reshape", turned, w.constant(np.array([-1, self._sizes[name]])))

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        found = self.case.evaluate({})
        return {n: v.shape for n, v in zip(self.case.outputs, found, strict=True)}

    @property
    def _sizes(self) -> dict[str, int]:
        return {n: int(np.prod(s, dtype=int)) for n, s in self._shapes.items()}


def _read(entry: onnx.OperatorSetIdProto, kind: str) -> onnx.OperatorSetIdProto:
    """The newest operator set that rules are written for, where that has the operator, too: what
    it responds there is compared like all else.
    """
    if entry.domain or entry.version <= NEWEST:
        return entry
    try:
        defs.get_schema(kind, NEWEST)
    except defs.SchemaError:
        return entry
    return helper.make_opsetid("", NEWEST)


class _Writer:
    """Writes the nodes around the case's own, for any opset since 5."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"around/{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def constant(self, value: npt.ArrayLike) -> str:
        name = f"constant/{len(self.constants)}"
        array = np.asarray(value)
        self.constants.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def folded(self, row: str, shape: Sequence[int], axis: int) -> str:
        """(N, size) as one event's shape with N times as many elements along an axis."""
        if axis == 0:
            return self.op("Reshape", row, self.constant(np.array([-1, *shape[1:]])))
        apart = self.op("Reshape", row, self.constant(np.array([-1, *shape])))
        order = [*range(1, axis + 1), 0, *range(axis + 1, len(shape) + 1)]
        turned = self.op("Transpose", apart, perm=order)
        whole = [*shape[:axis], -1, *shape[axis + 1 :]]
        return self.op("Reshape", turned, self.constant(np.array(whole)))
