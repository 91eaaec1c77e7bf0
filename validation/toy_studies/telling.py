"""What is claimed of the toys, and the section of the README that tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from validation.study import Claim
from validation.toy_studies.figure import TITLES
from validation.toy_studies.patterns import follows, leading, pattern_of

__all__ = ["LIMIT", "claims", "section"]

HEAD = """\
| scenario | leading | net | closed form | integral | deviation of the nets \
| largest deviation elsewhere | cross entropy beyond ideal |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"""
LIMIT = 0.10  # of the leading coefficient
PULL = 4.5  # of 29 coefficients one is beyond it by chance in 5 000 times


def claims(scenarios: Mapping[str, Mapping[str, Any]]) -> list[Claim]:
    """What has to hold of every net of every scenario."""
    found = [_near(scenarios)]
    for name, one in scenarios.items():
        pattern = pattern_of(name, one["expected"])
        kept = sum(follows(net, pattern) for net in one["net"])
        ideal = all(follows(scores, pattern) for scores in (*one["closed_form"], one["expected"]))
        found.append(
            Claim(
                f"{name}: {_words(name, one['expected'])}",
                f"{kept} of {len(one['net'])} nets; the closed form {'too' if ideal else 'not'}",
                ideal and kept == len(one["net"]),
            )
        )
    pulls = [abs(pull) for one in scenarios.values() for pull in one["pull"].values()]
    found.append(
        Claim(
            f"⟨t⟩ of the closed form on the events analyzed is within {PULL} standard errors of"
            " the integral, which infinitely many events have",
            f"{max(pulls):.1f} at most, of {len(pulls)} coefficients",
            max(pulls) < PULL,
        )
    )
    verdicts = [verdict for one in scenarios.values() for verdict in one["check"]]
    agreed = verdicts.count("agrees")
    found.append(
        Claim(
            "Both engines agree on every net",
            f"{agreed} of {len(verdicts)}",
            agreed == len(verdicts),
        )
    )
    return found


def _near(scenarios: Mapping[str, Mapping[str, Any]]) -> Claim:
    worst, where = max(
        (abs(_deviation(net, ideal, leading(ideal))), f"{name}, {leading(ideal)}")
        for name, one in scenarios.items()
        for net, ideal in zip(one["net"], one["closed_form"], strict=True)
    )
    return Claim(
        f"⟨t⟩ of the leading coefficient is within {LIMIT:.0%} of the closed form, in every net",
        f"{worst:.1%} at most ({where})",
        worst <= LIMIT,
    )


def _deviation(net: Mapping[str, float], ideal: Mapping[str, float], name: str) -> float:
    return net[name] / ideal[name] - 1


def _words(name: str, expected: Mapping[str, float]) -> str:
    published = {
        "A": "both t_i are above all of second order",
        "B": "the pair t_12 is above all others",
        "C": "t_12, t_1 and t_2 are above both t_ii",
        "D": "both t_ii are above all others",
    }
    if name in published:
        return published[name]
    order = [next(iter(names)) for names in pattern_of(name, expected)]
    return "the order of the closed form, " + ", ".join(order)


def section(numbers: Mapping[str, Any]) -> str:
    """Markdown from the numbers alone."""
    size, scenarios = numbers["size"], numbers["scenarios"]
    return f"""
Wunsch et al. (arXiv:1803.08782) train one hidden layer of 100 tanh nodes with a sigmoid output,
cross entropy and Adam to tell two Gaussian classes apart, and ask ⟨t⟩ what the net uses: the
marginal distributions (A), the correlation (B), both (C), the widths (D). E has three inputs: the
means of the first two differ, and the correlation of the last two. The ideal response of each is
known, and its ⟨t⟩ with it (`validation/toys.py`).

Our choice, since not stated or not known to us: {size["training_events"]:,} training events,
batches of {size["batch"]:,}, {size["epochs"]} epochs, a learning rate that falls from
{size["rate"]:g} to {size["last"]:g}, {size["nets"]} net{"s" * (size["nets"] != 1)} a scenario with
events and weights of their own, {size["test_events"]:,} other events to analyze. Inputs are
standardized by the training events; nets are exported by Keras and analyzed by
`onnxtaylor.analyze`.

![⟨t⟩ of every coefficient by scenario](figures/toy_studies-bars.png)

Filled bars are the mean of the nets, their error bars reach from the lowest to the highest; open
bars are the closed form on the same events, with its standard error.

{HEAD}
{chr(10).join(_row(name, one) for name, one in scenarios.items())}

The last column is measured on the events analyzed. Where nets differ from the closed form, it is
in the smaller coefficients: a finite training leaves ripples in the response, which means of
abs(t) add up, curvature most of all. {_steady(numbers["steady"], scenarios["A"])}

First order does not mean that a marginal distribution differs: in B both classes have the same
marginals, and t_1 and t_2 are three quarters of t_12, since the response rises or falls with x_1
according to x_2. In E, t_3 stands third for the same reason. ⟨t⟩ ranks what the response depends
on; that the *pair* is what separates the classes is seen from t_12 being above them.
"""


def _steady(steady: Mapping[str, Any], falling: Mapping[str, Any]) -> str:
    (net,), (ideal,) = steady["net"], steady["closed_form"]
    first = ("t_1", "t_2")
    off = " and ".join(f"{name} by {_deviation(net, ideal, name):+.1%}" for name in first)
    most = max(
        abs(_deviation(net, ideal, name))
        for net, ideal in zip(falling["net"], falling["closed_form"], strict=True)
        for name in first
    )
    return (
        f"The learning rate matters: where it stays at {steady['rate']:g}, a net of scenario A is"
        f" off in {off}; where it falls, by {most:.1%} at most."
    )


def _row(name: str, one: Mapping[str, Any]) -> str:
    first = leading(one["expected"])
    pairs = list(zip(one["net"], one["closed_form"], strict=True))
    low, *_, high = sorted([_deviation(net, ideal, first) for net, ideal in pairs] * 2)
    elsewhere, which = max(
        (
            (_deviation(net, ideal, key), key)
            for net, ideal in pairs
            for key in one["expected"]
            if key != first
        ),
        key=lambda found: abs(found[0]),
    )
    beyond = np.mean(one["loss_beyond_ideal"])
    return (
        f"| {TITLES[name].replace('$', '')} | {first}"
        f" | {np.mean([net[first] for net, _ in pairs]):.4f}"
        f" | {np.mean([ideal[first] for _, ideal in pairs]):.4f} | {one['expected'][first]:.4f}"
        f" | {low:+.1%} to {high:+.1%} | {elsewhere:+.0%} ({which}) | {beyond:.1e} |"
    )
