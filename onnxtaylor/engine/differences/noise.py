"""The noise of each response, measured at a few events before the run.

Around every pilot event nine points lie on a line of random direction, a few spacings of
floating-point numbers apart. The differences of the responses there are noise, and ECnoise computes
their standard deviation. Where the points lie too close (equal responses) or too far (differences
that are the function's own), the line is taken again with wider points.

An event has the noise of the pilot events whose responses are nearest to its own, for each response
separately, and never less than the rounding of the response itself. That floor is all there is
where a response is saturated or constant.
Source: J. J. Moré, S. M. Wild, SIAM J. Sci. Comput. 33 (2011) 1292.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.noise import FLAT, computational_noise, look_up_noise

from onnxtaylor.engine.differences.steps import spacings

__all__ = ["ResponseNoise", "assumed_noise", "measure_noise"]

Floats = npt.NDArray[np.float64]

POINTS = 9  # ECnoise's m + 1; its authors advise six to eight differences
WIDTHS = (2**3, 2**7, 2**11)  # spacings of numbers between two points
FLOOR = 0.25  # of the format's ε: rounding to nearest leaves ε/√12 of values right above 2^k


@dataclass(frozen=True)
class ResponseNoise:
    """The noise σ of C responses as a function of their value.

    Attributes
    ----------
    places
        Responses of the pilot events in ascending order, (C, S).
    levels
        The noise that was measured there, (C, S).
    relative
        The least noise as a part of the response.
    """

    places: Floats
    levels: Floats
    relative: float

    def at(self, responses: npt.NDArray[np.floating]) -> Floats:
        """Looks up σ, (E, C), of responses (E, C)."""
        out = np.empty(responses.shape)
        look_up_noise.alone(responses, self.places, self.levels, self.relative, out)
        return out


def assumed_noise(outputs: int, digits: int) -> ResponseNoise:
    """Returns σ = ε/2 · abs(f), the rounding of the response, for use without events.

    Parameters
    ----------
    outputs
        Number of responses, C.
    digits
        Binary digits of the model's format; ε = 2^(1 − digits).
    """
    return ResponseNoise(np.empty((outputs, 0)), np.empty((outputs, 0)), 2.0**-digits)


def measure_noise(
    evaluate: Callable[[Floats], npt.NDArray[Any]],
    x: Floats,
    spread: Floats,
    *,
    digits: int,
    varied: npt.NDArray[np.bool_] | None = None,
) -> ResponseNoise:
    """Measures the noise of every response by ECnoise.

    Parameters
    ----------
    evaluate
        Maps points (R, n) to responses (R, C).
    x
        Pilot events (S, n).
    spread
        The spread of each feature, (n,), in its units.
    digits
        Binary digits of the model's format.
    varied
        The columns (n,) that may be moved, all by default.
    """
    centre_responses = np.asarray(evaluate(x), dtype=np.float64)
    noise = np.full(centre_responses.shape, FLAT)
    random = np.random.default_rng(0)
    for width in WIDTHS:
        points = _lines(x, spread, width, digits, random)
        if varied is not None:
            points = np.where(varied, points, np.repeat(x, POINTS, axis=0))
        lines = np.asarray(evaluate(points), dtype=np.float64)
        lines = lines.reshape(len(x), POINTS, -1).transpose(0, 2, 1).reshape(-1, POINTS)
        measured = np.empty(noise.shape)
        computational_noise.alone(np.ascontiguousarray(lines), measured.reshape(-1))
        # the narrowest line with an answer counts; without one, a flat line gives way to any other
        noise = np.where((noise < 0) & ((measured >= 0) | (noise == FLAT)), measured, noise)
    return _table(centre_responses, noise, FLOOR * 2.0 ** (1 - digits))


def _lines(
    x: Floats, spread: Floats, width: int, digits: int, random: np.random.Generator
) -> Floats:
    """Places points x + k·d, k = −4 … 4, on the grid of the format for every event: (S · 9, n)."""
    grid = spacings(2 * np.maximum(abs(x), spread), digits)
    strides = random.integers(width // 2, width + 1, x.shape) * random.choice([-1, 1], x.shape)
    count = np.arange(POINTS) - POINTS // 2
    steps = count[None, :, None] * (strides * grid)[:, None, :]
    return np.asarray((np.rint(x / grid) * grid)[:, None, :] + steps).reshape(-1, x.shape[1])


def _table(responses: Floats, measured: Floats, relative: float) -> ResponseNoise:
    """Sorts the measured noise by response; gaps get the median of the others."""
    levels = np.where(measured == FLAT, 0.0, measured)
    for c in range(responses.shape[1]):
        valid = levels[:, c] >= 0
        typical = float(np.median(levels[valid, c])) if valid.any() else 0.0
        levels[~valid, c] = typical
    finite = np.where(np.isfinite(responses), responses, np.inf)
    order = np.argsort(finite, axis=0, kind="stable")
    return ResponseNoise(
        np.ascontiguousarray(np.take_along_axis(finite, order, 0).T),
        np.ascontiguousarray(np.take_along_axis(levels, order, 0).T),
        relative,
    )
