"""Verdicts: of one coefficient at one event, of a coefficient, and of the whole.

At an event, with z = abs(t_exact − t_differences) / budget:

    kink       a kink of the response lies within reach of the stencil along one of its features, or
               exactly at the event: then the coefficient does not exist (see ``engine.joints``)
    undecided  the budget exceeds the coefficient's scale: its mean size over the events, or 1 % of
               the response's largest coefficient in units of spread, whichever is more
    differs    z > 1
    agrees     else

Kinks and undecided events tell nothing. Error estimates hold for 99 %, not for all: beyond its
budget at one event is nothing yet; on a very steep net steps that suit some events make all
estimates of others too small by a factor of a few; and at a kink of the second derivative, which
nobody sees, even sound engines may be far beyond. So a coefficient **differs** if more of its M
telling events lie beyond z > z_l than chance explains at one of three levels:

    P(X ≥ m | M, p_l) < 10⁻⁶ / (C·K)         z_l = 4, 10, 1000        p_l = 0.05, 0.01, 0.001

X binomial, all C·K coefficients of a check asked at once. Of 64 events and 495 coefficients that
are 18, 10 and 6. The p_l are several times what sound engines show on random nets: 2·10⁻⁴, 10⁻⁴ and
5·10⁻⁵ of all comparisons, the last two nearly all from overflow in single precision. It differs,
too, if ⟨t⟩ would be wrong by 10 %, for more than one event: Σ max(0, deviation − budget) > M s / 10
with s as in ``budget`` and two events beyond z > 10. A rule that is wrong by 1 % is beyond by 10 to
10⁷ wherever it has a part in the response.

Few events are enough where the differences, made again with other steps, confirm the deviation
(``second_look``) and it is more than a thousandth of the scale: one beyond 10 budgets, or two
beyond 4. Of 700 sound random nets two had one
event beyond 2, and none beyond 4. So a fault is found that only 5 % of the events meet, or only
those on a joint.

A coefficient with so few telling events that no number of them could differ is **undecided**, or
**kink** where that is the more frequent reason; the others **agree**. The whole differs if one
coefficient does or the responses do; agrees if at least half of the coefficients agree; else it is
undecided or kink, and no pass. A coefficient that does not exist at 5 % of the events or more is
**kink**, and so is the whole: its ⟨t⟩ is a convention there. So are both where ⟨t⟩ is made at
events near kinks: on zero padding behind max(‖x‖, 10⁻¹²) coefficients are 10¹² (``unseen``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.budget import NEGLIGIBLE, scale_of
from onnxtaylor.indices import MultiIndices

__all__ = [
    "AGREES",
    "DIFFERS",
    "KINK",
    "OFTEN",
    "UNDECIDED",
    "VERDICTS",
    "at_events",
    "near_kinks",
    "of_coefficients",
    "overall",
    "unseen",
]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]

VERDICTS = ("agrees", "differs", "undecided", "kink")
AGREES, DIFFERS, UNDECIDED, KINK = range(4)

LEVELS = ((4.0, 0.05), (10.0, 0.01), (1000.0, 0.001))
CHANCE = 1e-6  # that one of all coefficients of sound engines differs
SURE = ((10.0, 1), (4.0, 2))
MATTERS = 1e-3  # of a coefficient's scale: what single precision loses where tanh is ±1 does not
WRONG = 0.1  # of ⟨t⟩
OFTEN = 0.05  # of the events lie exactly on a kink
UNSEEN, STEEP = 0.9, 10.0  # share of ⟨t⟩ at events near kinks; their coefficients' size


def at_events(
    exact: Floats,
    differences: Floats,
    budget: Floats,
    kinks: npt.NDArray[np.bool_],
    indices: MultiIndices,
    spread: Floats,
    joints: npt.NDArray[np.bool_] | None = None,
) -> tuple[Codes, Floats]:
    """Verdicts (E, C, K) of the coefficients of two engines and their deviation / budget.

    kinks (E, n) are flags of features, spread (n,) their spreads; joints (E, C, K) flags of
    coefficients that do not exist, since the event lies exactly on a kink or jump.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.abs(exact - differences)
        ratio = np.where(deviation == 0, 0.0, deviation / budget)
    codes = np.where(ratio > 1, DIFFERS, AGREES).astype(np.int8)
    known = np.isfinite(deviation) & np.isfinite(budget)
    nearby = near_kinks(kinks, indices, codes.shape, joints)
    # a coefficient of 10¹² on a guard such as max(‖x‖, 10⁻¹²) is no scale for the others
    scale = scale_of(_mean(exact, differences, known & ~nearby), indices.scale(spread))
    codes[~known | ~(budget <= scale)] = UNDECIDED
    codes[nearby] = KINK
    return codes, np.where(known, ratio, np.inf)


