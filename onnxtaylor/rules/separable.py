"""AveragePool and Resize: one matrix along each axis of an image.

y = x ×_1 M_1 ×_2 M_2 …, with matrices M_k (in, out) along axis k; x̄ takes their transposes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import floor
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.rules.bundle import Bundle
from onnxtaylor.rules.convolution import images, window
from onnxtaylor.rules.rule import Bundles, Context, Node, refusal, register
from onnxtaylor.rules.structure import first_of, transpose
from onnxtaylor.rules.verbs import Linear, linear

__all__: list[str] = []

Matrix = npt.NDArray[np.float64]
Matrices = Mapping[int, Matrix]


def multiply_axes(c: Context, bundle: Bundle, matrices: Matrices) -> Bundle:
    """Multiplies a bundle by one matrix (in, out) along each of some axes, the last axis first."""
    rank = len(bundle.shape)
    for axis in sorted(matrices, reverse=True):
        matrix = matrices[axis]
        shape = (*bundle.shape[:axis], matrix.shape[1], *bundle.shape[axis + 1 :])
        if axis == rank - 2:
            name = c.e.op("MatMul", c.e.constant(matrix.T), bundle.name)
            bundle = bundle.with_tensor(name, shape)
            continue
        order = [k for k in range(rank) if k != axis] + [axis]
        turned = bundle if axis == rank - 1 else transpose(c, bundle, order)
        name = c.e.op("MatMul", turned.name, c.e.constant(matrix))
        turned = turned.with_tensor(name, tuple(shape[k] for k in order))
        back = [int(k) for k in np.argsort(order)]
        bundle = turned if axis == rank - 1 else transpose(c, turned, back)
    return bundle


def _rule(matrices: Callable[[Context, Node], Matrices]) -> Linear:
    """The linear rule of an operator by its matrices."""

    def forward(c: Context, node: Node, t: Bundle) -> Bundles:
        return [multiply_axes(c, t, matrices(c, node))]

    def backward(c: Context, node: Node, adjoints: Bundles) -> Bundle:
        turned = {axis: m.T for axis, m in matrices(c, node).items()}
        return multiply_axes(c, first_of(adjoints), turned)

    return linear(forward, backward)


# --- averages ------------------------------------------------------------------------------------


def _averages(c: Context, node: Node) -> Matrices:
    """M_io = 1/(number of elements in window o) for elements i in window o, else 0."""
    image, steps = images(c, node, node.inputs[0]), images(c, node, node.outputs[0])
    w = window(c, node, tuple(node.get("kernel_shape")), image, steps)
    padded, matrices = bool(node.get("count_include_pad", 0)), {}
    for k, (size, count) in enumerate(zip(image, steps, strict=True)):
        offsets = w.dilations[k] * np.arange(w.kernel[k])
        places = w.strides[k] * np.arange(count)[:, None] - w.begin[k] + offsets
        inside = (places >= 0) & (places < size)
        counted = places < size + w.end[k] if padded else inside
        matrix = np.zeros((size, count))
        o, _ = np.nonzero(inside)
        np.add.at(matrix, (places[inside], o), 1.0)
        matrices[2 + k] = matrix / counted.sum(axis=1)
    return matrices


def _global_averages(c: Context, node: Node) -> Matrices:
    """M_i = 1/(size of the axis)."""
    sizes = images(c, node, node.inputs[0])
    return {2 + k: np.full((size, 1), 1.0 / size) for k, size in enumerate(sizes)}


# --- interpolations ------------------------------------------------------------------------------


def _text(node: Node, name: str, default: str) -> str:
    """An attribute that is text."""
    value = node.get(name, default.encode())
    return value.decode() if isinstance(value, bytes) else str(value)


def _place(mode: str, k: int, size: int, count: int, scale: float, roi: Any) -> float:
    """The position of output element k in the input, by ONNX's formula for each ``mode``."""
    if mode == "half_pixel":
        return (k + 0.5) / scale - 0.5
    if mode == "half_pixel_symmetric":
        adjusted = count / (scale * size)
        return size / 2 * (1 - adjusted) + (k + 0.5) / scale - 0.5
    if mode == "pytorch_half_pixel":
        return (k + 0.5) / scale - 0.5 if count > 1 else 0.0
    if mode == "align_corners":
        return k * (size - 1) / (count - 1) if count > 1 else 0.0
    if mode == "asymmetric":
        return k / scale
    start, end = roi  # tf_crop_and_resize
    if count > 1:
        return float(start * (size - 1) + k * (end - start) * (size - 1) / (count - 1))
    return float(0.5 * (start + end) * (size - 1))


