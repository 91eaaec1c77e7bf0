"""Replaces operators that read images between their elements by Floor, GatherElements and products.

At a place p along an axis let k = ⌊p⌋ and t = p − k. Linear interpolation gives element k the
weight 1 − t and element k + 1 the weight t; cubic interpolation gives four elements the weights of
Keys' kernel with a = −¾. Along several axes weights are multiplied.

GridSample   at places that a grid says, as −1 … 1 from end to end of the image
DeformConv   a convolution whose places are moved by offsets
RoiAlign     in boxes, each the mean or the largest of places inside it

Places may depend on the event: derivatives pass through t, and ⌊p⌋ has a joint where p is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from onnxtaylor.graph.normalize.writer import Attributes, Writer, axes, format_of

__all__ = ["SAMPLED"]

KEYS = -0.75  # a of the cubic kernel


Near = tuple[str, str]  # the number of an element along an axis, and its weight


class _Sampler:
    """Interpolation in images of given sizes, in one number format."""

    def __init__(self, w: Writer, dtype: npt.DTypeLike, sizes: Sequence[int]) -> None:
        self.w, self._dtype, self._sizes = w, dtype, sizes

    def number(self, value: float) -> str:
        """Writes a number in the format of the images."""
        return self.w.constant(np.array(value, self._dtype))

    def clipped(self, x: str, axis: int) -> str:
        """Moves places outside the image to its nearest element."""
        return self.w.op("Clip", x, self.number(0), self.number(self._sizes[axis] - 1))

    def linear(self, p: str) -> list[Near]:
        """The two elements around a place, each with its weight."""
        w, k = self.w, self.w.op("Floor", p)
        t, one = w.op("Sub", p, k), self.number(1)
        return [(k, w.op("Sub", one, t)), (w.op("Add", k, one), t)]

    def cubic(self, p: str) -> list[Near]:
        """The four elements around a place: weights are cubic in their distance."""
        w, k = self.w, self.w.op("Floor", p)
        t = w.op("Sub", p, k)
        # in powers of t, lowest first
        powers = {
            -1: (0, KEYS, -2 * KEYS, KEYS),
            0: (1, 0, -(KEYS + 3), KEYS + 2),
            1: (0, -KEYS, 2 * KEYS + 3, -(KEYS + 2)),
            2: (0, 0, KEYS, -KEYS),
        }
        found = []
        for step, row in powers.items():
            weight = self.number(row[3])
            for factor in row[2::-1]:
                weight = w.op("Add", w.op("Mul", weight, t), self.number(factor))
            found.append((w.op("Add", k, self.number(step)) if step else k, weight))
        return found

    def existing(self, near: Near, axis: int) -> Near:
        """Gives elements outside the image the weight 0."""
        w, (number, weight) = self.w, near
        inside = w.op(
            "And",
            w.op("GreaterOrEqual", number, self.number(0)),
            w.op("LessOrEqual", number, self.number(self._sizes[axis] - 1)),
        )
        return self.clipped(number, axis), w.op("Where", inside, weight, self.number(0))

    def reflected(self, p: str, low: float, high: float) -> str:
        """Reflects places at both borders: high − |u − span| with u = (p − low) mod 2 span."""
        w, span = self.w, high - low
        u = w.op("Sub", p, self.number(low))
        turns = w.op("Floor", w.op("Div", u, self.number(2 * span)))
        u = w.op("Sub", u, w.op("Mul", turns, self.number(2 * span)))
        return w.op("Sub", self.number(high), w.op("Abs", w.op("Sub", u, self.number(span))))

    def flat(self, numbers: Sequence[str]) -> str:
        """Counts elements of the flattened image, as whole numbers."""
        w, total = self.w, ""
        for axis, number in enumerate(numbers):
            stride = prod(self._sizes[axis + 1 :])
            part = w.op("Mul", number, self.number(stride)) if stride > 1 else number
            total = w.op("Add", total, part) if total else part
        return w.op("Cast", total, to=TensorProto.INT64)

    def weight(self, weights: Sequence[str]) -> str:
        """Multiplies the weights along all axes."""
        total = weights[0]
        for other in weights[1:]:
            total = self.w.op("Mul", total, other)
        return total

    def sample(self, x: str, channels: int, near: Sequence[Sequence[Near]]) -> str:
        """Interpolates images (N, C, P) at places whose elements have shape (N, K) → (N, C, K)."""
        w, total = self.w, ""
        for chosen in product(*near):
            place = w.op("Unsqueeze", self.flat([number for number, _ in chosen]), axes(w, 1))
            if channels > 1:
                place = w.op("Expand", place, axes(w, 1, channels, 1))
            weight = self.weight([weight for _, weight in chosen])
            value = w.op("GatherElements", x, place, axis=2)
            part = w.op("Mul", value, w.op("Unsqueeze", weight, axes(w, 1)))
            total = w.op("Add", total, part) if total else part
        return total


def _known(*shapes: Sequence[int] | None) -> bool:
    """Whether all sizes but the first, the number of events, are known."""
    return all(shape is not None and min(shape[1:], default=1) > 0 for shape in shapes)


def _grid_sample(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    x, grid = node.input
    image, places, dtype = w.shape(x), w.shape(grid), format_of(w, node)
    if image is None or places is None or dtype is None or not _known(image, places):
        return None
    channels, sizes, count = image[1], image[2:], prod(places[1:-1])
    aligned = bool(a.get("align_corners", 0))
    mode, padding = (
        a.get(k, d).decode() for k, d in (("mode", b"linear"), ("padding_mode", b"zeros"))
    )
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    if len(sizes) != places[-1] or (aligned and padding == "reflection" and min(sizes) == 1):
        return None
    s = _Sampler(w, dtype, sizes)
    rows = w.op("Reshape", grid, axes(w, 0, count, len(sizes)))
    near = []
    for axis, size in enumerate(sizes):
        # the grid's last number is the place along the image's first axis
        p = w.op("Gather", rows, w.constant(np.int64(len(sizes) - 1 - axis)), axis=2)
        p = w.op("Add", p, s.number(1))
        p = w.op("Mul", p, s.number((size - 1) / 2 if aligned else size / 2))
        p = p if aligned else w.op("Sub", p, s.number(0.5))
        p = w.op("Round", p) if mode == "nearest" else p
        ends = (0.0, size - 1.0) if aligned else (-0.5, size - 0.5)
        around = _around(s, p, axis, mode, padding, ends)
        near.append(around)
    flat = w.op("Reshape", x, axes(w, 0, channels, prod(sizes)))
    found = s.sample(flat, channels, near)
    return w.op("Reshape", found, axes(w, 0, channels, *places[1:-1]))


def _around(
    s: _Sampler, p: str, axis: int, mode: str, padding: str, ends: tuple[float, float]
) -> list[Near]:
    """The elements around a place along an axis, with their weights; outside as padding says."""
    # as in onnxruntime and PyTorch, cubic interpolation moves the elements, not the place
    if padding == "border" and mode != "cubic":
        p = s.clipped(p, axis)
    elif padding == "reflection" and mode != "cubic":
        p = s.reflected(p, *ends)
    if mode == "nearest":
        near = [(p, s.w.op("Add", s.w.op("Mul", p, s.number(0)), s.number(1)))]
    else:
        near = s.cubic(p) if mode == "cubic" else s.linear(p)
    if padding == "zeros":
        return [s.existing(element, axis) for element in near]
    if padding == "reflection":
        near = [(s.reflected(number, *ends), weight) for number, weight in near]
    return [(s.clipped(number, axis), weight) for number, weight in near]


def _deform_conv(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    x, weight, offset, bias, mask = [*node.input, "", ""][:5]
    image, kernel, moves, dtype = w.shape(x), w.shape(weight), w.shape(offset), format_of(w, node)
    if image is None or kernel is None or moves is None or dtype is None or len(image) != 4:
        return None
    if not _known(image, kernel, moves) or kernel[0] <= 0:
        return None
    channels, sizes, steps = image[1], image[2:], moves[2:]
    groups, shared = int(a.get("group", 1)), int(a.get("offset_group", 1))
    points, count = prod(kernel[2:]), prod(steps)
    s = _Sampler(w, dtype, sizes)
    own = channels // shared
    rows = w.op("Reshape", offset, axes(w, 0, shared, points, 2, count))
    flat = w.op("Reshape", x, axes(w, 0, shared, own, prod(sizes)))
    factors = w.op("Reshape", mask, axes(w, 0, shared, points * count)) if mask else ""
    parts = []
    for part in range(shared):
        number = w.constant(np.int64(part))
        near = []
        for axis, base in enumerate(_kernel_places(a, kernel[2:], steps)):
            moved = w.op("Gather", rows, number, axis=1)
            moved = w.op("Gather", moved, w.constant(np.int64(axis)), axis=2)
            p = w.op("Add", moved, w.constant(base.astype(dtype)))
            p = w.op("Reshape", p, axes(w, 0, points * count))
            near.append([s.existing(element, axis) for element in s.linear(p)])
        found = s.sample(w.op("Gather", flat, number, axis=1), own, near)
        if factors:
            factor = w.op("Unsqueeze", w.op("Gather", factors, number, axis=1), axes(w, 1))
            found = w.op("Mul", found, factor)
        parts.append(found)
    whole = w.op("Concat", *parts, axis=1) if shared > 1 else parts[0]
    inner = channels // groups * points
    columns = w.op("Reshape", whole, axes(w, 0, groups, inner, count))
    matrix = w.op("Reshape", weight, axes(w, groups, kernel[0] // groups, inner))
    result = w.op("Reshape", w.op("MatMul", matrix, columns), axes(w, 0, kernel[0], *steps))
    if bias:
        result = w.op("Add", result, w.op("Unsqueeze", bias, axes(w, 1, 2)))
    return result


def _kernel_places(
    a: Attributes, kernel: Sequence[int], steps: Sequence[int]
) -> list[npt.NDArray[np.float64]]:
    """The places of a kernel's points at each step, (points, steps), along both axes."""
    strides, spread = (a.get(k) or [1, 1] for k in ("strides", "dilations"))
    pads = a.get("pads") or [0, 0, 0, 0]
    lines = [
        np.arange(kernel[d])[:, None] * float(spread[d])
        + np.arange(steps[d]) * strides[d]
        - pads[d]
        for d in range(2)
    ]
    shape = (*kernel, *steps)
    rows = np.broadcast_to(lines[0][:, None, :, None], shape)
    columns = np.broadcast_to(lines[1][None, :, None, :], shape)
    return [p.reshape(prod(kernel), prod(steps)) for p in (rows, columns)]


