"""Settings of the peers, and the one of fewest evaluations that is accurate enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import numpy as np
import numpy.typing as npt

from validation.performance.numerical.programs import Counted, Peer, Setting, flattened

__all__ = ["accuracy", "fewest", "in_words", "settings"]

Floats = npt.NDArray[np.float64]

HOPELESS = 100.0


def settings(name: str) -> Iterator[Setting]:
    """What is tried of a peer, its defaults first.

    Of numdifftools the narrowest step, for features of unit spread, and the number of steps that
    are extrapolated; of scipy.differentiate the order, the first step and the most halvings of it.
    """
    yield {}
    if name == "numdifftools":
        for power, count in product(range(2, 11), (2, 3, 4, 5, 7)):
            yield {"base_step": 2.0**-power, "step_ratio": 2.0, "num_steps": count}
        return
    for order, power, most in product((4, 6, 8), range(-1, 5), (1, 2, 4)):
        yield {"order": order, "initial_step": 2.0**-power, "maxiter": most}


def in_words(setting: Setting) -> str:
    """A setting as the table has it."""
    if not setting:
        return "defaults"
    if "num_steps" in setting:
        return f"{setting['num_steps']} steps from {_power(setting['base_step'])}"
    most = setting["maxiter"]
    first = _power(setting["initial_step"])
    return f"order {setting['order']}, {most} step{'s' * (most > 1)} from {first} down"


def _power(step: float) -> str:
    return f"{step:g}" if step >= 1 else f"1/{1 / step:.0f}"


def fewest(
    name: str, peer: Peer, f: Counted, x: Floats, truth: Floats, limits: tuple[float, float]
) -> tuple[Setting | None, Setting | None]:
    """The cheapest settings whose median relative errors of t_i, of t_ij are below the limits.

    x (B, n), truth (B, K). None where no setting is.
    """
    return (
        _cheapest(name, f, x, truth[:, : x.shape[1]], limits[0], partial(_first, peer)),
        _cheapest(name, f, x, truth[:, x.shape[1] :], limits[1], partial(_second, peer)),
    )


def _first(peer: Peer, f: Counted, x: Floats, setting: Setting) -> Floats:
    return peer.jacobian(f, x, setting)


def _second(peer: Peer, f: Counted, x: Floats, setting: Setting) -> Floats:
    n = x.shape[1]
    return flattened(np.zeros(x.shape), peer.hessian(f, x, setting))[:, n:]


def _cheapest(
    name: str,
    f: Counted,
    x: Floats,
    truth: Floats,
    limit: float,
    terms: Callable[[Counted, Floats, Setting], Floats],
) -> Setting | None:
    """One event tells which settings are dearer than the best, or hopeless."""
    least, best = np.inf, None
    for setting in settings(name):
        before = f.rows
        alone = terms(f, x[:1], setting)
        rows = f.rows - before
        if rows >= least or not _median_error(alone, truth[:1]) <= HOPELESS * limit:
            continue
        if _median_error(terms(f, x, setting), truth) <= limit:
            least, best = rows, setting
    return best


def accuracy(terms: Floats, truth: Floats, n: int) -> tuple[float, float]:
    """Medians of |t − t*| / |t*| over t_i, and over t_ii and t_ij; what is not finite is ∞ off."""
    return _median_error(terms[:, :n], truth[:, :n]), _median_error(terms[:, n:], truth[:, n:])


def _median_error(terms: Floats, truth: Floats) -> float:
    error = abs(terms - truth)
    some = truth != 0
    return float(np.median(np.where(np.isfinite(error), error, np.inf)[some] / abs(truth[some])))
