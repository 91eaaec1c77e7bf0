"""Turns the answers of both engines into verdicts: at events, on coefficients, on the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.answers import Answers, digits_of, joints_of
from onnxtaylor.crosscheck.budget import scale_of
from onnxtaylor.crosscheck.comparisons import Comparisons, Responses
from onnxtaylor.crosscheck.verdicts import (
    AGREES,
    DIFFERS,
    KINK,
    OFTEN,
    UNDECIDED,
    judge_coefficients,
    judge_events,
    overall_verdict,
    scored_near_kinks,
)
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.promotion import ROUNDINGS

__all__ = ["judge"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def judge(
    answers: Answers,
    numbers: npt.NDArray[np.int64],
    indices: MultiIndices,
    spread: Floats,
    silent: Flags,
) -> tuple[dict[str, Any], Flags]:
    """Judges every comparison of two engines.

    Parameters
    ----------
    answers
        Both engines' answers at E events.
    numbers
        Numbers of the events in the data; the first E of them were evaluated.
    indices, spread
        The K coefficients; spread (n,) of each feature.
    silent
        Responses (C,) without anything to compare.

    Returns
    -------
    fields, elsewhere
        Fields of a ``CrossCheck``; flags (C, K) of coefficients whose ⟨t⟩ comes from events next to
        a kink.
    """
    ours, theirs = answers.exact.terms, answers.differences.terms
    kinks = answers.differences.kinks
    assert kinks is not None
    order = np.argsort(numbers[: len(ours)])
    budget, joints = answers.budget, joints_of(answers.exact, ours.shape)
    codes, ratio = judge_events(
        ours, theirs, budget, kinks, indices, spread, joints, averaged=answers.averaged
    )
    codes[silent[:, None] & (codes != KINK)] = UNDECIDED
    nearby = codes == KINK
    taken = np.isfinite(theirs) & ~nearby
    mean = np.where(taken, np.abs(theirs), 0.0).sum(axis=0) / np.maximum(taken.sum(axis=0), 1)
    sure = answers.again(ratio, (codes == AGREES) | (codes == DIFFERS))
    scale = scale_of(mean, indices.scale(spread))
    verdicts = judge_coefficients(codes, ratio, budget, scale, sure)
    on_joints = np.zeros(verdicts.shape, np.int64) if joints is None else joints.sum(axis=0)
    often = on_joints >= max(2, OFTEN * len(ours))
    verdicts[often & (verdicts != DIFFERS)] = KINK
    elsewhere = scored_near_kinks(codes, ours, indices.scale(spread)) & (verdicts != DIFFERS)
    verdicts[elsewhere] = KINK
    responses = _compare_responses(answers, numbers)
    fields = {
        "verdict": overall_verdict(
            verdicts,
            responses_agree=responses.agree,
            on_joints=bool(often.any()),
            elsewhere=bool(elsewhere.any()),
        ),
        "reason": None,
        "codes": verdicts,
        "on_joints": np.where(often, on_joints, 0),
        "responses": responses,
        "comparisons": Comparisons(
            numbers[order],
            ours[order],
            theirs[order],
            budget[order],
            ratio[order],
            codes[order],
        ),
    }
    return fields, elsewhere


def _compare_responses(answers: Answers, numbers: npt.NDArray[np.int64]) -> Responses:
    """Compares the responses of the two graphs: they must agree as far as rounding lets them."""
    ours, theirs = answers.exact.responses, answers.differences.responses
    deviation = np.abs(ours - theirs)
    scale = np.abs(theirs).max(axis=0)
    budget = answers.responses + ROUNDINGS * 2.0 ** (1 - digits_of(answers.precision)) * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(deviation == 0, 0.0, deviation / budget)
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    event, output = np.unravel_index(ratio.argmax(), ratio.shape)
    return Responses(
        agree=bool(ratio.max() <= 1),
        largest=float(ratio.max()),
        deviation=float(deviation[event, output]),
        event=int(numbers[event]),
    )