def _nearest(place: float, mode: str) -> int:
    """The element nearest to a position, by ONNX's ``nearest_mode``."""
    if mode == "floor":
        return floor(place)
    if mode == "ceil":
        return -floor(-place)
    down = floor(place)
    if place - down == 0.5:
        return down if mode == "round_prefer_floor" else down + 1
    return floor(place + 0.5)


def _weights(node: Node, place: float) -> dict[int, float]:
    """Elements and their weights that make up the value at a position between them."""
    mode, down = _text(node, "mode", "nearest"), floor(place)
    part = place - down
    if mode == "nearest":
        return {_nearest(place, _text(node, "nearest_mode", "round_prefer_floor")): 1.0}
    if mode == "linear":
        return {down: 1.0 - part, down + 1: part}
    a = float(node.get("cubic_coeff_a", -0.75))

    def cubic(s: float) -> float:
        """Weight of an element at distance s (R. Keys, IEEE Trans. ASSP 29 (1981) 1153)."""
        s = abs(s)
        if s <= 1:
            return (a + 2) * s**3 - (a + 3) * s**2 + 1
        return a * s**3 - 5 * a * s**2 + 8 * a * s - 4 * a

    return {down + k: cubic(part - k) for k in range(-1, 3)}


def _interpolation(node: Node, size: int, count: int, scale: float, roi: Any) -> Matrix:
    """M_io: the weight of input element i in output element o.

    Positions outside the image take the element at its border, or count nothing with
    ``exclude_outside``.
    """
    matrix = np.zeros((size, count))
    mode = _text(node, "coordinate_transformation_mode", "half_pixel")
    outside = bool(node.get("exclude_outside", 0)) and _text(node, "mode", "nearest") == "cubic"
    for o in range(count):
        place = _place(mode, o, size, count, scale, roi)
        if mode == "tf_crop_and_resize" and not 0 <= place <= size - 1:
            continue  # a constant is filled in: weight 0
        for i, weight in _weights(node, place).items():
            if not outside or 0 <= i < size:
                matrix[min(max(i, 0), size - 1), o] += weight
    return matrix / matrix.sum(axis=0) if outside else matrix


def _resize(c: Context, node: Node) -> Matrices:
    """One matrix for each axis that the Resize changes."""
    shape, out = c.shape(node.inputs[0]), c.shape(node.outputs[0])
    if node.get("antialias", 0) or _text(node, "keep_aspect_ratio_policy", "stretch") != "stretch":
        raise refusal(node, "no derivative of antialias or keep_aspect_ratio_policy is known")
    axes = [a % len(shape) for a in node.get("axes") or range(len(shape))]
    given = c.value(node.input(2)) if node.input(2) else None
    if given is None and not node.input(3):
        raise refusal(node, "its scales depend on the data")
    roi = c.value(node.input(1)) if node.input(1) else None
    if roi is None or not roi.size:
        roi = np.array([0.0] * len(axes) + [1.0] * len(axes))
    matrices: dict[int, Matrix] = {}
    for k, axis in enumerate(axes):
        size, count = shape[axis], out[axis]
        scale = float(given[k]) if given is not None and given.size else count / size
        ends = (float(roi[k]), float(roi[k + len(axes)]))
        if size < 0 and (count != size or scale != 1.0):
            raise refusal(node, "it mixes the events of a batch")
        if size > 0:
            matrix = _interpolation(node, size, count, scale, ends)
            if matrix.shape[0] != matrix.shape[1] or not np.array_equal(matrix, np.eye(size)):
                matrices[axis] = matrix
    return matrices


register("AveragePool", _rule(_averages))
register("GlobalAveragePool", _rule(_global_averages))
register("Resize", _rule(_resize))
