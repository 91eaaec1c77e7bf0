"""What is claimed of planted noise, and the section of the README that tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from validation.planted_noise.higgs import ANGLES
from validation.study import Claim

__all__ = ["claims", "section"]

LOWEST = 1 / 3  # of the features: where a replaced one has to be
TIMES = 3.0  # at least so much more of it in an overfitted net
FACTOR = 2.0  # between the toy's noise and what chance left in the training events


def claims(numbers: Mapping[str, Any]) -> list[Claim]:
    """What has to hold of every net trained in the usual way, and of the toy."""
    found, toy = numbers["higgs"], numbers["toy"]
    nets = _usual(found)
    highest = min(net["rank"] for net in nets)
    top = found["planted"][0]
    kept = max(net["influential"] for net in nets)
    ratios = [n["score"]["t_3"] / n["chance"] for n in toy if n["l2"] == 0]
    return [
        Claim(
            f"Higgs: a replaced feature falls into the lowest third of the {found['features']}"
            " features, in every net",
            f"rank {highest} at best, of {len(nets)} nets; {top['feature']} from {top['place']} to "
            + " and ".join(str(net["rank"]) for net in top["nets"]),
            highest > found["features"] * (1 - LOWEST),
        ),
        Claim(
            "none of its coefficients, pairs included, is among the upper 5 %"
            f" ({nets[0]['kept']} of all)",
            f"{kept} at most",
            kept == 0,
        ),
        *_overfitted(found),
        Claim(
            f"Toy: without L2 the noise's ⟨t⟩ is within a factor {FACTOR:g} of what chance left in"
            " the training events, however many",
            f"{min(ratios):.2f} to {max(ratios):.2f} times",
            1 / FACTOR <= min(ratios) <= max(ratios) <= FACTOR,
        ),
    ]


def _overfitted(found: Mapping[str, Any]) -> list[Claim]:
    """That training decides how much a net leans on noise; none where it was not tried."""
    level = _levels(found)
    if "overfitted" not in level:
        return []
    usual = level[found["planted"][0]["training"]]
    times = level["overfitted"] / usual
    return [
        Claim(
            f"an overfitted net leans on it: its ⟨t⟩ is {TIMES:g} times as large or more",
            f"{level['overfitted']:.3f} against {usual:.3f}, {times:.0f} times",
            times >= TIMES,
        )
    ]


def _levels(found: Mapping[str, Any]) -> dict[str, float]:
    """Mean ⟨t⟩ of the replaced feature of the highest place, by training."""
    feature = found["planted"][0]["feature"]
    return {
        one["training"]: float(np.mean([net["score"] for net in one["nets"]]))
        for one in found["planted"]
        if one["feature"] == feature
    }


def _usual(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [net for _, net in _with_names(found)]


def _with_names(found: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """(feature, net) of every net trained in the usual way on a replaced feature."""
    usual = found["planted"][0]["training"]
    return [
        (one["feature"], net)
        for one in found["planted"]
        for net in one["nets"]
        if one["training"] == usual
    ]


def _beside_angles(net: Mapping[str, Any], feature: str) -> float:
    """⟨t⟩ of the replaced feature over the largest of the angles, itself left out."""
    return float(net["score"] / max(net["first"][name] for name in ANGLES if name != feature))


TRAINED = """\
| replaced | training | rank in first order | ⟨t⟩ | in standard errors | of the largest \
| over the largest φ | best and median rank in second order | AUC train, test |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"""
TOY = """\
| training events | L2 | epochs | noise t_3 | chance | in standard errors \
| t_13 | t_23 | t_33 | t_1 | t_12 |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


