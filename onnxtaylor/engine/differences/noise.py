"""How noisy each response is, measured on a few events before the run.

Around every pilot event, nine points lie on a line of random direction, a few spacings of
floating-point numbers apart; the differences of the responses there are noise, and ECnoise tells
their standard deviation. Where the points lie too close (equal responses) or too far (differences
that are the function's own), the line is taken again with wider points. A region is what surrounds
a pilot event in the response: an event has the noise of the pilot events whose responses are
nearest to its own, per response, and never less than the rounding of the response itself. That
floor is all there is where a response is saturated or constant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.noise import FLAT, computational_noise, look_up_noise

__all__ = ["ResponseNoise", "assumed_noise", "measure_noise"]

Floats = npt.NDArray[np.float64]

POINTS = 9  # M + 1 of ECnoise; its authors advise six to eight differences
WIDTHS = (2**3, 2**7, 2**11)  # spacings of numbers between two points
FLOOR = 0.25  # of the format's ε: rounding to nearest leaves ε/√12 of values right above 2^k


@dataclass(frozen=True)
class ResponseNoise:
    """σ of C responses by their value.

    ``places`` (C, S) are responses in ascending order, ``levels`` (C, S) the noise that was
    measured there, ``relative`` the least noise as a part of the response.
    """

    places: Floats
    levels: Floats
    relative: float

    def at(self, responses: npt.NDArray[np.floating]) -> Floats:
        """σ of responses (E, C), shape (E, C)."""
        out = np.empty(responses.shape)
        look_up_noise.alone(responses, self.places, self.levels, self.relative, out)
        return out


def assumed_noise(outputs: int, digits: int) -> ResponseNoise:
    """σ = ε/2 · abs(f) of a format of so many binary digits: what is assumed without events."""
    return ResponseNoise(np.empty((outputs, 0)), np.empty((outputs, 0)), 2.0**-digits)


def measure_noise(
    evaluate: Callable[[Floats], npt.NDArray[Any]], x: Floats, spread: Floats, *, digits: int
) -> ResponseNoise:
    """ECnoise of every response at the events x (S, n); ``evaluate`` maps (R, n) to (R, C).

    ``spread`` (n,) is each feature's spread, ``digits`` the binary digits of the model's format.
    """
    centre_responses = np.asarray(evaluate(x), dtype=np.float64)
    found = np.full(centre_responses.shape, FLAT)
    random = np.random.default_rng(0)
    for width in WIDTHS:
        lines = np.asarray(evaluate(_lines(x, spread, width, digits, random)), dtype=np.float64)
        lines = lines.reshape(len(x), POINTS, -1).transpose(0, 2, 1).reshape(-1, POINTS)
        levels = np.empty(found.shape)
        computational_noise(np.ascontiguousarray(lines), levels.reshape(-1))
        # the narrowest line that gives an answer; a line that is too wide says less than a flat one
        found = np.where((found < 0) & ((levels >= 0) | (found == FLAT)), levels, found)
    return _table(centre_responses, found, FLOOR * 2.0 ** (1 - digits))


def _lines(
    x: Floats, spread: Floats, width: int, digits: int, random: np.random.Generator
) -> Floats:
    """Points x + k·d, k = −4 … 4, of every event, on the grid of the format: (S · 9, n)."""
    _, exponent = np.frexp(2 * np.maximum(abs(x), spread))
    grid = np.ldexp(1.0, exponent - digits)
    strides = random.integers(width // 2, width + 1, x.shape) * random.choice([-1, 1], x.shape)
    count = np.arange(POINTS) - POINTS // 2
    steps = count[None, :, None] * (strides * grid)[:, None, :]
    return np.asarray((np.rint(x / grid) * grid)[:, None, :] + steps).reshape(-1, x.shape[1])


def _table(responses: Floats, found: Floats, relative: float) -> ResponseNoise:
    """Sorts what was found by the response; where nothing was, the others speak for it."""
    levels = np.where(found == FLAT, 0.0, found)
    for c in range(responses.shape[1]):
        known = levels[:, c] >= 0
        typical = float(np.median(levels[known, c])) if known.any() else 0.0
        levels[~known, c] = typical
    finite = np.where(np.isfinite(responses), responses, np.inf)
    order = np.argsort(finite, axis=0, kind="stable")
    return ResponseNoise(
        np.ascontiguousarray(np.take_along_axis(finite, order, 0).T),
        np.ascontiguousarray(np.take_along_axis(levels, order, 0).T),
        relative,
    )
