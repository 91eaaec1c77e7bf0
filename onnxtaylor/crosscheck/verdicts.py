"""Verdicts on one coefficient at one event, on a coefficient, and on the whole check.

**At an event**, with z = abs(t_exact − t_differences) / budget:

    kink       a kink of the response lies within reach of the stencil along one of the features, or
               exactly at the event, where the coefficient does not exist
               (see ``onnxtaylor.engine.exact.two_sided``)
    undecided  the budget exceeds the coefficient's scale: its mean size over the events, or 1 % of
               the response's largest coefficient in units of spread, whichever is larger
    differs    z > 1
    agrees     otherwise

The last two are conclusive. Error bounds hold at 99 % of the events, not at all, so one event
beyond its budget proves nothing. On a very steep net, steps that suit some events make the bounds
at others too small by a factor of a few; at a kink of the second derivative, which is not detected,
even sound engines may be far beyond.

**A coefficient differs** if more of its M conclusive events lie beyond z > z_l than chance explains
at one of three levels:

    P(X ≥ m | M, p_l) < 10⁻⁶ / (C·K)         z_l = 4, 10, 1000        p_l = 0.05, 0.01, 0.001

with X binomial, and all C·K coefficients of a check tested at once. For 64 events and 495
coefficients this needs 18, 10 and 6 events. The p_l are several times what sound engines show on
random nets: 2·10⁻⁴, 10⁻⁴ and 5·10⁻⁵ of all comparisons, the last two nearly all from overflow in
single precision. It differs, too, if ⟨t⟩ would be wrong by 10 % because of more than one event:
Σ max(0, deviation − budget) > M s / 10, s the scale as in ``onnxtaylor.crosscheck.budget``, with
two events beyond z > 10. A rule that is wrong by 1 % is beyond by 10 to 10⁷ wherever it contributes
to the response.

Few events suffice where the differences, computed again with other steps, confirm the deviation
(``onnxtaylor.crosscheck.second_look``) and it exceeds a thousandth of the scale: one event beyond
10 budgets, or two beyond 4. Of 700 sound random nets two had one event beyond 2, and none had one
beyond 4. So a fault is found that shows at only 5 % of the events, or only at those on a joint.

A coefficient with so few conclusive events that it could never differ is **undecided**, or **kink**
where that is the more frequent reason. A coefficient that does not exist at 5 % of the events or
more is **kink**: its ⟨t⟩ is a convention there. So is one whose ⟨t⟩ comes from events near kinks:
behind max(‖x‖, 10⁻¹²), coefficients at zero padding are 10¹² (``scored_near_kinks``). All others
**agree**.

**The whole** differs if one coefficient or the responses do. It is kink if a coefficient does not
exist at 5 % of the events. It agrees if at least half of the coefficients agree and no ⟨t⟩ comes
from events near kinks. Otherwise it is undecided or kink. Only agreement is a pass.
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
    "judge_coefficients",
    "judge_events",
    "near_kinks",
    "overall_verdict",
    "scored_near_kinks",
]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]

VERDICTS = ("agrees", "differs", "undecided", "kink")
AGREES, DIFFERS, UNDECIDED, KINK = range(4)

LEVELS = ((4.0, 0.05), (10.0, 0.01), (1000.0, 0.001))
CHANCE = 1e-6  # that one of all coefficients of sound engines differs
SURE = ((10.0, 1), (4.0, 2))  # confirmed deviation / budget, and the events that it takes
MATTERS = 1e-3  # of a coefficient's scale; single precision loses less where tanh is ±1
WRONG = 0.1  # of ⟨t⟩
OFTEN = 0.05  # of the events, exactly on a kink
UNSEEN, STEEP = 0.9, 10.0  # share of ⟨t⟩ at events near kinks; size of t there over the others'


def judge_events(
    exact: Floats,
    differences: Floats,
    budget: Floats,
    kinks: npt.NDArray[np.bool_],
    indices: MultiIndices,
    spread: Floats,
    joints: npt.NDArray[np.bool_] | None = None,
    *,
    averaged: bool = False,
) -> tuple[Codes, Floats]:
    """Judges each coefficient at each event.

    Parameters
    ----------
    exact, differences
        Coefficients of the two engines, (E, C, K).
    budget
        Deviation allowed between them, (E, C, K).
    kinks
        Flags of features with a kink within reach, (E, n).
    indices
        The multi-indices of the coefficients.
    spread
        Spreads of the features, (n,).
    joints
        Flags of coefficients that do not exist, since the event lies exactly on a kink or jump,
        (E, C, K).
    averaged
        Whether second order is averaged over steps, so that kinks are part of it.

    Returns
    -------
    tuple
        Verdicts as places in ``VERDICTS``, and deviation / budget, both (E, C, K).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.abs(exact - differences)
        ratio = np.where(deviation == 0, 0.0, deviation / budget)
    codes = np.where(ratio > 1, DIFFERS, AGREES).astype(np.int8)
    finite = np.isfinite(deviation) & np.isfinite(budget)
    nearby = near_kinks(kinks, indices, codes.shape, joints, averaged=averaged)
    # a coefficient of 10¹² on a guard such as max(‖x‖, 10⁻¹²) is no scale for the others
    scale = scale_of(_mean(exact, differences, finite & ~nearby), indices.scale(spread))
    codes[~finite | ~(budget <= scale)] = UNDECIDED
    codes[nearby] = KINK
    return codes, np.where(finite, ratio, np.inf)


