"""The taggers that are compared: what of them is computed, and the events."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.indices import MultiIndices

__all__ = ["TAGGERS", "Tagger"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Tagger:
    """A network of ``modules`` and the order up to which it is expanded.

    ``path`` is the network as a file of ONNX.
    """

    name: str
    title: str
    features: int
    outputs: int
    order: int = 2
    path: str = ""
    averaged: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """Such as ``deepsets-16, order 2``."""
        return f"{self.name}, order {self.order}"

    @property
    def coefficients(self) -> int:
        """Number of all coefficients up to the order, of all outputs."""
        return len(MultiIndices.full(self.features, self.order)) * self.outputs

    def with_order(self, order: int, path: str = "") -> Tagger:
        """The tagger at another order."""
        return replace(self, order=order, path=path)

    def model(self) -> onnx.ModelProto:
        """The ONNX model."""
        return onnx.load(Path(self.path))

    def events(self, count: int) -> Floats:
        """Standard normal features (count, n); a longer sample starts with the shorter one."""
        random = np.random.default_rng(1)
        return random.normal(size=(count, self.features)).astype(np.float32)

    def scores(self, first: npt.ArrayLike, second: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """⟨t⟩ (C, K) from mean abs ∂f_c/∂x_i (C, n) and, at order 2, ∂²f_c/∂x_i∂x_j (C, n, n)."""
        one = np.asarray(first, dtype=np.float64)
        if self.order == 1:
            return one
        indices = MultiIndices.full(self.features, 2)
        i, j = indices.table[self.features :].T
        pairs = np.asarray(second, dtype=np.float64)[:, i, j]
        return np.concatenate((one, pairs), axis=1) * indices.inverse_factorials

    def to_json(self) -> dict[str, object]:
        """What another process needs to build the same tagger."""
        return asdict(self)


TAGGERS = {
    t.name: t
    for t in (
        Tagger("deepsets-16", "DeepSets, 16 constituents × 8", 128, 5),
        Tagger("deepsets-50", "DeepSets, 50 constituents × 8", 400, 5),
        Tagger("transformer-16", "Transformer, 16 constituents × 8", 128, 5),
        Tagger("transformer-50", "Transformer, 50 constituents × 8", 400, 5),
        Tagger("conv1d", "two convolutions of 3, 32 steps × 8", 256, 5),
        Tagger("lstm", "LSTM, 20 steps × 8", 160, 5),
        Tagger("deepjet", "DeepJet-like, 614 features", 614, 6),
    )
}
