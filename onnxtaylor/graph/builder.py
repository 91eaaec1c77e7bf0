"""Adds nodes and constants to a graph under names that it does not have yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.graph.prune import all_names

__all__ = ["Builder"]


class Builder:
    """Writer of nodes and constants into one graph, which it changes in place.

    Nodes that feed the graph must stand before the graph's own: they wait for ``close``.
    """

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.graph = proto.graph
        self._first: list[onnx.NodeProto] = []
        self._taken = all_names(proto.graph)
        self._count = 0

    def unused(self, name: str) -> str:
        """Returns a name that is unused in the graph: the given name, or the name with a number."""
        free, count = name, 0
        while free in self._taken:
            count += 1
            free = f"{name}/{count}"
        self._taken.add(free)
        return free

    def constant(self, value: npt.NDArray[np.generic]) -> str:
        """Adds a constant and returns its name."""
        name = self._name()
        self.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def node(
        self,
        kind: str,
        inputs: Sequence[str],
        *,
        output: str | None = None,
        last: bool = False,
        **attributes: Any,
    ) -> str:
        """Adds a node before the graph's own or (``last``) after them, and returns its output."""
        output = output or self._name()
        node = helper.make_node(kind, list(inputs), [output], name=output, **attributes)
        if last:
            self.graph.node.append(node)
        else:
            self._first.append(node)
        return output

    def close(self) -> None:
        """Puts the nodes that feed the graph before its own."""
        own = list(self.graph.node)
        del self.graph.node[:]
        self.graph.node.extend([*self._first, *own])
        self._first = []

    def _name(self) -> str:
        self._count += 1
        return self.unused(f"onnxtaylor/_{self._count}")
