"""Sums of products of tensors, written as Einsum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnxtaylor.rules.bundle import Bundle, Shape
from onnxtaylor.rules.emit import Emitter

__all__ = ["Factor", "contracted"]


@dataclass(frozen=True)
class Factor:
    """A tensor with a letter for each of its axes, and their sizes."""

    name: str
    letters: str
    sizes: Shape

    @classmethod
    def of(cls, bundle: Bundle, lead: str, letters: str) -> Factor:
        """A bundle by the letters of its lead and its shape; its events are 1 if they are alike."""
        sizes = [1 if d < 0 and not bundle.varies else d for d in bundle.shape]
        return cls(bundle.name, lead + letters, (bundle.lead, *sizes))


def contracted(e: Emitter, factors: Sequence[Factor], wanted: str) -> str:
    """Σ of the product of factors over all letters but those that are wanted.

    An axis of 1 is left out of a factor where another has more: of those that share a letter, the
    first tells ONNX's shape inference the size, and onnxruntime relies on it.
    """
    wide = {k for f in factors for k, size in zip(f.letters, f.sizes, strict=True) if size != 1}
    names, terms = [], []
    for f in factors:
        ones = [k for k, size in enumerate(f.sizes) if size == 1 and f.letters[k] in wide]
        names.append(e.op("Squeeze", f.name, e.constant(ones)) if ones else f.name)
        terms.append("".join(k for n, k in enumerate(f.letters) if n not in ones))
    return e.op("Einsum", *names, equation=f"{','.join(terms)}->{wanted}")
