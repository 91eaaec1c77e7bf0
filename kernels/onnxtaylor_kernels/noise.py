"""The noise of computed responses: random jumps of a value when its input hardly changes.

Take M + 1 values at equal, small distances along a line. The differences Δᵏ of a smooth function
vanish with rising order k, those of noise do not: with γ_k = (k!)² / (2k)!,

    σ_k = √( γ_k · mean_i (Δᵏ_i)² )

estimates the noise σ for every k at which the differences are mere noise. ECnoise takes the first k
whose σ_k, σ_(k+1) and σ_(k+2) agree within a factor of four, and whose Δᵏ have both signs.
Source: J. Moré, S. Wild, Estimating Computational Noise, SIAM J. Sci. Comput. 33 (2011) 1292,
doi:10.1137/100786125.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import kernel

__all__ = ["FLAT", "NOT_FOUND", "computational_noise", "look_up_noise"]

Floats = npt.NDArray[np.float64]

NOT_FOUND, FLAT = -1.0, -2.0  # in place of σ
_AGREE = 4.0  # factor within which three σ_k agree
_NEIGHBOURS = 5  # measured responses that are averaged


@kernel
def computational_noise(values: Floats, out: Floats) -> None:
    """σ of the values along each line.

    Parameters
    ----------
    values
        (L, M + 1) values at equal, small distances.
    out
        (L,) receives σ. NOT_FOUND where the differences never become noise: the points are too far
        apart, or the function has no noise. FLAT where more than half of the neighbouring values
        are equal: the points are too close together, or the response is saturated or constant.
    """
    lines, count = values.shape
    for line in numba.prange(lines):
        table = values[line].copy()
        levels, signs = np.zeros(count), np.zeros(count, dtype=np.bool_)
        gamma, equal = 1.0, 0
        for k in range(1, count):
            gamma *= 0.5 * k / (2 * k - 1)
            total, least, most = 0.0, math.inf, -math.inf
            for i in range(count - k):
                difference = table[i + 1] - table[i]
                if k == 1 and difference == 0.0:
                    equal += 1
                table[i] = difference
                total += difference * difference
                least, most = min(least, difference), max(most, difference)
            levels[k] = math.sqrt(gamma * total / (count - k))
            signs[k] = least < 0.0 < most
        out[line] = NOT_FOUND
        if 2 * equal >= count:
            out[line] = FLAT
            continue
        for k in range(1, count - 2):
            least = min(levels[k], levels[k + 1], levels[k + 2])
            most = max(levels[k], levels[k + 1], levels[k + 2])
            if signs[k] and most <= _AGREE * least and most < math.inf:
                out[line] = levels[k]
                break


@kernel
def look_up_noise(
    responses: npt.NDArray[np.floating],
    places: Floats,
    levels: Floats,
    relative: float,
    out: Floats,
) -> None:
    """σ of responses, interpolated from events whose noise was measured.

    A response gets the geometric mean of the noise of the five nearest measured responses. Each
    noise counts at least ``relative`` times its response, for the rounding of the response itself.

    Parameters
    ----------
    responses
        (E, C) responses.
    places, levels
        (C, S) responses of the measured events, ascending, and their noise.
    relative
        Relative rounding of a response.
    out
        (E, C) receives σ.
    """
    events, outputs = responses.shape
    count = places.shape[1]
    width = min(_NEIGHBOURS, count)
    for e in numba.prange(events):
        for c in range(outputs):
            f = np.float64(responses[e, c])
            low, high = 0, count
            while low < high:
                middle = (low + high) // 2
                if places[c, middle] < f:
                    low = middle + 1
                else:
                    high = middle
            start = min(max(low - width // 2, 0), count - width)
            total = 0.0
            for k in range(start, start + width):
                total += math.log(max(levels[c, k], relative * abs(places[c, k])))
            measured = math.exp(total / width) if width else 0.0
            out[e, c] = max(measured, relative * abs(f))