def _roi_align(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """Each box reads its own image: rows (N·H·W, C) of all images are gathered."""
    x, boxes, images = node.input
    image, dtype = w.shape(x), format_of(w, node)
    ratio, height, width = (int(a.get(k, d)) for k, d in zip(ROI, (0, 1, 1), strict=True))
    if image is None or dtype is None or not _known(image) or ratio < 1:
        return None
    channels, sizes, bins = image[1], image[2:], (height, width)
    s = _Sampler(w, dtype, sizes)
    half = a.get("coordinate_transformation_mode", b"half_pixel") == b"half_pixel"
    scaled = w.op("Mul", boxes, s.number(float(a.get("spatial_scale", 1.0))))
    scaled = w.op("Sub", scaled, s.number(0.5)) if half else scaled
    near, lines = [], []
    for axis in range(2):
        begin, end = (w.op("Gather", scaled, axes(w, 1 - axis + far), axis=1) for far in (0, 2))
        extent = w.op("Sub", end, begin)
        extent = extent if half else w.op("Max", extent, s.number(1))
        # (bins · ratio) equal steps, whose middles are read
        middles = (np.arange(bins[axis] * ratio) + 0.5) / (bins[axis] * ratio)
        p = w.op("Add", begin, w.op("Mul", extent, w.constant(middles[None].astype(dtype))))
        inside = w.op(
            "And",
            w.op("GreaterOrEqual", p, s.number(-1)),
            w.op("LessOrEqual", p, s.number(sizes[axis])),
        )
        turned = axes(w, 2 if axis == 0 else 1)
        lines.append(w.op("Unsqueeze", inside, turned))
        around = s.linear(s.clipped(p, axis))
        near.append(
            [
                (
                    w.op("Unsqueeze", s.clipped(number, axis), turned),
                    w.op("Unsqueeze", weight, turned),
                )
                for number, weight in around
            ]
        )
    inside = w.op("Unsqueeze", w.op("And", *lines), axes(w, 3))
    table = w.op("Transpose", x, perm=[0, 2, 3, 1])
    table = w.op("Reshape", table, axes(w, -1, channels))
    first = w.op("Mul", images, w.constant(np.int64(prod(sizes))))
    first = w.op("Unsqueeze", first, axes(w, 1, 2))
    read = []
    for chosen in product(*near):
        place = w.op("Add", s.flat([number for number, _ in chosen]), first)
        weight = w.op("Unsqueeze", s.weight([weight for _, weight in chosen]), axes(w, 3))
        value = w.op("Mul", w.op("Gather", table, place, axis=0), weight)
        read.append(w.op("Where", inside, value, s.number(0)))
    largest = a.get("mode", b"avg") == b"max"
    total = read[0]
    for other in read[1:]:
        total = w.op("Max" if largest else "Add", total, other)
    shape = axes(w, 0, height, ratio, width, ratio, channels)
    kind = "ReduceMax" if largest else "ReduceMean"
    pooled = w.op(kind, w.op("Reshape", total, shape), axes(w, 2, 4), keepdims=0)
    return w.op("Transpose", pooled, perm=[0, 3, 1, 2])


ROI = ("sampling_ratio", "output_height", "output_width")

SAMPLED: dict[str, Callable[[Writer, onnx.NodeProto, Attributes], str | None]] = {
    "GridSample": _grid_sample,
    "DeformConv": _deform_conv,
    "RoiAlign": _roi_align,
}