def near_kinks(
    kinks: npt.NDArray[np.bool_],
    indices: MultiIndices,
    shape: tuple[int, ...],
    joints: npt.NDArray[np.bool_] | None = None,
    *,
    averaged: bool = False,
) -> npt.NDArray[np.bool_]:
    """Marks coefficients with a kink near the event.

    Parameters
    ----------
    kinks
        Flags of features with a kink within reach, (E, n).
    indices
        The multi-indices of the coefficients.
    shape
        Numbers of events, responses and coefficients, (E, C, K).
    joints
        Flags of coefficients that do not exist at an event, (E, C, K).
    averaged
        Whether second order is averaged over steps: then it is marked nowhere.

    Returns
    -------
    array
        True where a kink lies within reach of one of the features, or exactly at the event,
        (E, C, K).
    """
    marked = indices.having(kinks)
    if averaged:
        marked &= indices.orders == 1
    nearby = np.broadcast_to(marked[:, None], shape)
    return nearby.copy() if joints is None else nearby | joints


def scored_near_kinks(codes: Codes, exact: Floats, units: Floats) -> npt.NDArray[np.bool_]:
    """Finds coefficients whose ⟨t⟩ comes from events near kinks, where nothing was compared.

    Those events have more than 9/10 of Σ abs(t), and coefficients that are each more than ten times
    as large as at the others. Coefficients below 1 % of the response's largest are left out.

    Parameters
    ----------
    codes
        Verdicts at events, (E, C, K).
    exact
        The exact engine's coefficients, (E, C, K).
    units
        Products of the features' spreads, (K,).

    Returns
    -------
    array
        True for such coefficients, (C, K).
    """
    elsewhere = codes != KINK
    size = np.where(np.isfinite(exact), np.abs(exact), 0.0)
    seen, whole = np.where(elsewhere, size, 0.0).sum(axis=0), size.sum(axis=0)
    count = elsewhere.sum(axis=0)
    each = seen / np.maximum(count, 1)
    others = (whole - seen) / np.maximum(len(codes) - count, 1)
    matters = whole * units >= NEGLIGIBLE * (whole * units).max(axis=-1, keepdims=True)
    few = (seen < (1 - UNSEEN) * whole) & (others > STEEP * each)
    return np.asarray(few & matters & (whole > 0))


def judge_coefficients(
    codes: Codes, ratio: Floats, budget: Floats, scale: Floats, sure: Floats | None = None
) -> Codes:
    """Judges each coefficient by its verdicts at events.

    Parameters
    ----------
    codes, ratio, budget
        Verdicts, deviation / budget and budget at events, each (E, C, K).
    scale
        Size below which a coefficient does not matter, by the differences alone, (C, K).
    sure
        Deviation / budget that three widths of the steps confirm, (E, C, K).

    Returns
    -------
    array
        Verdicts as places in ``VERDICTS``, (C, K).
    """
    conclusive = (codes == AGREES) | (codes == DIFFERS)
    events = conclusive.sum(axis=0)
    chance = CHANCE / max(1, events.size)
    differs = np.zeros(events.shape, dtype=np.bool_)
    too_few = np.ones(events.shape, dtype=np.bool_)
    for level, share in LEVELS:
        beyond = (conclusive & (ratio > level)).sum(axis=0)
        if beyond.any():  # of sound engines seldom: they do not wait for scipy.stats
            differs |= beyond >= critical(events, share, chance)
        too_few &= share**events >= chance  # even if all of them were beyond
    excess = np.where(conclusive & (ratio > 1), (ratio - 1) * budget, 0.0).sum(axis=0)
    if sure is not None:
        with np.errstate(invalid="ignore"):  # of what is infinite
            matters = ratio * budget > MATTERS * scale
        for level, events_needed in SURE:
            differs |= ((sure > level) & matters).sum(axis=0) >= events_needed
    several = (conclusive & (ratio > LEVELS[1][0])).sum(axis=0) >= 2
    with np.errstate(invalid="ignore"):
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


def overall_verdict(
    codes: Codes, *, responses_agree: bool, on_joints: bool = False, elsewhere: bool = False
) -> str:
    """Returns the verdict on the whole check.

    Parameters
    ----------
    codes
        Verdicts on the coefficients, (C, K).
    responses_agree
        Whether the responses of the two graphs agree.
    on_joints
        Whether a coefficient does not exist at many events.
    elsewhere
        Whether the ⟨t⟩ of a coefficient comes from events where nothing was compared.
    """
    counts = np.bincount(codes.ravel(), minlength=len(VERDICTS))
    if counts[DIFFERS] or not responses_agree:
        return VERDICTS[DIFFERS]
    if on_joints:
        return VERDICTS[KINK]
    if 2 * counts[AGREES] >= codes.size and not elsewhere:
        return VERDICTS[AGREES]
    return VERDICTS[KINK if counts[KINK] > counts[UNDECIDED] else UNDECIDED]


def _mean(exact: Floats, differences: Floats, taken: npt.NDArray[np.bool_]) -> Floats:
    """Averages abs(t) of the larger of the two engines over the events taken, (C, K)."""
    size = np.where(taken, np.maximum(np.abs(exact), np.abs(differences)), 0.0)
    return np.asarray(size.sum(axis=0) / np.maximum(taken.sum(axis=0), 1))
