"""Number formats in which the entries of an input arrive: its own, and those it is cast to.

Exporters of half precision often keep inputs in single precision and cast them first: what counts
for the data is the narrowest format between the input and the first operator that computes.
"""

from __future__ import annotations

import onnx

from onnxtaylor.graph.moving import MOVING
from onnxtaylor.graph.ports import FLOATS, Port

__all__ = ["input_formats"]

# operators that may come before the first one that computes; Cast is looked at by itself
PASSING = MOVING | {
    *("Concat", "Dropout", "Expand", "GatherElements", "GatherND", "Pad", "Split", "Tile")
}


def input_formats(graph: onnx.GraphProto, port: Port) -> frozenset[str]:
    """Returns the floating-point formats that an input has or is cast to before anything else.

    Empty for inputs of whole numbers that are used as such.
    """
    formats = {FLOATS[port.type]} if port.type in FLOATS else set()
    moved = {port.name}
    for node in graph.node:
        if not moved.intersection(node.input[:1] if node.op_type != "Concat" else node.input):
            continue
        if node.op_type == "Cast":
            to = next((int(a.i) for a in node.attribute if a.name == "to"), 0)
            if to not in FLOATS:
                continue
            formats.add(FLOATS[to])
        elif node.op_type not in PASSING or node.domain not in ("", "ai.onnx"):
            continue
        moved.update(node.output)
    return frozenset(formats)
