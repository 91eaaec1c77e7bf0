"""Baselines of an audit: whether they can be compared with it, and with which uncertainties."""

from __future__ import annotations

from onnxtaylor.audit.curvature import asked_curvature
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.ranked import require_same_ranking
from onnxtaylor.audit.retraining import FEWEST
from onnxtaylor.errors import ResultError, printable
from onnxtaylor.results.quantity import FINITE_STEP, curvature_of, quantity_of
from onnxtaylor.results.taylor import TaylorResult

__all__ = [
    "REMEDY",
    "drift_remedy",
    "includes_retraining_spread",
    "is_same_model_file",
    "require_comparable_baselines",
]

REMEDY = (
    "look at both with `onnxtaylor compare`: the data changed, or the training, or there is a"
    " fault; if the change is intended, make this result the new baseline"
)
RETRAIN = (
    "; with the results of three retrainings or more as baselines, the spread between trainings"
    " counts as well"
)


def require_comparable_baselines(evidence: Evidence) -> None:
    """Makes sure that the baselines measure the same as the audit, and are of different trainings.

    Raises
    ------
    ResultError
        Where a baseline has coefficients of another method, scale or link; where there are several
        baselines, but fewer than a spread can be estimated from; where two are of one model file.
    """
    for path, baseline in zip(evidence.baseline_paths, evidence.baselines, strict=True):
        _require_same_measure(evidence, f"baseline {printable(path)}", baseline)
    number = len(evidence.baselines)
    if 1 < number < FEWEST:
        raise ResultError(
            f"{number} baselines say too little about the spread between trainings: give one"
            f" baseline, or those of at least {FEWEST} trainings"
        )
    hashes = [baseline.model.sha256 for baseline in evidence.baselines]
    for k, sha256 in enumerate(hashes):
        if sha256 in hashes[:k]:
            paths = evidence.baseline_paths[hashes.index(sha256)], evidence.baseline_paths[k]
            raise ResultError(
                f"baselines {' and '.join(map(printable, paths))} are of the same model file: give"
                " only one of them, and results of other trainings"
            )


def is_same_model_file(evidence: Evidence) -> bool:
    """Whether the (first) baseline is of the audited model file itself, without retraining."""
    alone = len(evidence.model_hashes) == 1  # weights in another file may have changed
    return alone and evidence.baseline.model.sha256 == evidence.model.sha256


def includes_retraining_spread(evidence: Evidence) -> bool:
    """Whether the uncertainties of a change include the random effect of a retraining."""
    return len(evidence.baselines) > 1 or is_same_model_file(evidence)


def drift_remedy(evidence: Evidence) -> str:
    """Advice for a change since the baseline, with more baselines where the spread is unknown."""
    return REMEDY if includes_retraining_spread(evidence) else REMEDY + RETRAIN


def _require_same_measure(evidence: Evidence, where: str, baseline: TaylorResult) -> None:
    method, scale, link = evidence.measure
    theirs, ours = (
        "responses to finite steps" if quantity_of(one) == FINITE_STEP else "coefficients"
        for one in (baseline.method, method)
    )
    if theirs != ours:
        raise ResultError(
            f"{where}: it holds {theirs}, but the audit computes {ours}: make both with the same"
            " finite_step=…, or both without"
        )
    require_same_ranking(evidence.statistics_options, baseline, where)
    ours_now = asked_curvature(evidence.engine_options)
    its_own = curvature_of(baseline.quantity, baseline.indices)
    if ours_now and its_own and ours_now != its_own:
        raise ResultError(
            f"{where}: its second order is {its_own}, but that of the audit is {ours_now}: make"
            " both with the same curvature=… and curvature_step=…"
        )
    if (per := baseline.options.get("scale")) != scale:
        raise ResultError(
            f"{where}: it holds {theirs} per {printable(per)}, but the audit computes them per"
            f' {scale}: make the baseline with scale="{scale}"'
        )
    if (its := baseline.options.get("link", "identity")) != link:
        raise ResultError(
            f"{where}: it holds {theirs} of the link {printable(its)}, but the link of the audit is"
            f' {link}: make the baseline with link="{link}"'
        )
