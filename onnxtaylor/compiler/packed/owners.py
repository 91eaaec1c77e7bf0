"""Owners: the feature by which each number of a packed bundle is a derivative.

A table of owners has the shape (m, *shape) of its bundle, with 1 for the axis of events and for
every axis along which it does not change. It holds numbers of features, −1 for numbers that are
zero. One feature may own several tangents at a place: its derivative is their sum.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

__all__ = [
    "NOBODY",
    "Owners",
    "aligned",
    "all_of",
    "appended",
    "merged",
    "same",
    "smallest",
    "united",
]

Owners = npt.NDArray[np.int64]

NOBODY = -1


def all_of(features: int, rank: int) -> Owners:
    """The owners of a bundle with one tangent for each feature."""
    return np.arange(features).reshape(features, *[1] * rank)


def smallest(owners: Owners) -> Owners:
    """Gives the size 1 to all axes behind the first along which the table does not change."""
    for axis in range(1, owners.ndim):
        if owners.shape[axis] > 1:
            first = owners.take([0], axis=axis)
            if (owners == first).all():
                owners = first
    return owners


def aligned(owners: Owners, rank: int) -> Owners:
    """Adds axes of size 1 behind the lead, or takes them away, up to ``rank`` axes."""
    missing = rank + 1 - owners.ndim
    shape = owners.shape[1:]
    if missing < 0:
        assert set(shape[:-missing]) <= {1}
        return owners.reshape(owners.shape[0], *shape[-missing:])
    return owners.reshape(owners.shape[0], *[1] * missing, *shape)


def same(a: Owners, b: Owners) -> bool:
    """Whether two tables are equal."""
    return a.shape == b.shape and np.array_equal(a, b)


def merged(owners: Owners, axes: Iterable[int]) -> Owners:
    """The least table that has all owners and does not change along ``axes`` of the bundle."""
    mixed = [k + 1 for k in axes if owners.shape[k + 1] > 1]
    if not mixed:
        return owners
    kept = [k for k in range(1, owners.ndim) if k not in mixed]
    turned = owners.transpose([*kept, 0, *mixed])
    places = turned.shape[: len(kept)]
    found = _distinct(turned.reshape(*places, -1))
    shape = [1 if k in mixed else owners.shape[k] for k in range(1, owners.ndim)]
    return smallest(np.moveaxis(found, -1, 0).reshape(-1, *shape))


def united(a: Owners, b: Owners) -> Owners:
    """The least table that has the owners of both at every place."""
    return smallest(np.moveaxis(_distinct(np.moveaxis(appended(a, b), 0, -1)), -1, 0))


def appended(a: Owners, b: Owners) -> Owners:
    """The table of the tangents of ``a`` followed by those of ``b``."""
    shape = np.broadcast_shapes(a.shape[1:], b.shape[1:])
    return np.concatenate([np.broadcast_to(o, (o.shape[0], *shape)) for o in (a, b)])


def _distinct(owners: Owners) -> Owners:
    """The different owners along the last axis, in increasing order, ``NOBODY`` behind them."""
    most = np.iinfo(np.int64).max
    ordered = np.sort(np.where(owners == NOBODY, most, owners), axis=-1)
    repeated = np.zeros(ordered.shape, np.bool_)
    repeated[..., 1:] = ordered[..., 1:] == ordered[..., :-1]
    ordered = np.sort(np.where(repeated, most, ordered), axis=-1)
    count = int((ordered != most).sum(axis=-1).max(initial=0))
    kept = ordered[..., : max(count, 1)]
    return np.where(kept == most, NOBODY, kept)
