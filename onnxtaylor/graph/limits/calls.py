"""Nodes of a model once all calls of its functions are written out: counted, not tried."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.limits.place import factor, way_out
from onnxtaylor.graph.prune import subgraphs

__all__ = ["require_few_nodes"]

MOST_NODES = 100_000
DEEPEST = 64  # functions that call functions

Call = tuple[str, str, str]


def require_few_nodes(proto: onnx.ModelProto, where: str) -> None:
    """Raises ModelError where functions call themselves, or the nodes are too many.

    Functions that call others several times, and these again others, are soon more nodes than fit
    into a memory.
    """
    counted = _Counted(proto, where)
    for function in proto.functions:  # also those that nothing calls: they are read, too
        counted.of_call((function.domain, function.name, function.overload), 1)
    count = counted.of_nodes(proto.graph.node, 0)
    most = MOST_NODES * factor()
    if count > most:
        written_out = "with its functions written out " if proto.functions else ""
        raise ModelError(
            f"{where}: {written_out}the model has {count:.6g} nodes, which is more than"
            f" {most:.0f}{way_out(count / MOST_NODES)}"
        )


class _Counted:
    """Numbers of nodes, each function counted once."""

    def __init__(self, proto: onnx.ModelProto, where: str) -> None:
        self._bodies: dict[Call, Sequence[onnx.NodeProto]] = {
            (f.domain, f.name, f.overload): f.node for f in proto.functions
        }
        self._sizes: dict[Call, int] = {}
        self._open: set[Call] = set()
        self._where = where

    def of_nodes(self, nodes: Sequence[onnx.NodeProto], depth: int) -> int:
        """Returns how many nodes some nodes become, subgraphs and functions included."""
        total = len(nodes)
        for node in nodes:
            if self._bodies:
                call = (node.domain, node.op_type, node.overload)
                if call in self._bodies:
                    total += self.of_call(call, depth + 1) - 1
            if node.attribute:
                total += sum(self.of_nodes(graph.node, depth) for graph in subgraphs(node))
        return total

    def of_call(self, call: Call, depth: int) -> int:
        """Returns how many nodes one call of a function becomes."""
        if call in self._open:
            raise ModelError(f"{self._where}: function '{printable(call[1])}' calls itself")
        if depth > DEEPEST:
            raise ModelError(
                f"{self._where}: function '{printable(call[1])}' is called by others, and these by"
                f" others again, more than {DEEPEST} deep"
            )
        if call not in self._sizes:
            self._open.add(call)
            self._sizes[call] = self.of_nodes(self._bodies[call], depth)
            self._open.remove(call)
        return self._sizes[call]
