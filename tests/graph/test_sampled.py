"""Operators that read between elements: onnxruntime's values, and derivatives by differences.

Differences are those of the operator itself, evaluated in double precision by onnxruntime, or by
ONNX's reference where that has no kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from onnxtaylor.graph.normalize.composite import expand_composite
from onnxtaylor.graph.normalize.upgrade import upgrade
from onnxtaylor.rules import RULES
from tests.graph.passes import kinds, run
from tests.rules.reference import differences, distance, response_of, terms

FEATURES = 3
Body = Callable[["Graph"], str]


class Graph:
    """A graph of three features, in whose middle is the operator."""

    def __init__(self, dtype: Any, opset: int = 21) -> None:
        self.dtype, self.opset = np.dtype(dtype), opset
        self.float = helper.np_dtype_to_tensor_dtype(self.dtype)
        self.nodes: list[onnx.NodeProto] = []
        self.stored: list[onnx.TensorProto] = []
        self.random = np.random.default_rng(3)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Any) -> str:
        array = np.asarray(value)
        name = f"c{len(self.stored)}"
        kept = array.astype(self.dtype) if array.dtype.kind == "f" else array
        self.stored.append(numpy_helper.from_array(np.asarray(kept, order="C"), name))
        return name

    def varying(self, *shape: int, low: float = -1.0, high: float = 1.0) -> str:
        """A smooth tensor [N, *shape] of the features, its elements between low and high."""
        size = int(np.prod(shape))
        weight = self.random.normal(size=(FEATURES, size))
        centre = self.random.uniform(-1.5, 1.5, size)
        inner = self.op("Add", self.op("MatMul", "x", self.constant(weight)), self.constant(centre))
        unit = self.op("Sigmoid", inner)
        scaled = self.op("Mul", unit, self.constant(high - low))
        row = self.op("Add", scaled, self.constant(low))
        return self.op("Reshape", row, self.constant(np.array([-1, *shape])))

    def fixed(self, *shape: int, low: float = -1.0, high: float = 1.0) -> str:
        """Numbers that are the same for all events, [N, *shape]."""
        whole = self.constant(self.random.uniform(low, high, (1, *shape)))
        count = self.op("Shape", "x", start=0, end=1)
        target = self.op("Concat", count, self.constant(np.ones(len(shape), np.int64)), axis=0)
        return self.op("Expand", whole, target)

    def model(self, output: str) -> onnx.ModelProto:
        y = self.op("Flatten", output, axis=1)
        graph = helper.make_graph(
            self.nodes,
            "sampled",
            [helper.make_tensor_value_info("x", self.float, ["N", FEATURES])],
            [helper.make_tensor_value_info(y, self.float, ["N", None])],
            self.stored,
        )
        sets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=sets, ir_version=10)


def grid(image: tuple[int, ...], places: tuple[int, ...], fixed: str = "", **given: Any) -> Body:
    """Places from beyond one end to beyond the other."""

    def body(g: Graph) -> str:
        x = (g.fixed if fixed == "image" else g.varying)(*image)
        make = g.fixed if fixed == "places" else g.varying
        return g.op("GridSample", x, make(*places, len(image) - 1, low=-1.6, high=1.6), **given)

    return body


def deformed(
    *, mask: bool = True, bias: bool = True, offsets: int = 1, fixed: bool = False, **given: Any
) -> Body:
    def body(g: Graph) -> str:
        x, groups = g.varying(4, 5, 4), given.get("group", 1)
        high = (5 + 2 * 1 - 2 * given.get("dilations", [1, 1])[0] - 1) // given["strides"][0] + 1
        wide = (4 - given.get("dilations", [1, 1])[1] - 1) // given["strides"][1] + 1
        points = offsets * 6
        shape = (2 * points, high, wide)
        # between elements, so that no place crosses one within a difference
        moves = (g.fixed if fixed else g.varying)(*shape, low=0.15, high=0.85)
        moves = g.op("Add", moves, g.constant(g.random.integers(-2, 2, shape) * 1.0))
        weight = g.constant(g.random.normal(size=(2, 4 // groups, 3, 2)))
        more = [g.constant(np.array([0.3, -0.2])) if bias else ""]
        more += [g.varying(points, high, wide, low=0.2, high=1.0)] if mask else []
        given.setdefault("pads", [1, 0, 1, 0])
        return g.op("DeformConv", x, weight, moves, *more, offset_group=offsets, **given)

    return body


def boxed(**given: Any) -> Body:
    """Two boxes in each event's image."""

    def body(g: Graph) -> str:
        g.opset = 16
        x = g.varying(2, 5, 6)
        corner = g.varying(2, 2, low=-0.5, high=2.0)
        size = g.varying(2, 2, low=1.5, high=4.0)
        boxes = g.op("Concat", corner, g.op("Add", corner, size), axis=2)
        rows = g.op("Reshape", boxes, g.constant(np.array([-1, 4])))
        count = g.op("Squeeze", g.op("Shape", "x", start=0, end=1), g.constant(np.array([0])))
        zero, one = (g.constant(np.array(k)) for k in (0, 1))
        events = g.op("Unsqueeze", g.op("Range", zero, count, one), g.constant(np.array([1])))
        images = g.op("Tile", events, g.constant(np.array([1, 2])))
        images = g.op("Reshape", images, g.constant(np.array([-1])))
        found = g.op("RoiAlign", x, rows, images, **given)
        return g.op("Reshape", found, g.constant(np.array([-1, 2 * 2 * 2 * 3])))

    return body


