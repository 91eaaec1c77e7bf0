"""Bundles: all tangents (or all adjoints) of one tensor, along a leading axis.

A dimension of a tensor of the graph is a known number, written as d > 0, or a multiple m·N of the
number of events N, written as −m.

A bundle of L tangents (or adjoints) of a tensor has the shape (L, *shape). A bundle that is the
same for all events holds them only once: m·N then stands for m, and broadcasting does the rest.

L may be left open, ``ANY``: such a graph takes any number of tangents or adjoints when it runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from onnxtaylor.rules.emit import Emitter

__all__ = ["ANY", "Bundle", "Shape", "batch_axis", "broadcast_shape", "lead_size", "reshape_target"]

Shape = tuple[int, ...]

ANY = 0  # a lead that is known only when the graph runs; to Reshape, 0 is "as long as it is"


@dataclass(frozen=True)
class Bundle:
    """The tensor ``name`` of shape (``lead``, *``shape``); ``varies`` from event to event."""

    name: str
    lead: int
    shape: Shape
    varies: bool

    def with_tensor(self, name: str, shape: Shape | None = None) -> Bundle:
        """The bundle with another tensor, and another shape if one is given; lead as before."""
        return replace(self, name=name, shape=self.shape if shape is None else shape)

    @property
    def reshape_target(self) -> list[int]:
        """The bundle's shape as the target of Reshape, -1 in place of the events.

        A lead of any length stays as long as it is: the reshaped tensor must have it in front.
        """
        return [self.lead, *reshape_target(self.shape, varies=self.varies)]


def reshape_target(shape: Shape, *, varies: bool = True) -> list[int]:
    """A shape as the target of Reshape: -1 for m·N, or m in a bundle that does not vary."""
    return [d if d > 0 else (-1 if varies else -d) for d in shape]


def lead_size(e: Emitter, bundle: Bundle) -> str:
    """Writes L as a tensor (1,)."""
    if bundle.lead != ANY:
        return e.constant([bundle.lead])
    return e.op("Shape", bundle.name, start=0, end=1)


def batch_axis(shape: Shape) -> int | None:
    """The axis along which events lie; None if there is none, or more than one."""
    axes = [k for k, d in enumerate(shape) if d < 0]
    return axes[0] if len(axes) == 1 else None


def broadcast_shape(a: Shape, b: Shape) -> Shape:
    """The shape of an elementwise operation of two tensors; N and 1 give N."""
    rank = max(len(a), len(b))
    wide_a, wide_b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    return tuple(y if x == 1 else x for x, y in zip(wide_a, wide_b, strict=True))


def align(e: Emitter, bundle: Bundle, rank: int) -> str:
    """Inserts axes of size 1 after the leading axis, so that the other axes align on the right.

    Without them a tensor of higher rank would be broadcast against the lead.
    """
    missing = rank - len(bundle.shape)
    if missing <= 0:
        return bundle.name
    axes = e.constant(list(range(1, 1 + missing)))
    return e.op("Unsqueeze", bundle.name, axes)


def expand(e: Emitter, bundle: Bundle, shape: Shape) -> Bundle:
    """Broadcasts a bundle to a larger shape."""
    if bundle.shape == shape:
        return bundle
    name = align(e, bundle, len(shape))
    wide = (1,) * (len(shape) - len(bundle.shape)) + bundle.shape
    if any(have == 1 and want > 1 for have, want in zip(wide, shape, strict=True)):
        # Expand leaves an axis as it is where it is asked for 1, so N need not be known
        sizes = e.constant([1, *(d if d > 0 else 1 for d in shape)])
        name = e.op("Expand", name, sizes)
    return Bundle(name, bundle.lead, shape, bundle.varies)


def sum_to(e: Emitter, bundle: Bundle, shape: Shape) -> Bundle:
    """Sums a bundle over the axes that broadcasting repeated: the adjoint of ``expand``."""
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
    return (
        found.with_tensor(e.op("Reshape", name, e.constant(found.reshape_target)))
        if extra
        else found
    )


def pad(e: Emitter, bundle: Bundle, axis: int, front: int, back: int) -> Bundle:
    """Adds zeros before and behind the elements along an axis that holds no events."""
    if not front and not back:
        return bundle
    rank = len(bundle.shape) + 1
    pads = [0] * (2 * rank)
    pads[axis + 1], pads[rank + axis + 1] = front, back
    size = bundle.shape[axis] + front + back
    shape = (*bundle.shape[:axis], size, *bundle.shape[axis + 1 :])
    return bundle.with_tensor(e.op("Pad", bundle.name, e.constant(pads)), shape)


def scale(e: Emitter, bundle: Bundle, factor: str, factor_shape: Shape) -> Bundle:
    """Multiplies a bundle by a tensor of the graph; the product varies unless both are constant."""
    shape = broadcast_shape(bundle.shape, factor_shape)
    name = e.op("Mul", align(e, bundle, len(factor_shape)), factor)
    return Bundle(name, bundle.lead, shape, bundle.varies or factor not in e.constants)


def factor_between(e: Emitter, a: Bundle, b: Bundle) -> str | None:
    """The tensor f of the graph with b = f · a, if ``scale`` made b of a; else None."""
    made = e.maker(b.name)
    same = made is not None and made[0] == "Mul" and made[1][0] == a.name
    return made[1][1] if same and made and a.lead == b.lead and a.shape == b.shape else None


def add(e: Emitter, a: Bundle | None, b: Bundle | None) -> Bundle | None:
    """Adds two bundles of one tensor; None stands for zero."""
    if a is None or b is None:
        return a or b
    return Bundle(e.op("Add", a.name, b.name), a.lead, a.shape, a.varies or b.varies)
