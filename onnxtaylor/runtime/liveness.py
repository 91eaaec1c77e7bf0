"""Peak memory of a graph, from the lives of its tensors in the order in which onnxruntime runs.

A tensor lives from the node that computes it until the last node that reads it. onnxruntime runs
nodes in the order of a depth-first search from the last output back, frees a tensor after its last
reader, and lets

- Reshape, Squeeze, Unsqueeze, Flatten and Identity return the memory of their input;
- some operators (``IN_PLACE``, found by measurement) write into an input that ends with them and
  has the same size; sums and products do not;
- Where holds one more tensor of its output's size while it runs;
- MatMul read a transposed matrix in place, where Transpose swaps its last two axes (only with its
  optimizers, ``fused``).

Sizes are bytes a + b·E for E events, from the shapes for two numbers of events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.runtime.shapes import shapes_of_feeds, tensor_shapes

__all__ = ["Liveness", "execution_order", "peak_bytes"]

VIEWS = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"})
IN_PLACE = frozenset(
    [
        "Celu",
        "Clip",
        "Elu",
        "HardSigmoid",
        "LeakyRelu",
        "LogSoftmax",
        "Relu",
        "Selu",
        "Sigmoid",
        "Softmax",
        "Softplus",
        "Softsign",
        "Tanh",
        "ThresholdedRelu",
    ]
)
SCRATCH = frozenset({"Where"})  # two terms are computed before they are added
OBSERVED = (2, 3)  # events, which give a + b·E


@dataclass(frozen=True)
class Liveness:
    """Memory of a graph's tensors while it runs.

    Attributes
    ----------
    constants
        Bytes of its constants.
    fixed, by_event
        Bytes that are alive while each node runs, (S,): ``fixed`` and, for every event,
        ``by_event``. Inputs are not counted, outputs are until the end.
    unknown
        Number of tensors whose size is an estimate.
    """

    constants: int
    fixed: npt.NDArray[np.int64]
    by_event: npt.NDArray[np.int64]
    unknown: int = 0

    @classmethod
    def of(cls, proto: onnx.ModelProto, *, fused: bool = True) -> Liveness:
        """Plans a graph; ``fused`` where onnxruntime's optimizers are used."""
        few, more = (tensor_shapes(proto, shapes_of_feeds(proto, e)) for e in OBSERVED)
        constants = {tensor.name for tensor in proto.graph.initializer}
        held = sum(few[name].bytes for name in constants)
        order = execution_order(proto.graph, fused=fused)
        lives = _Lives(proto.graph, order, {k: v.bytes for k, v in few.items()}, fused=fused)
        steps = len(order)
        fixed, by_event = np.zeros(steps + 1, np.int64), np.zeros(steps + 1, np.int64)
        scratch = [(name, (step, step)) for name, step in lives.scratch]
        for name, (begin, end) in (*lives.spans.items(), *scratch):
            two, three = (s[name].bytes if name in s else 0 for s in (few, more))
            slope = max(0, three - two)
            base = two - OBSERVED[0] * slope
            for table, size in ((fixed, base), (by_event, slope)):
                table[begin] += size
                table[end + 1] -= size
        unknown = sum(not few[name].known for name in lives.spans if name in few)
        return cls(held, np.cumsum(fixed)[:-1], np.cumsum(by_event)[:-1], unknown)

    def peak(self, events: int) -> int:
        """Computes the largest number of bytes alive at a time, constants included."""
        alive = self.fixed + events * self.by_event
        return self.constants + int(alive.max(initial=0))


def peak_bytes(proto: onnx.ModelProto, events: int, *, fused: bool = True) -> int:
    """Plans the peak memory of a graph that runs at so many events, in bytes.

    Parameters
    ----------
    proto
        The model; axes of its inputs without a fixed length count events.
    events
        Number of events.
    fused
        Whether onnxruntime's optimizers are used.
    """
    return Liveness.of(proto, fused=fused).peak(events)


