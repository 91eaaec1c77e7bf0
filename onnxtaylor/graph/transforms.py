"""Transforms of a specification inside the graph: the fed row then has the raw variables.

    value = min(max((x − subtract)·scale, lower), upper)

for each entry of the row, so that whatever sees the function, derivatives, steps and σ, is in units
of the raw variable, and a clipped entry has slope 0.
"""

from __future__ import annotations

from onnx import helper

from onnxtaylor.graph.builder import Builder
from onnxtaylor.graph.choose import Choice
from onnxtaylor.graph.layout import Layout
from onnxtaylor.inputs.expanded import row_transforms

__all__ = ["transform_row"]


def transform_row(builder: Builder, choice: Choice, layout: Layout, row: str, feed: int) -> str:
    """Writes the transforms of the features; returns the name of the row that the model takes.

    ``row`` is that of the raw features, of the element type ``feed``. It is returned where nothing
    is transformed, or where transforms are not to be expanded.
    """
    specification = choice.specification
    if specification is None or not specification.expand_transforms:
        return row
    inputs = [specification.input(port.name) for port in choice.features]
    moved = row_transforms(inputs, layout.sizes[: len(inputs)])
    kind = helper.tensor_dtype_to_np_dtype(feed)
    steps = [
        ("Sub", moved.subtract, moved.subtract != 0.0),
        ("Mul", moved.scale, moved.scale != 1.0),
        ("Max", moved.lower, moved.lower > -float("inf")),
        ("Min", moved.upper, moved.upper < float("inf")),
    ]
    for operator, numbers, acts in steps:
        if acts.any():
            row = builder.node(operator, [row, builder.constant(numbers.astype(kind)[None])])
    return row
