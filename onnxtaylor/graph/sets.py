"""Axes of sets: which axes of an input of features a mask flags."""

from __future__ import annotations

from onnxtaylor.graph.layout import sizes_after_batch
from onnxtaylor.graph.ports import Port

__all__ = ["flagged_axes"]


def flagged_axes(mask: Port, features: Port) -> tuple[tuple[int, int], ...] | None:
    """Returns pairs of axes, (of the mask, of the features), that count the same slots.

    Axes are counted without the batch. Those of a mask that are not 1 belong to the axes of the
    features with the same symbol, or, if there is only one such, of the same size; a free one to
    the only free one there is, since some exporters give each a symbol of its own. None where that
    does not tell.
    """
    own, whole = sizes_after_batch(mask), sizes_after_batch(features)
    if own == whole and None not in own:
        return tuple((k, k) for k in range(len(own)))
    pairs: list[tuple[int, int]] = []
    for k, size in enumerate(own):
        if size == 1 and len(own) > 1:
            continue
        same = [j for j, d in enumerate(whole) if d is not None and d == size]
        if not same and not isinstance(size, int):
            same = [j for j, d in enumerate(whole) if not isinstance(d, int)]
        if len(same) != 1 or same[0] in [j for _, j in pairs]:
            return None
        pairs.append((k, same[0]))
    return tuple(pairs) or None
