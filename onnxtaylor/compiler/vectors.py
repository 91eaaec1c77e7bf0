"""Vectors that are fed to a graph, and products that it yields, shaped like the model's tensors.

A graph computes with rows: vectors (L, N, Σ size) for all features together. In a file, an input or
output of the model has vectors of its own, (L, *shape), or in CasADi's layout, see
``product_file``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.compiler.directions import ADJOINTS, DIRECTIONS
from onnxtaylor.graph.ports import Port
from onnxtaylor.graph.prune import prune
from onnxtaylor.graph.rename import unused_stem

__all__ = ["Dims", "Side", "Vectors"]

Dims = list[int | str | None]


@dataclass(frozen=True)
class Side:
    """An input or output of the model, and the ``sizes`` that it has for one event."""

    port: Port
    sizes: tuple[int, ...]

    @property
    def size(self) -> int:
        """Numbers per event."""
        return prod(self.sizes)

    @property
    def shape(self) -> Dims:
        """The whole shape, with the symbol of a free batch."""
        dims: Dims = list(self.sizes)
        if not self.is_batchless:
            axis = self.port.batch_axis or 0
            dims.insert(axis, (self.port.shape or ("N",))[axis] or "N")
        return dims

    @property
    def is_batchless(self) -> bool:
        """Whether the model's tensor holds one event, without an axis of events."""
        return self.port.shape is not None and len(self.sizes) == len(self.port.shape)


