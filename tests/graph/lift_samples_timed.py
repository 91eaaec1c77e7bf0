"""Samples for lifted graphs of operators on signals and along times, see ``lift_samples``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.graph.lift_sample import F32, Sample, c, e, s, whole

__all__ = ["timed"]


def timed() -> Iterator[Sample]:
    yield s("DFT", e(1, 5, 1), None, np.array(1))
    yield s("DFT", e(4, 3, 2), np.array(5), np.array(-3), inverse=1)
    yield s("DFT", e(3, 4, 1), onesided=1)
    yield s("STFT", e(2, 8, 1), np.array(2), c(4), np.array(4))
    yield s("Col2Im", e(1, 8, 4), np.array([3, 3]), np.array([2, 2]), **F32)
    places = np.array([2, 1])
    yield s("ReverseSequence", e(3, 2), places)
    yield s("ReverseSequence", e(2, 3, 2), whole(2, low=1, high=4), batch_axis=0, time_axis=1)
    yield s("ReverseSequence", c(3, 2, 2), whole(2, low=1, high=4), batch_axis=1, time_axis=0)
    more: dict[str, Any] = {"opset": 24}
    yield s("TensorScatter", e(2, 5, 3), e(2, 2, 3), places, **more)
    yield s("TensorScatter", c(2, 5), e(2, 2), whole(2, high=5), axis=1, mode="circular", **more)
    yield s("TensorScatter", e(2, 5, 3), c(2, 5, 2), axis=-1, **more)
    yield s("CumProd", e(3, 4), np.array(1), opset=26)
    yield s("CumProd", e(3, 4), np.array(-2), reverse=1, exclusive=1, opset=26)
    yield s("Unique", e(2, 3), outputs=4)
    yield s("Unique", e(5), outputs=4, sorted=0)
