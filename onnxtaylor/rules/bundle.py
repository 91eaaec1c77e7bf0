"""Bundles: the tangents or adjoints of one tensor, along a leading axis.

A tensor of the graph has a shape whose dimensions are known numbers or multiples of the number of
events N. A dimension is written as d > 0 for the number d, and as −m for m·N.

A bundle of L tangents (or adjoints) of that tensor has the shape (L, *shape). While it does not
depend on the event, its events are not repeated: m·N then stands for m, and broadcasting does the
rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from onnxtaylor.rules.emit import Emitter

__all__ = ["Bundle", "Shape", "batch_axis", "broadcast_shape", "target"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Bundle:
    """The tensor ``name`` of shape (``lead``, *``shape``); ``varies`` from event to event."""

    name: str
    lead: int
    shape: Shape
    varies: bool

    def renamed(self, name: str, shape: Shape | None = None) -> Bundle:
        """Another tensor of the same lead."""
        return replace(self, name=name, shape=self.shape if shape is None else shape)

    @property
    def target(self) -> list[int]:
        """What Reshape needs to make this shape: -1 where the events are."""
        return [self.lead, *target(self.shape, varies=self.varies)]


def target(shape: Shape, *, varies: bool = True) -> list[int]:
    """A shape as the target of Reshape: -1 for m·N, or m where events are not repeated."""
    return [d if d > 0 else (-1 if varies else -d) for d in shape]


def batch_axis(shape: Shape) -> int | None:
    """The axis along which events lie; None if there is none."""
    axes = [k for k, d in enumerate(shape) if d < 0]
    return axes[0] if len(axes) == 1 else None


def broadcast_shape(a: Shape, b: Shape) -> Shape:
    """The shape of an elementwise operation of two tensors; N and 1 give N."""
    rank = max(len(a), len(b))
    wide_a, wide_b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    return tuple(y if x == 1 else x for x, y in zip(wide_a, wide_b, strict=True))


def aligned(e: Emitter, bundle: Bundle, rank: int) -> str:
    """The bundle with 1s behind its lead, so that elementwise operations broadcast rightly."""
    missing = rank - len(bundle.shape)
    if missing <= 0:
        return bundle.name
    axes = e.constant(list(range(1, 1 + missing)))
    return e.op("Unsqueeze", bundle.name, axes)


def expanded(e: Emitter, bundle: Bundle, shape: Shape) -> Bundle:
    """The bundle broadcast to a larger shape."""
    if bundle.shape == shape:
        return bundle
    name = aligned(e, bundle, len(shape))
    wide = (1,) * (len(shape) - len(bundle.shape)) + bundle.shape
    if any(have == 1 and want > 1 for have, want in zip(wide, shape, strict=True)):
        # 1 leaves an axis as it is, so events need not be counted
        sizes = e.constant([1, *(d if d > 0 else 1 for d in shape)])
        name = e.op("Expand", name, sizes)
    return Bundle(name, bundle.lead, shape, bundle.varies)


def summed_to(e: Emitter, bundle: Bundle, shape: Shape) -> Bundle:
    """The adjoint of a broadcast: the bundle summed over the axes that were repeated."""
    if bundle.shape == shape:
        return bundle
    extra = len(bundle.shape) - len(shape)
    wide = (1,) * extra + shape
    axes = [
        1 + k
        for k, (have, want) in enumerate(zip(bundle.shape, wide, strict=True))
        if want == 1 and have != 1
    ]
    name = bundle.name
    if axes:
        name = e.op("ReduceSum", name, e.constant(axes), keepdims=1)
    found = Bundle(name, bundle.lead, shape, bundle.varies)
    return found.renamed(e.op("Reshape", name, e.constant(found.target))) if extra else found


def scaled(e: Emitter, bundle: Bundle, factor: str, factor_shape: Shape) -> Bundle:
    """The bundle times a primal tensor; unless that is a constant, it varies from then on."""
    shape = broadcast_shape(bundle.shape, factor_shape)
    name = e.op("Mul", aligned(e, bundle, len(factor_shape)), factor)
    return Bundle(name, bundle.lead, shape, bundle.varies or factor not in e.constants)


def added(e: Emitter, a: Bundle | None, b: Bundle | None) -> Bundle | None:
    """The sum of two bundles of one tensor; None is zero."""
    if a is None or b is None:
        return a or b
    return Bundle(e.op("Add", a.name, b.name), a.lead, a.shape, a.varies or b.varies)