class Vectors:
    """Adds inputs and outputs to a graph that computes with rows (L, N, size)."""

    def __init__(self, proto: onnx.ModelProto, *, casadi: bool) -> None:
        self._proto, self._graph, self._casadi = proto, proto.graph, casadi
        self._stem, self._count = unused_stem(proto.graph, "vectors"), 0
        response = proto.graph.output[0]
        self.response = response.name
        self.responses = int(response.type.tensor_type.shape.dim[1].dim_value)
        self._kind = response.type.tensor_type.elem_type
        self._front: list[onnx.NodeProto] = []
        self._back: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, dims: Dims, inner: str, *, lift: bool = False) -> None:
        """An input that is the inner tensor, or, with ``lift``, all of it but an axis in front."""
        self._inputs.append(helper.make_tensor_value_info(name, self._kind, dims))
        if lift:
            self._node(self._front, "Unsqueeze", [name, self._constant([0])], inner)
        else:
            self._node(self._front, "Identity", [name], inner)

    def output(self, inner: str, name: str, dims: Dims) -> None:
        """An output that is the inner tensor."""
        self._outputs.append(helper.make_tensor_value_info(name, self._kind, dims))
        self._node(self._back, "Identity", [inner], name)

    def inputs(
        self, inner: str, groups: Sequence[tuple[str, Sequence[Side]]], lead: str = ""
    ) -> None:
        """Inputs with the vectors of sides, side by side in the inner tensor (L, N, Σ size)."""
        parts = []
        for prefix, sides in groups:
            for side in sides:
                name = f"{prefix}{side.port.name}"
                dims = self._dims(side, lead)
                self._inputs.append(helper.make_tensor_value_info(name, side.port.type, dims))
                parts.append(self._row(name, side))
        if len(parts) > 1:
            self._node(self._front, "Concat", parts, inner, axis=2)
        else:
            self._node(self._front, "Identity", parts, inner)

    def outputs(
        self,
        inner: str,
        prefix: str,
        sides: Sequence[Side],
        *,
        single: bool = False,
        lead: str = "",
    ) -> None:
        """Outputs cut out of an inner tensor (L, N, Σ size), or, ``single``, (1, N, Σ size)."""
        parts = [inner]
        if len(sides) > 1:
            parts = [self._name() for _ in sides]
            sizes = self._constant([side.size for side in sides])
            node = helper.make_node("Split", [inner, sizes], parts, name=parts[0], axis=2)
            self._back.append(node)
        for part, side in zip(parts, sides, strict=True):
            name = f"{prefix}{side.port.name}"
            dims = side.shape if single else self._dims(side, lead)
            self._outputs.append(helper.make_tensor_value_info(name, side.port.type, dims))
            shaped = self._single(part, side) if single else self._shaped(part, side)
            self._node(self._back, "Identity", [self._cast(shaped, side)], name)

    def unsqueezed(self, name: str) -> str:
        """A tensor with an axis in front."""
        return self._node(self._back, "Unsqueeze", [name, self._constant([0])])

    def finished(self) -> onnx.ModelProto:
        """The model."""
        graph = self._graph
        fed = [i for i in graph.input if i.name not in (ADJOINTS, DIRECTIONS)]
        inputs = [onnx.ValueInfoProto.FromString(i.SerializeToString()) for i in fed]
        nodes = [*self._front, *graph.node, *self._back]
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:], graph.input[:], graph.output[:]
        graph.node.extend(nodes)
        graph.output.extend(self._outputs)
        prune(graph, [info.name for info in self._outputs])
        del graph.input[:]
        graph.input.extend([*inputs, *self._inputs])
        self._proto.producer_name = "onnxtaylor"
        return self._proto

    def _dims(self, side: Side, lead: str) -> Dims:
        """The shape of a side's vectors."""
        if not self._casadi:
            return ["L", *side.shape]
        lead = lead or "nfwd"
        shape, one = side.shape, lead == "1"
        if len(shape) == 2:
            r, c = shape
            return [r, c] if one else [r, lead if c == 1 else f"{lead}_x{c}"]
        known = [d for d in shape if isinstance(d, int)]
        free = next((d for d in shape if not isinstance(d, int)), None)
        rows: int | str | None = prod(known)
        if free is not None:
            rows = free if rows == 1 else f"{free}_x{rows}"
        return [rows, 1 if one else lead]

    def _row(self, name: str, side: Side) -> str:
        """The vectors of an input as (L, N, size)."""
        front, rank, size = self._front, len(side.shape), side.size
        if side.port.type != self._kind:
            name = self._node(front, "Cast", [name], to=self._kind)
        if self._casadi and rank == 2:
            columns = side.shape[1]
            split = self._constant([0, -1, columns if isinstance(columns, int) else size])
            name = self._node(front, "Reshape", [name, split])
            name = self._node(front, "Transpose", [name], perm=[1, 0, 2])
        elif self._casadi:
            name = self._node(front, "Transpose", [name], perm=[1, 0])
        elif side.port.batch_axis and not side.is_batchless:
            axis = side.port.batch_axis
            order = [axis, *(k for k in range(rank) if k != axis)]
            name = self._node(front, "Transpose", [name], perm=[0, *(k + 1 for k in order)])
        if self._casadi or rank != 2 or side.is_batchless:
            name = self._node(front, "Reshape", [name, self._constant([0, -1, size])])
        return name

    def _shaped(self, name: str, side: Side) -> str:
        """A tensor (L, N, size) as the vectors of an output: the inverse of ``_row``."""
        back, rank = self._back, len(side.shape)
        if self._casadi and rank == 2:
            columns = side.shape[1]
            matrix = [0, -1, columns if isinstance(columns, int) else side.size]
            name = self._node(back, "Reshape", [name, self._constant(matrix)])
            name = self._node(back, "Transpose", [name], perm=[1, 0, 2])
            return self._node(back, "Reshape", [name, self._constant([0, -1])])
        if self._casadi:
            flat = self._node(back, "Reshape", [name, self._constant([0, -1])])
            return self._node(back, "Transpose", [flat], perm=[1, 0])
        if rank != 2 or side.is_batchless:
            shape = [0, *([] if side.is_batchless else [0]), *side.sizes]
            name = self._node(back, "Reshape", [name, self._constant(shape)])
        return self._turned(name, side, lead=1)

    def _single(self, name: str, side: Side) -> str:
        """A tensor (1, N, size) in the shape of the model's tensor."""
        shape = [*([] if side.is_batchless else [-1]), *side.sizes]
        shaped = self._node(self._back, "Reshape", [name, self._constant(shape)])
        return self._turned(shaped, side, lead=0)

    def _turned(self, name: str, side: Side, lead: int) -> str:
        """Moves the events behind ``lead`` axes to the axis where the model has them."""
        axis = side.port.batch_axis
        if not axis or side.is_batchless:
            return name
        order = list(range(1, len(side.shape)))
        order.insert(axis, 0)
        perm = [*range(lead), *(k + lead for k in order)]
        return self._node(self._back, "Transpose", [name], perm=perm)

    def _cast(self, name: str, side: Side) -> str:
        if side.port.type == self._kind:
            return name
        return self._node(self._back, "Cast", [name], to=side.port.type)

    def _node(
        self,
        nodes: list[onnx.NodeProto],
        kind: str,
        inputs: Sequence[str],
        output: str = "",
        **attributes: Any,
    ) -> str:
        output = output or self._name()
        nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def _constant(self, values: Sequence[int]) -> str:
        name = self._name()
        self._graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def _name(self) -> str:
        self._count += 1
        return f"{self._stem}/{self._count}"
