"""Sums of products of tensors, written as Einsum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnxtaylor.rules.bundle import Bundle, Shape
from onnxtaylor.rules.emit import Emitter

__all__ = ["Factor", "contract"]


@dataclass(frozen=True)
class Factor:
    """A factor of an Einsum: a tensor, a letter for each of its axes, and the sizes of these."""

    name: str
    letters: str
    sizes: Shape

    @classmethod
    def of(cls, bundle: Bundle, lead: str, letters: str) -> Factor:
        """Labels the axes of a bundle; the axis of events has size 1 in one that does not vary."""
        sizes = [1 if d < 0 and not bundle.varies else d for d in bundle.shape]
        return cls(bundle.name, lead + letters, (bundle.lead, *sizes))


def contract(e: Emitter, factors: Sequence[Factor], output: str) -> str:
    """Multiplies factors and sums over all letters that ``output`` does not have.

    An axis of size 1 is squeezed out of a factor if the same letter is longer in another one:
    ONNX's shape inference takes the size of a letter from the first factor that has it, and
    onnxruntime relies on that. Returns the name of the product.
    """
    wide = {k for f in factors for k, size in zip(f.letters, f.sizes, strict=True) if size != 1}
    names, terms = [], []
    for f in factors:
        ones = [k for k, size in enumerate(f.sizes) if size == 1 and f.letters[k] in wide]
        names.append(e.op("Squeeze", f.name, e.constant(ones)) if ones else f.name)
        terms.append("".join(k for n, k in enumerate(f.letters) if n not in ones))
    return e.op("Einsum", *names, equation=f"{','.join(terms)}->{output}")
