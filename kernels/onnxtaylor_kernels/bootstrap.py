"""Poisson-bootstrap weights that depend only on seed, replicate and event number.

The generator is Philox4x32 with ten rounds, a keyed permutation of a 128-bit counter. Every word is
computed from its counter alone, in any order and on any machine. So an event has the same weight in
the same replicate however the events are split into files, batches and shards.
Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, SC11.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import inlined, kernel

__all__ = ["philox", "poisson_weights"]

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)

# A 32-bit word u is the Poisson(1) count k with P(X < k) ≤ u / 2³² < P(X ≤ k); the chance of a
# count above 12, 6e-11, is below the resolution of the word, 2e-10.
_CUMULATIVE = np.ceil(
    [2**32 * sum(math.exp(-1) / math.factorial(j) for j in range(k + 1)) for k in range(12)]
).astype(np.uint64)


@inlined
def philox(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Four random 32-bit words from a counter (c0…c3) and a key (k0, k1).

    All are held in 64-bit integers, in which the product of two words does not overflow.
    """
    for _ in range(10):
        product_0 = _MULTIPLIER_0 * c0
        product_1 = _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (
            (product_1 >> _HALF) ^ c1 ^ k0,
            product_1 & _LOW,
            (product_0 >> _HALF) ^ c3 ^ k1,
            product_0 & _LOW,
        )
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@kernel
def poisson_weights(
    seed: int, numbers: npt.NDArray[np.int64], out: npt.NDArray[np.float64]
) -> None:
    """n_er ~ Poisson(1) for every event e and replicate r.

    Parameters
    ----------
    seed
        64-bit seed, the key of the generator.
    numbers
        (E,) numbers of the events in the whole data set.
    out
        (E, R) receives the counts.
    """
    events, replicates = out.shape
    k0 = np.uint64(seed) & _LOW
    k1 = np.uint64(seed) >> _HALF
    zero = np.uint64(0)
    for e in numba.prange(events):
        low = np.uint64(numbers[e]) & _LOW
        high = np.uint64(numbers[e]) >> _HALF
        for block in range((replicates + 3) // 4):  # four words, so four replicates, per call
            words = philox(low, high, np.uint64(block), zero, k0, k1)
            for lane in range(4):
                r = 4 * block + lane
                if r < replicates:
                    count = 0
                    while count < len(_CUMULATIVE) and words[lane] >= _CUMULATIVE[count]:
                        count += 1
                    out[e, r] = count
