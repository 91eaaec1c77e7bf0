"""The comparison that every rule must pass at every sample."""

from __future__ import annotations

from functools import cache

import numpy as np

from tests.rules.reference import (
    Array,
    differences,
    distance,
    response_of,
    terms,
)
from tests.rules.sample import FEATURES, Sample

__all__ = ["check", "reference", "tolerances"]


def tolerances(s: Sample) -> tuple[float, float]:
    """What first and second order may deviate, relative to their largest coefficient."""
    return (1e-3, 5e-3) if s.single else (1e-9, 2e-8)


def dtype_of(s: Sample) -> type:
    return np.float32 if s.single else np.float64


@cache
def reference(s: Sample, smooth: bool) -> tuple[Array, Array, Array]:
    """Responses, first and second order by differences of the original graph."""
    x = s.events().astype(dtype_of(s))
    f = response_of(s.model(dtype_of(s), smooth=smooth))
    found = differences(f, x, 0.1 if s.single else 0.01)
    return f(x), found[..., :FEATURES], found[..., FEATURES:]


def check(s: Sample, smooth: bool) -> None:
    """Responses, Jacobian by either sweep and Hessian of the compiled graph."""
    x = s.events().astype(dtype_of(s))
    y, first, second = reference(s, smooth)
    found_y, found = terms(s.model(dtype_of(s), smooth=smooth), x, 2)
    near, far = tolerances(s)
    assert np.array_equal(found_y, y), "the response has changed"
    assert found.shape == (*y.shape, first.shape[-1] + second.shape[-1])
    assert distance(found[..., :FEATURES], first) < near, "first order by the forward sweep"
    assert distance(found[..., FEATURES:], second) < far, "second order"
    _, back = terms(s.model(dtype_of(s), smooth=smooth), x, 1)
    assert distance(back, first) < near, "first order by the reverse sweep"
    same = distance(back, found[..., :FEATURES])
    assert same < (1e-5 if s.single else 1e-13), "the two sweeps differ"
