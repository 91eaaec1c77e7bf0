"""ReLU nets of the Higgs challenge beside tanh nets: do they rank pairs and squares alike?

All nets are trained by the recipe of ``validation.higgs_challenge``, on all 30 variables. The
second order of two nets is compared by Spearman's rank correlation of its 465 ⟨t⟩, and by how many
of the 50 highest ranked are common to both. The yardstick are tanh nets of other seeds. Both the
response and its logit are compared: the sigmoid bends the response of any net, kinks or not, while
the logit of a ReLU net has no second derivative at the events at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

import onnxtaylor as ot
from validation.cms_style.judge import rank_correlation
from validation.higgs_challenge.claims import ANGLES
from validation.higgs_challenge.significance import auc
from validation.higgs_challenge.training import Sample, trained
from validation.study import Claim
from validation.training import export

__all__ = ["SEEDS", "SHORT_SEEDS", "TOP", "compared", "higgs_claims", "study_higgs_net"]

Floats = npt.NDArray[np.float64]
SEEDS, SHORT_SEEDS = (101, 102, 103, 104, 105), (101, 102)
TOP = 50
LISTED = 10
NOTHING = 1e-6  # ⟨t⟩ in single precision that stands for zero


def study_higgs_net(activation: str, seed: int, short: bool) -> dict[str, Any]:
    """⟨t⟩ of second order of one net on the test events, pointwise, and averaged where it kinks.

    Lists in ``response`` and in ``logit``, by kind of second order; ``auto``, ``reason`` and
    ``check`` are those of the response.
    """
    sample = Sample.read(short)
    training = trained(sample, sample.train.names, seed, short, activation)
    test = sample.test
    proto, z = export(training.model), sample.scaler(test.x)
    options: dict[str, Any] = {
        "feature_names": test.names,
        "weights": test.weight,
        "scale": "unit",
        "bootstrap": 0,
    }
    default = ot.analyze(proto, z, **options)
    auto = str(default.options["curvature"])
    second = default.indices.orders == 2
    found: dict[str, dict[str, list[float]]] = {
        "response": {auto: default.score[0, 0, second].tolist()},
        "logit": {},
    }
    for what, link in (("response", "identity"), ("logit", "logit")):
        for kind in {auto, "pointwise"} - set(found[what]):
            result = ot.analyze(proto, z, **options, link=link, curvature=kind, check=0)
            found[what][kind] = result.score[0, 0, second].tolist()
    names = [", ".join(of) for of in default.indices.names(default.features) if len(of) == 2]
    return {
        "names": names,
        **found,
        "auto": auto,
        "reason": default.options["curvature_reason"],
        "check": (default.check or {}).get("verdict"),
        "auc": auc(training.test, test),
    }


def compared(nets: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Numbers of the comparison, of nets as ``study_higgs_net`` returns them, by activation."""
    tanh = nets["tanh"]
    of, logit = _scores(nets, "response"), _scores(nets, "logit")
    names = tanh[0]["names"]
    mean = {key: np.mean(found, axis=0) for key, found in of.items()}
    ranks = {key: (np.argsort(np.argsort(-values)) + 1) for key, values in mean.items()}
    best = np.argsort(ranks["tanh, pointwise"])[:LISTED]
    return {
        "coefficients": len(names),
        "seeds": len(tanh),
        "auto": {key: [net["auto"] for net in found] for key, found in nets.items()},
        "reason": {key: found[0]["reason"] for key, found in nets.items()},
        "check": {key: [net["check"] for net in found] for key, found in nets.items()},
        "auc": {key: [round(net["auc"], 4) for net in found] for key, found in nets.items()},
        "likeness": _all_likeness(of),
        # at the events the logit of a ReLU net has zeros alone, which no rank tells apart
        "logit": _all_likeness(
            {key: found for key, found in logit.items() if np.max(found) > NOTHING}
        ),
        "largest_of_logit": {key: float(np.max(found)) for key, found in logit.items()},
        "angles": {key: _share_of_angles(names, found) for key, found in mean.items()},
        "total": {key: round(float(np.sum(values)), 4) for key, values in mean.items()},
        "leading": [
            {
                "name": names[k],
                **{key: [float(f"{mean[key][k]:.4g}"), int(ranks[key][k])] for key in mean},
            }
            for k in best
        ],
    }


def higgs_claims(found: Mapping[str, Any]) -> list[Claim]:
    """What is claimed of the Higgs challenge."""
    auto, check = found["auto"], [*found["check"]["relu"], *found["check"]["tanh"]]
    return [
        Claim(
            "Higgs challenge: by default second order is averaged in ReLU nets, pointwise in tanh"
            " nets, and both engines agree",
            f"averaged in {auto['relu'].count('averaged')} of {len(auto['relu'])}, pointwise in"
            f" {auto['tanh'].count('pointwise')} of {len(auto['tanh'])}; check:"
            f" {check.count('agrees')} of {len(check)} agree",
            set(auto["relu"]) == {"averaged"}
            and set(auto["tanh"]) == {"pointwise"}
            and set(check) == {"agrees"},
        ),
        Claim(
            "Higgs challenge: the logit of ReLU nets has second order averaged, and none at the"
            " events",
            f"the largest ⟨t⟩ is {found['largest_of_logit']['relu, averaged']:.2g} averaged,"
            f" {found['largest_of_logit']['relu, pointwise']:.2g} at the events",
            found["largest_of_logit"]["relu, pointwise"] < NOTHING
            and found["largest_of_logit"]["relu, averaged"] > 1e3 * NOTHING,
        ),
    ]


def _scores(nets: Mapping[str, Sequence[Mapping[str, Any]]], what: str) -> dict[str, list[Floats]]:
    """⟨t⟩ of each net, by activation and kind of second order."""
    return {
        f"{key}, {kind}": [np.array(net[what][kind]) for net in nets[key]]
        for key, kind in (("relu", "pointwise"), ("relu", "averaged"), ("tanh", "pointwise"))
    }


def _all_likeness(of: Mapping[str, Sequence[Floats]]) -> dict[str, dict[str, dict[str, float]]]:
    """ReLU nets beside tanh nets, and nets of other seeds beside one another."""
    return {
        **{
            f"{key} – tanh, pointwise": _likeness(product(found, of["tanh, pointwise"]))
            for key, found in of.items()
            if key.startswith("relu")
        },
        **{f"{key} – {key}": _likeness(combinations(found, 2)) for key, found in of.items()},
    }


def _share_of_angles(names: Sequence[str], scores: Floats) -> float:
    """Share of Σ⟨t⟩ that coefficients with an azimuthal angle have."""
    with_angle = [any(name in ANGLES for name in of.split(", ")) for of in names]
    return round(float(scores[with_angle].sum() / scores.sum()), 4)


def _likeness(pairs: Any) -> dict[str, dict[str, float]]:
    """Rank correlations, and numbers of common leading coefficients, of pairs of nets."""
    rho, common = [], []
    for a, b in pairs:
        rho.append(rank_correlation(a, b))
        tops = [set(np.argsort(-values)[:TOP].tolist()) for values in (a, b)]
        common.append(float(len(tops[0] & tops[1])))
    return {"rho": _range(rho), "common": _range(common)}


def _range(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(median(values), 4),
        "low": round(min(values), 4),
        "high": round(max(values), 4),
    }
