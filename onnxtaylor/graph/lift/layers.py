"""Operators that have a batch axis B of their own: events and batch are merged, (N·B, …).

A graph of one event mostly has B = 1 there, but any B will do.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.graph.lift.lifter import Lifter, Rule, inputs_of
from onnxtaylor.graph.normalize.writer import Attributes

__all__ = ["RULES"]


def merged(both: int = 1) -> Rule:
    """Returns the rule for operators whose first ``both`` inputs have B as their first axis."""

    def rule(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
        context.require_shared(node, both)
        if a.get("training_mode", 0):
            raise ValueError("training_mode is set")
        if any(node.output[1:]):
            raise ValueError("its further outputs are read")
        images = [_merge(context, name) for name in node.input[:both]]
        inside = context.w.unused(f"{node.output[0]}/merged")
        context.inside(node, [*images, *node.input[both:]], [inside])
        result = context.reshaped(inside, context.shape(node.output[0]))
        context.finish(node, "Identity", result)

    return rule


def _merge(context: Lifter, name: str) -> str:
    """(N, B, …) → (N·B, …)."""
    shape = context.shape(name)
    if 0 in shape:
        raise ValueError(f"'{name}' is empty")
    return context.op("Reshape", context.everywhere(name), context.constant([-1, *shape[1:]]))


def resized(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Writes sizes as scales, which leave N·B as it is."""
    context.require_shared(node)
    x, region, scales, sizes = inputs_of(node, 4)
    before, after = context.shape(x), context.shape(node.output[0])
    factors: npt.NDArray[np.float32] = np.zeros(0, np.float32)
    if scales:
        factors = context.value(scales).astype(np.float32)
    if sizes and a.get("keep_aspect_ratio_policy", b"stretch") != b"stretch":
        raise ValueError("keep_aspect_ratio_policy is set")
    if sizes:
        factors = np.divide(after, before).astype(np.float32)
    elif a.get("axes") is not None:
        whole = np.ones(len(before), np.float32)
        whole[[int(axis) for axis in a["axes"]]] = factors
        factors = whole
    floor = np.floor(factors * np.array(before, np.float32)).astype(int)
    if factors[0] != 1 or tuple(floor) != after:
        raise ValueError("it changes its batch axis, or sizes that no scale leads to")
    if region and context.value(region).size:
        raise ValueError("it has a region of interest")
    given = {k: v for k, v in a.items() if k not in ("axes", "keep_aspect_ratio_policy")}
    image = _merge(context, x)
    inside = context.op("Resize", image, "", context.w.constant(factors), **given)
    context.finish(node, "Identity", context.reshaped(inside, after))


def recurrent(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Merges N with the batch at axis 1 of X (T, B, I) and the states (D, B, H)."""
    read = inputs_of(node, 8)
    if a.get("layout", 0):
        raise ValueError("layout=1 is not known")
    for place in (1, 2, 3, 4, 7):
        if context.is_lifted(read[place]):
            raise ValueError(f"'{read[place]}' must be the same for all events")
    batch = context.shape(read[0])[1]
    if read[4]:
        lengths = context.op("Expand", read[4], context.for_events([batch]))
        read[4] = context.op("Reshape", lengths, context.constant([-1]))
    for place in (0, 5, 6):
        if read[place]:
            first, _, width = context.shape(read[place])
            turned = context.op("Transpose", context.everywhere(read[place]), perm=[1, 0, 2, 3])
            read[place] = context.op("Reshape", turned, context.constant([first, -1, width]))
    while not read[-1]:
        read.pop()
    names = [name and context.w.unused(f"{name}/merged") for name in node.output]
    context.inside(node, read, names)
    for name, output in zip(names, node.output, strict=True):
        if not output:
            continue
        *before, _, width = context.shape(output)
        count = len(before)
        apart = context.op("Reshape", name, context.constant([*before, -1, batch, width]))
        perm = [count, *range(count), count + 1, count + 2]
        context.w.write("Transpose", [apart], output, perm=perm)


RULES: dict[str, Rule] = {
    "AveragePool": merged(),
    "BatchNormalization": merged(),
    "Conv": merged(),
    "ConvTranspose": merged(),
    "DepthToSpace": merged(),
    "GRU": recurrent,
    "GlobalAveragePool": merged(),
    "GlobalLpPool": merged(),
    "GlobalMaxPool": merged(),
    "GridSample": merged(2),
    "GroupNormalization": merged(),
    "InstanceNormalization": merged(),
    "LRN": merged(),
    "LSTM": recurrent,
    "LpPool": merged(),
    "MaxPool": merged(),
    "RNN": recurrent,
    "Resize": resized,
    "SpaceToDepth": merged(),
}
