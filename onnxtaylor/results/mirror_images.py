"""Responses that are one another's mirror image: p and 1 − p of a binary classifier.

Their coefficients differ by the sign alone, so one of their tables says all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxtaylor.errors import printable

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["mirror_images", "mirror_words"]

ROUNDING = 1e-4  # relative to the largest coefficient of an order: above that of 1 − p in float32
MOST = 8  # responses of which tables are shown: beyond, nobody is told


def mirror_images(result: TaylorResult) -> dict[str, str]:
    """Maps each response whose coefficients are minus those of an earlier one to the earlier name.

    Scores and RMS of every group and coefficient are equal, and the signed means opposite.

    >>> mirror_images(result)                     # doctest: +SKIP
    {'probabilities[1]': 'probabilities[0]'}
    """
    images: dict[str, str] = {}
    for c, name in enumerate(result.outputs):
        for earlier in range(c):
            if result.outputs[earlier] not in images and _mirrored(result, earlier, c):
                images[name] = result.outputs[earlier]
                break
    return images


def mirror_words(result: TaylorResult) -> dict[int, str]:
    """Says of each response, by its place, that it is the mirror image of an earlier one.

    Empty where there are none, where coefficients have no sign that could tell, and for more
    responses than anybody looks at.
    """
    if len(result.outputs) > MOST or not result.data.signed:
        return {}
    quantity = result.quantity
    signs = f"the same {quantity.mean}, signed means with the opposite sign"
    return {
        result.outputs.index(name): f"mirror image of {printable(earlier)}: {signs}"
        for name, earlier in mirror_images(result).items()
    }


def _mirrored(result: TaylorResult, a: int, b: int) -> bool:
    """Whether responses a and b are mirror images, up to rounding."""
    for order in np.unique(result.indices.orders):
        mine = result.indices.orders == order
        room = ROUNDING * np.abs(result.score[a][:, mine]).max(initial=0.0)
        apart = (
            result.score[a] - result.score[b],
            result.rms[a] - result.rms[b],
            result.signed_mean[a] + result.signed_mean[b],
        )
        if any((np.abs(one[:, mine]) > room).any() for one in apart):
            return False
    return bool((result.score[a] != 0).any())
