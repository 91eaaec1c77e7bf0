"""Convolutions with constant weights: linear, and each the other's transpose.

A bundle's leading axis is merged into the batch, (L, N, …) as (L·N, …), so that one call of the
operator serves all its tangents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onnxtaylor.rules.bundle import Bundle, Shape
from onnxtaylor.rules.places import refused
from onnxtaylor.rules.rule import Bundles, Context, Node, register
from onnxtaylor.rules.structure import _first
from onnxtaylor.rules.verbs import Linear

__all__ = ["Window", "images", "window"]


@dataclass(frozen=True)
class Window:
    """Along each axis of an image: size, steps, spacing of the window, padding before and behind.

    ``kernel`` d(k − 1) + 1 wide, moved in steps of s over the image and ``begin`` before it.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begin: tuple[int, ...]
    end: tuple[int, ...]

    def widths(self) -> list[int]:
        """d(k − 1) + 1."""
        return [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]

    def covered(self, steps: Shape) -> list[int]:
        """What so many steps reach from the first element of the image on."""
        lines = zip(steps, self.strides, self.widths(), self.begin, strict=True)
        return [s * (n - 1) + width - begin for n, s, width, begin in lines]


def images(c: Context, node: Node, name: str) -> Shape:
    """The sizes of images [N, channels, …]. Raises ModelError where events lie elsewhere."""
    shape = c.shape(name)
    if len(shape) < 3 or shape[0] >= 0 or any(d < 0 for d in shape[1:]):
        raise refused(node, "its events do not lie along the first axis")
    return shape[2:]


def window(c: Context, node: Node, kernel: Shape, image: Shape, steps: Shape) -> Window:
    """The window that goes over an image in so many steps, with automatic padding worked out."""
    rank = len(kernel)
    strides = tuple(node.get("strides") or [1] * rank)
    dilations = tuple(node.get("dilations") or [1] * rank)
    pads = list(node.get("pads") or [0] * (2 * rank))
    auto = node.get("auto_pad", b"NOTSET").decode()
    if auto != "NOTSET":
        bare = Window(kernel, strides, dilations, (0,) * rank, (0,) * rank)
        short = [max(a - b, 0) for a, b in zip(bare.covered(steps), image, strict=True)]
        if auto == "VALID":
            short = [0] * rank
        front = [(s + (auto == "SAME_LOWER")) // 2 for s in short]
        pads = [*front, *(s - f for s, f in zip(short, front, strict=True))]
    return Window(kernel, strides, dilations, tuple(pads[:rank]), tuple(pads[rank:]))


def _merged(c: Context, bundle: Bundle) -> str:
    """(L, N, …) as (L·N, …)."""
    return c.e.op("Reshape", bundle.name, c.e.constant([-1, *bundle.shape[1:]]))


def _unmerged(c: Context, name: str, bundle: Bundle, shape: Shape) -> Bundle:
    found = bundle.renamed("", shape)
    return found.renamed(c.e.op("Reshape", name, c.e.constant(found.target)))


def _convolved(c: Context, node: Node, b: Bundle, w: Window, end: Shape, shape: Shape) -> Bundle:
    """Σ over the window of weights times image."""
    name = c.e.op(
        "Conv",
        _merged(c, b),
        node.inputs[1],
        kernel_shape=list(w.kernel),
        strides=list(w.strides),
        dilations=list(w.dilations),
        pads=[*w.begin, *end],
        group=int(node.get("group", 1)),
    )
    return _unmerged(c, name, b, shape)


def _spread(c: Context, node: Node, b: Bundle, w: Window, shape: Shape) -> Bundle:
    """The transpose: each element times the weights, added over its window, cut to the image."""
    over = [have - want for have, want in zip(w.covered(b.shape[2:]), shape[2:], strict=True)]
    name = c.e.op(
        "ConvTranspose",
        _merged(c, b),
        node.inputs[1],
        kernel_shape=list(w.kernel),
        strides=list(w.strides),
        dilations=list(w.dilations),
        pads=[*w.begin, *(max(o, 0) for o in over)],
        output_padding=[max(-o, 0) for o in over],
        group=int(node.get("group", 1)),
    )
    return _unmerged(c, name, b, shape)


@dataclass(frozen=True)
class _Convolution(Linear):
    """A linear rule that refuses weights made of the data."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = A ẋ."""
        if any(t is not None for t in tangents[1:]):
            raise refused(node, "its weights depend on the data")
        return super().jvp(c, node, tangents)

    def vjp(self, c: Context, node: Node, adjoints: Bundles, wanted: Sequence[bool]) -> Bundles:
        """x̄ = Aᵀ ȳ."""
        if any(wanted[1:]):
            raise refused(node, "its weights depend on the data")
        return super().vjp(c, node, adjoints, wanted)


def _conv_window(c: Context, node: Node) -> Window:
    x, y = (images(c, node, name) for name in (node.inputs[0], node.outputs[0]))
    return window(c, node, c.shape(node.inputs[1])[2:], x, y)


def _conv(c: Context, node: Node, t: Bundle) -> Bundles:
    w = _conv_window(c, node)
    return [_convolved(c, node, t, w, w.end, c.shape(node.outputs[0]))]


def _unconv(c: Context, node: Node, adjoints: Bundles) -> Bundle:
    a = _first(adjoints)
    return _spread(c, node, a, _conv_window(c, node), c.shape(node.inputs[0]))


def _transpose_window(c: Context, node: Node) -> Window:
    """As for a convolution from output to input, with the padding worked out from their sizes."""
    x, y = (images(c, node, name) for name in (node.inputs[0], node.outputs[0]))
    w = window(c, node, c.shape(node.inputs[1])[2:], y, x)
    auto = node.get("auto_pad", b"NOTSET").decode()
    if node.get("output_shape") is not None or auto.startswith("SAME"):
        extra = node.get("output_padding") or [0] * len(x)
        bare = Window(w.kernel, w.strides, w.dilations, (0,) * len(x), (0,) * len(x))
        over = [max(o + e - n, 0) for o, e, n in zip(bare.covered(x), extra, y, strict=True)]
        begin = [o // 2 if auto == "SAME_UPPER" else o - o // 2 for o in over]
        end = np.subtract(over, begin)
        w = Window(w.kernel, w.strides, w.dilations, tuple(begin), tuple(int(k) for k in end))
    return w


def _conv_transpose(c: Context, node: Node, t: Bundle) -> Bundles:
    return [_spread(c, node, t, _transpose_window(c, node), c.shape(node.outputs[0]))]


def _unconv_transpose(c: Context, node: Node, adjoints: Bundles) -> Bundle:
    """The image is padded behind until the window makes as many steps as there are elements."""
    a, w, shape = _first(adjoints), _transpose_window(c, node), c.shape(node.inputs[0])
    end = [have - n for have, n in zip(w.covered(shape[2:]), a.shape[2:], strict=True)]
    # what lies behind the last step is not reached: a step that does not fit is not made
    return _convolved(c, node, a, w, tuple(max(k, 0) for k in end), shape)


register("Conv", _Convolution(_conv, _unconv))
register("ConvTranspose", _Convolution(_conv_transpose, _unconv_transpose))
