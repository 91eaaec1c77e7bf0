"""Conv and ConvTranspose with constant weights: linear, and each is the transpose of the other.

The leading axis of a bundle is merged into the batch, (L, N, …) as (L·N, …), so that one call of
the operator computes all its tangents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onnxtaylor.rules.bundle import Bundle, Shape, lead_size
from onnxtaylor.rules.rule import Bundles, Context, Node, refusal, register
from onnxtaylor.rules.structure import first_of
from onnxtaylor.rules.verbs import Linear

__all__ = ["Window", "images", "window"]


@dataclass(frozen=True)
class Window:
    """A window that slides over an image; every field has one number per axis of the image.

    The window has ``kernel`` elements k at distances ``dilations`` d, so it is d(k − 1) + 1 wide.
    It moves in steps of ``strides``, beginning ``begin`` elements before the image; ``end`` is the
    padding behind the image.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begin: tuple[int, ...]
    end: tuple[int, ...]

    def widths(self) -> list[int]:
        """Widths of the window, d(k − 1) + 1."""
        return [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]

    def covered(self, steps: Shape) -> list[int]:
        """Elements from the first of the image to the last that ``steps`` steps reach."""
        lines = zip(steps, self.strides, self.widths(), self.begin, strict=True)
        return [s * (n - 1) + width - begin for n, s, width, begin in lines]


def images(c: Context, node: Node, name: str) -> Shape:
    """The sizes of images (N, channels, …); raises ModelError if N is not the first axis."""
    shape = c.shape(name)
    if len(shape) < 3 or shape[0] >= 0 or any(d < 0 for d in shape[1:]):
        raise refusal(node, "its events do not lie along the first axis")
    return shape[2:]


def window(c: Context, node: Node, kernel: Shape, image: Shape, steps: Shape) -> Window:
    """The window of a node that moves over ``image`` in ``steps``, automatic padding resolved."""
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
    """(L·N, …) as (L, N, …)."""
    split = bundle.with_tensor("", shape)
    behind = c.e.constant(split.reshape_target[1:])
    target = c.e.op("Concat", lead_size(c.e, bundle), behind, axis=0)
    return split.with_tensor(c.e.op("Reshape", name, target))


def _convolve(c: Context, node: Node, b: Bundle, w: Window, end: Shape, shape: Shape) -> Bundle:
    """Σ over the window of weights · image, with ``end`` elements of padding behind the image."""
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
    """Adds each element times the weights to its window: the transpose of ``_convolve``."""
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
    """The rule of a convolution; raises ModelError where its weights depend on the data."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = A ẋ."""
        if any(t is not None for t in tangents[1:]):
            raise refusal(node, "its weights depend on the data")
        return super().jvp(c, node, tangents)

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = Aᵀ ȳ."""
        if any(needed[1:]):
            raise refusal(node, "its weights depend on the data")
        return super().vjp(c, node, adjoints, needed)


def _conv_window(c: Context, node: Node) -> Window:
    """The window of a Conv, which moves over its input."""
    x, y = (images(c, node, name) for name in (node.inputs[0], node.outputs[0]))
    return window(c, node, c.shape(node.inputs[1])[2:], x, y)


def _conv(c: Context, node: Node, t: Bundle) -> Bundles:
    w = _conv_window(c, node)
    return [_convolve(c, node, t, w, w.end, c.shape(node.outputs[0]))]


def _conv_adjoint(c: Context, node: Node, adjoints: Bundles) -> Bundle:
    a = first_of(adjoints)
    return _spread(c, node, a, _conv_window(c, node), c.shape(node.inputs[0]))


def _transpose_window(c: Context, node: Node) -> Window:
    """The window of a ConvTranspose, which moves over its output, automatic padding resolved."""
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


def _conv_transpose_adjoint(c: Context, node: Node, adjoints: Bundles) -> Bundle:
    """Convolves ȳ, padded behind until the window makes one step per element of the input."""
    a, w, shape = first_of(adjoints), _transpose_window(c, node), c.shape(node.inputs[0])
    end = [have - n for have, n in zip(w.covered(shape[2:]), a.shape[2:], strict=True)]
    # a negative end means that elements lie behind the last step: Conv leaves them out by itself
    return _convolve(c, node, a, w, tuple(max(k, 0) for k in end), shape)


register("Conv", _Convolution(_conv, _conv_adjoint))
register("ConvTranspose", _Convolution(_conv_transpose, _conv_transpose_adjoint))