def section(numbers: Mapping[str, Any]) -> str:
    """Markdown from the numbers alone."""
    found, network = numbers["higgs"], numbers["plan"]["higgs"]["usual"]["network"]
    before = found["before"]
    rows = [_row(one) for one in found["planted"]]
    ratios = [_beside_angles(net, feature) for feature, net in _with_names(found)]
    beside = (min(ratios), max(ratios))
    return f"""
The publication does not do this; it is the check that a ranking can fail. A feature is replaced by
a permutation of its column over all events, which keeps its distribution and destroys all that it
has to do with the rest; the net is trained anew and analyzed on events with the replaced feature.

Higgs challenge, {found["training_events"]:,} events to train and {found["analyzed_events"]:,} to
analyze, KaggleWeight with equal totals of the classes; layers of {network["hidden"]} tanh nodes, L2
{network["l2"]:g}, Adam with a learning rate that falls from {network["learning_rate"]:g} to
{numbers["plan"]["higgs"]["usual"]["last"]:g} in {network["epochs"]} epochs of batches of
{network["batch"]}, {len(before)} seeds. Before, AUC is
{np.mean([net["auc"] for net in before]):.3f} on the events analyzed. “overfitted” has no L2 and
keeps the learning rate for 100 epochs.

![⟨t⟩ of replaced features](figures/planted_noise-scores.png)

{TRAINED}
{chr(10).join(rows)}

Noise does not fall to zero. What a net takes for a dependence is what chance left of one in its
training events, and a mean of abs(t) has no sign for it to cancel in. So ⟨t⟩ of noise is many
standard errors above zero, though the SEM is right: it tells how well this net's ⟨t⟩ is known, not
what another training would give. The floor is best read off features that are known to say nothing:
φ of τ, lepton and missing momentum; a replaced feature has {beside[0]:.1f} to {beside[1]:.1f} times
the largest of them. **A low ⟨t⟩ is to be compared with that of planted noise, not with zero.**

{_on_training(found)}

In the toy noise has no relation to anything by construction. “chance” is ⟨t_3⟩ of the quadratic
logit that fits the training events best, one Newton step from the ideal one: it falls like 1/√N,
and nets without L2 follow it, sample by sample.

{TOY}
{chr(10).join(_toy_rows(numbers["toy"]))}
"""


def _row(one: Mapping[str, Any]) -> str:
    nets = one["nets"]

    def each(what: str) -> str:
        return ", ".join(format(_measures(net, one["feature"])[what], ".3g") for net in nets)

    ranks = ", ".join(str(net["rank"]) for net in nets)
    second = ", ".join(f"{net['best']} and {net['median']:.0f}" for net in nets)
    aucs = ", ".join(f"{net['auc_train']:.3f} {net['auc']:.3f}" for net in nets)
    return (
        f"| {one['feature']} | {one['training']} | {one['place']} → {ranks} | {each('score')}"
        f" | {each('errors')} | {each('share')} | {each('angles')} | {second} of"
        f" {nets[0]['second_order']} | {aucs} |"
    )


def _measures(net: Mapping[str, Any], feature: str) -> dict[str, float]:
    return {
        "score": net["score"],
        "errors": net["score"] / net["sem"],
        "share": net["score"] / max(net["first"].values()),
        "angles": _beside_angles(net, feature),
    }


def _on_training(found: Mapping[str, Any]) -> str:
    """How the floor depends on the training, from the feature that has several."""
    feature = found["planted"][0]["feature"]
    of = [one for one in found["planted"] if one["feature"] == feature]
    levels = []
    for one in of:
        level = np.mean([net["score"] for net in one["nets"]])
        ranks = ", ".join(str(net["rank"]) for net in one["nets"])
        fit, test = (np.mean([net[key] for net in one["nets"]]) for key in ("auc_train", "auc"))
        levels.append(
            f"{level:.3f} ({one['training']}: rank {ranks}; AUC {fit:.3f} on the training events,"
            f" {test:.3f} on others)"
        )
    text = f"With {feature} replaced, its ⟨t⟩ is " + ", ".join(levels) + "."
    if len(of) > 1:
        text += (
            " A net that fits its training events too closely takes noise for structure. The"
            " ranking is true of that net, and a warning about it: compare the two AUCs before it"
            " is read as one of the data. Stronger L2 lowers all ⟨t⟩, the noise's with them."
        )
    return text


def _toy_rows(toy: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = []
    for events, l2 in dict.fromkeys((net["events"], net["l2"]) for net in toy):
        nets = [net for net in toy if (net["events"], net["l2"]) == (events, l2)]

        def each(name: str, nets: Sequence[Mapping[str, Any]] = nets) -> str:
            return ", ".join(f"{net['score'][name]:.4f}" for net in nets)

        errors = ", ".join(f"{net['score']['t_3'] / net['sem']['t_3']:.0f}" for net in nets)
        left = ", ".join(f"{net['chance']:.4f}" for net in nets)
        names = " | ".join(each(name) for name in ("t_13", "t_23", "t_33", "t_1", "t_12"))
        rows.append(
            f"| {events:,} | {l2:g} | {nets[0]['epochs']} | {each('t_3')} | {left} | {errors}"
            f" | {names} |"
        )
    return rows