def execution_order(graph: onnx.GraphProto, *, fused: bool = False) -> list[int]:
    """Returns the numbers of the nodes in the order in which onnxruntime runs them.

    A depth-first search from the nodes that no other reads, the last one first, which enters the
    inputs of a node from the last node to the first one. Where optimizers ``fused`` a Transpose
    into a MatMul, that is a new node behind all others.
    """
    maker = {name: k for k, node in enumerate(graph.node) for name in node.output if name}
    inputs = [sorted({maker[i] for i in node.input if i in maker}) for node in graph.node]
    order = _search(inputs, list(range(len(graph.node))))
    if not fused:
        return order
    folded = _folded_transposes(graph.node)
    new = [k for k in order if not folded.keys().isdisjoint(graph.node[k].input)]
    rank = list(range(len(graph.node)))
    for place, k in enumerate(new):
        rank[k] = len(rank) + place
    return _search(inputs, rank)


def _search(inputs: Sequence[Sequence[int]], rank: Sequence[int]) -> list[int]:
    """Orders nodes by a depth-first search, those of high rank first, from those nobody reads."""
    read = {k for makers in inputs for k in makers}
    ends = sorted((k for k in range(len(inputs)) if k not in read), key=rank.__getitem__)
    stack = [(k, False) for k in ends]
    seen: set[int] = set()
    order: list[int] = []
    while stack:
        node, leave = stack.pop()
        if leave:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            makers = sorted(inputs[node], key=rank.__getitem__)
            stack.extend((k, False) for k in makers if k not in seen)
    return order


class _Lives:
    """Spans of steps (first, last) in which buffers are alive, ``spans``, by a tensor's name.

    ``scratch`` are the outputs that take as much again in one step, and that step.
    """

    def __init__(
        self,
        graph: onnx.GraphProto,
        order: Sequence[int],
        sizes: dict[str, int],
        *,
        fused: bool,
    ) -> None:
        self.spans: dict[str, tuple[int, int]] = {}
        self._sizes, self._owner = sizes, dict[str, str]()
        nodes = [graph.node[k] for k in order]
        self._last: dict[str, int] = {}
        for step, node in enumerate(nodes):
            self._last.update(dict.fromkeys(filter(None, node.input), step))
        self._end = len(nodes) - 1
        self._kept = {output.name for output in graph.output}
        self._last.update(dict.fromkeys(self._kept, self._end))
        skipped = _folded_transposes(nodes) if fused else {}
        begin: dict[str, int] = {}
        self._until: dict[str, int] = {}  # the last reader of a buffer, by any of its names
        for step, node in enumerate(nodes):
            for name in filter(None, node.output):
                owner = self._shared(node, name, step, skipped) or name
                begin.setdefault(owner, step)
                self._owner[name] = owner
                self._until[owner] = max(self._until.get(owner, step), self._last.get(name, step))
        self.spans = {name: (start, self._until[name]) for name, start in begin.items()}
        self.scratch = [(n.output[0], k) for k, n in enumerate(nodes) if n.op_type in SCRATCH]

    def _shared(
        self, node: onnx.NodeProto, name: str, step: int, skipped: dict[str, str]
    ) -> str | None:
        """Returns the buffer that a node's output shares; None where it gets its own."""
        if name in skipped:
            return self._owner.get(skipped[name])  # None where a constant is transposed
        if node.op_type in VIEWS and name not in self._kept:
            return self._owner.get(node.input[0])
        if node.op_type not in IN_PLACE or name in self._kept:
            return None
        for i in node.input[:2]:
            owner = self._owner.get(i)
            if owner is None or i in self._kept or self._until[owner] != step:
                continue
            if self._sizes.get(owner) == self._sizes.get(name):
                return owner
        return None


def _folded_transposes(nodes: Sequence[onnx.NodeProto]) -> dict[str, str]:
    """Finds transposed matrices that only MatMul reads: name → name of what is transposed."""
    readers: dict[str, set[str]] = {}
    for node in nodes:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    found = {}
    for node in nodes:
        if node.op_type == "Transpose" and readers.get(node.output[0]) == {"MatMul"}:
            perm = next((list(a.ints) for a in node.attribute if a.name == "perm"), [])
            if len(perm) >= 2 and perm == [*range(len(perm) - 2), len(perm) - 1, len(perm) - 2]:
                found[node.output[0]] = node.input[0]
    return found
