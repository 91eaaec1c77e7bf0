"""What the publication found, and whether it holds here."""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot
from statistics import median
from typing import Any

from validation.study import Claim

__all__ = ["ANGLES", "FRACTION", "MASS", "claims"]

FRACTION = 0.05  # the upper part that the publication calls influential
MASS = "DER_mass_"
ANGLES = (
    *("PRI_tau_phi", "PRI_lep_phi", "PRI_met_phi"),
    *("PRI_jet_leading_phi", "PRI_jet_subleading_phi"),
)
# What counts as equal: AUC lower by less than this, AMS by less than two standard deviations.
AUC_MARGIN = 0.005


def claims(numbers: Mapping[str, Any]) -> list[Claim]:
    """What the publication found, and whether it holds here."""
    analysis, selected = numbers["analysis"], numbers["selection"]["names"]
    best = analysis["top"][0]
    masses = [name for name in selected if name.startswith(MASS)]
    angles = [name for name in selected if name in ANGLES]
    place = median([analysis["first_order"].index(name) + 1 for name in ANGLES])
    better, worse = (numbers["differences"][variant] for variant in ("selected", "others"))
    sigma = {
        (variant, key): hypot(d[key]["events"], d[key]["seeds"])
        for variant, d in (("selected", better), ("others", worse))
        for key in ("auc", "ams")
    }
    return [
        Claim(
            f"the engines agree on all {analysis['coefficients']} coefficients",
            f"check: {analysis['check']}",
            analysis["check"] == "agrees" and analysis["coefficients"] == 495,
        ),
        Claim(
            "mass variables are on top",
            f"rank 1: {best['label']}; {analysis['with_mass']} of the {analysis['kept']} highest"
            f" ranked coefficients have one; {len(masses)} of 4 are selected",
            any(name.startswith(MASS) for name in best["features"])
            and 2 * analysis["with_mass"] > analysis["kept"],
        ),
        Claim(
            "azimuthal angles φ are at the bottom",
            f"{len(angles)} of 5 are selected; their median rank in first order is {place:.0f} of"
            f" {numbers['variables']['all']}",
            not angles and place > numbers["variables"]["all"] / 2,
        ),
        Claim(
            "few coefficients are influential",
            f"the upper 5 % have {100 * analysis['share_of_kept']:.0f} % of Σ⟨t⟩; the median"
            f" coefficient is {100 * analysis['median_over_largest']:.1f} % of the largest",
            analysis["share_of_kept"] > 5 * FRACTION and analysis["median_over_largest"] < 0.1,
        ),
        Claim(
            f"the {len(selected)} variables behind them do as well as all"
            f" {numbers['variables']['all']}: AUC lower by less than {AUC_MARGIN}, AMS by less than"
            " 2 σ",
            _difference(better),
            better["auc"]["value"] > -AUC_MARGIN
            and better["ams"]["value"] > -2 * sigma["selected", "ams"],
        ),
        Claim(
            f"the other {numbers['variables']['others']} do not: both lower by more than 3 σ",
            _difference(worse),
            all(worse[key]["value"] < -3 * sigma["others", key] for key in ("auc", "ams")),
        ),
    ]


def _difference(found: Mapping[str, Any]) -> str:
    auc_, ams_ = (
        (found[key]["value"], hypot(found[key]["events"], found[key]["seeds"]))
        for key in ("auc", "ams")
    )
    text = (
        f"AUC {auc_[0]:+.4f} ± {auc_[1]:.4f}, AMS {ams_[0]:+.2f} ± {ams_[1]:.2f}"
        " against all variables"
    )
    return text.replace("-", "−")
