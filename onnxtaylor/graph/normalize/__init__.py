"""Passes that bring a graph into the form that rules are written for; one per file.

``inline``   the model's own functions become their nodes
``upgrade``  the operators become those of one opset
``expand``   operators with an official function body and no rule become that body

Each takes and returns a ModelProto and leaves its values as they were, up to round-off.
"""

from collections.abc import Collection

import onnx

from onnxtaylor.graph.normalize.expand import expand
from onnxtaylor.graph.normalize.inline import inline
from onnxtaylor.graph.normalize.upgrade import OPSET, upgrade

__all__ = ["OPSET", "expand", "inline", "normalize", "upgrade"]


def normalize(proto: onnx.ModelProto, ruled: Collection[str]) -> onnx.ModelProto:
    """All passes in their order; ``ruled`` are the operators that need no expansion.

    Raises ModelError where a pass cannot serve the graph.
    """
    return expand(upgrade(inline(proto)), ruled)