def running(axis: int, shape: tuple[int, ...], **given: int) -> Body:
    def body(g: Graph) -> str:
        g.opset = 26
        x = g.varying(*shape)
        # an element that is exactly 0 for all events
        keep = np.ones(shape)
        keep.reshape(-1)[1] = 0.0
        x = g.op("Mul", x, g.constant(keep))
        return g.op("CumProd", x, g.constant(np.array(axis)), **given)

    return body


CASES: dict[str, Body] = {
    **{
        f"{mode}, {padding}, aligned {aligned}": grid(
            (2, 4, 5), (3, 2), mode=mode, padding_mode=padding, align_corners=aligned
        )
        for mode in ("linear", "nearest", "cubic")
        for padding in ("zeros", "border", "reflection")
        for aligned in (0, 1)
    },
    **{
        f"volume, {mode}, {padding}": grid((1, 3, 2, 4), (2, 1, 2), mode=mode, padding_mode=padding)
        for mode in ("linear", "nearest")
        for padding in ("zeros", "border", "reflection")
    },
    "fixed places": grid((2, 4, 5), (3, 2), "places"),
    "fixed image": grid((2, 4, 5), (3, 2), "image", mode="cubic"),
    "deformed": deformed(strides=[1, 1]),
    "deformed in groups": deformed(strides=[2, 1], group=2, offsets=2),
    "deformed, two sets of offsets": deformed(strides=[1, 2], offsets=2, mask=False, bias=False),
    "deformed, spread": deformed(strides=[1, 1], dilations=[2, 1], bias=False),
    "deformed by fixed offsets": deformed(strides=[1, 1], fixed=True),
    **{
        f"boxes, {mode}, {where}": boxed(
            mode=mode, output_height=2, output_width=3, sampling_ratio=2, spatial_scale=0.9,
            coordinate_transformation_mode=where,
        )
        for mode in ("avg", "max")
        for where in ("half_pixel", "output_half_pixel")
    },
    "running products": running(1, (5,)),
    "running products, others before": running(2, (2, 5), exclusive=1),
    "running products from the end": running(-2, (6, 2), reverse=1),
    "running products of others behind": running(1, (4, 2), reverse=1, exclusive=1),
}  # fmt: skip


def events() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(40, FEATURES)) * 0.5


def built(name: str, dtype: Any) -> onnx.ModelProto:
    g = Graph(dtype)
    return g.model(CASES[name](g))


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_onnxruntime(name):
    proto, x = built(name, np.float32), events().astype(np.float32)
    after = expand_composite(upgrade(proto))
    onnx.checker.check_model(after)
    assert kinds(after) <= set(RULES)
    (wanted,), (found,) = run(proto, x), run(after, x)
    np.testing.assert_allclose(found, wanted, rtol=5e-5, atol=5e-6)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_agree_with_differences(name):
    """At the events beside which no place crosses an element: there two steps differ."""
    x, before = events(), built(name, np.float64)
    f = response_of(before)
    y, found = terms(expand_composite(upgrade(before)), x)
    wide, wanted = (differences(f, x, step) for step in (4e-3, 2e-3))
    assert distance(y, f(x)) < 1e-12
    smooth = np.array([distance(a, b, 1.0) < 1e-5 for a, b in zip(wide, wanted, strict=True)])
    assert smooth.sum() >= 4
    first = found[..., :FEATURES] - wanted[..., :FEATURES]
    second = found[..., FEATURES:] - wanted[..., FEATURES:]
    assert np.abs(first[smooth]).max() < 1e-9 * max(1.0, np.abs(wanted[smooth]).max())
    assert np.abs(second[smooth]).max() < 2e-7 * max(1.0, np.abs(wanted[smooth]).max())
    _, back = terms(expand_composite(upgrade(before)), x, 1)
    assert distance(back, found[..., :FEATURES]) < 1e-12