def near_kinks(
    kinks: npt.NDArray[np.bool_],
    indices: MultiIndices,
    shape: tuple[int, ...],
    joints: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.bool_]:
    """Where a kink lies within reach of a coefficient's features, or exactly at the event, of
    ``shape`` (E, C, K).
    """
    nearby = np.broadcast_to(indices.having(kinks)[:, None], shape)
    return nearby.copy() if joints is None else nearby | joints


def unseen(codes: Codes, exact: Floats, units: Floats) -> npt.NDArray[np.bool_]:
    """Coefficients (C, K) whose ⟨t⟩ is made where nothing was compared.

    The events near kinks have more than 9/10 of Σ abs(t), and ten times as much each as the others;
    ``codes`` and ``exact`` have shape (E, C, K). Of those below 1 % of the response's largest in
    ``units`` (K,) nobody asks.
    """
    telling = codes != KINK
    size = np.where(np.isfinite(exact), np.abs(exact), 0.0)
    seen, whole = np.where(telling, size, 0.0).sum(axis=0), size.sum(axis=0)
    count = telling.sum(axis=0)
    each = seen / np.maximum(count, 1)
    others = (whole - seen) / np.maximum(len(codes) - count, 1)
    matters = whole * units >= NEGLIGIBLE * (whole * units).max(axis=-1, keepdims=True)
    few = (seen < (1 - UNSEEN) * whole) & (others > STEEP * each)
    return np.asarray(few & matters & (whole > 0))


def of_coefficients(
    codes: Codes, ratio: Floats, budget: Floats, scale: Floats, sure: Floats | None = None
) -> Codes:
    """Verdicts (C, K) of coefficients by verdicts, ratios and budgets at events (E, C, K).

    scale (C, K) is the size below which nothing matters, by the differences alone; ``sure``
    (E, C, K) the ratio that three widths of the steps confirm (``second_look``).
    """
    telling = (codes == AGREES) | (codes == DIFFERS)
    events = telling.sum(axis=0)
    chance = CHANCE / max(1, events.size)
    differs = np.zeros(events.shape, dtype=np.bool_)
    too_few = np.ones(events.shape, dtype=np.bool_)
    for level, share in LEVELS:
        beyond = (telling & (ratio > level)).sum(axis=0)
        if beyond.any():  # of sound engines seldom: they do not wait for scipy.stats
            differs |= beyond >= critical(events, share, chance)
        too_few &= share**events >= chance  # even if all of them were beyond
    excess = np.where(telling & (ratio > 1), (ratio - 1) * budget, 0.0).sum(axis=0)
    if sure is not None:
        with np.errstate(invalid="ignore"):  # of what is infinite
            matters = ratio * budget > MATTERS * scale
        for level, events_needed in SURE:
            differs |= ((sure > level) & matters).sum(axis=0) >= events_needed
    several = (telling & (ratio > LEVELS[1][0])).sum(axis=0) >= 2
    differs |= several & (excess > WRONG * scale * events)
    found = np.full(events.shape, AGREES, dtype=np.int8)
    by_kinks = (codes == KINK).sum(axis=0) > (codes == UNDECIDED).sum(axis=0)
    found[too_few] = UNDECIDED
    found[too_few & by_kinks] = KINK
    found[differs] = DIFFERS
    return found


def critical(
    events: int | npt.NDArray[np.int64], share: float, chance: float
) -> npt.NDArray[np.int64]:
    """The least m with P(X ≥ m | M, share) < chance for M events; M + 1 where there is none."""
    from scipy.stats import binom  # takes most of a second to import

    return np.asarray(binom.isf(chance, events, share), dtype=np.int64) + 1


def overall(
    codes: Codes, *, responses_agree: bool, on_joints: bool = False, elsewhere: bool = False
) -> str:
    """The verdict of the whole from those of all coefficients (C, K).

    ``on_joints``: some of these do not exist at many events; ``elsewhere``: some are made where
    nothing was compared (``unseen``). Then the whole is no pass.
    """
    counts = np.bincount(codes.ravel(), minlength=len(VERDICTS))
    if counts[DIFFERS] or not responses_agree:
        return VERDICTS[DIFFERS]
    if on_joints:
        return VERDICTS[KINK]
    if 2 * counts[AGREES] >= codes.size and not elsewhere:
        return VERDICTS[AGREES]
    return VERDICTS[KINK if counts[KINK] > counts[UNDECIDED] else UNDECIDED]


def _mean(exact: Floats, differences: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Mean abs(t) over the events that are known, by the larger of the two engines, (C, K)."""
    size = np.where(known, np.maximum(np.abs(exact), np.abs(differences)), 0.0)
    return np.asarray(size.sum(axis=0) / np.maximum(known.sum(axis=0), 1))
