"""The section of the README, made of the numbers alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from validation.toys import COEFFICIENTS

__all__ = ["section"]


def section(numbers: Mapping[str, Any]) -> str:
    """What was published, what we get, where we differ and why."""
    size, nets = numbers["size"], numbers["nets"]
    return "\n\n".join([_setting(size, len(nets)), _figure(), _table(nets), _reading()])


def _setting(size: Mapping[str, Any], seeds: int) -> str:
    return (
        "Wunsch et al. (arXiv:1803.08782) show ⟨t⟩ of a network on two Gaussian inputs after each"
        " gradient step, for classes that differ in their means and in the correlation of the"
        " inputs (scenario C of `validation/toys.py`), and find that the network learns the"
        " marginal distributions first and the correlation after that. They state no number for it."
        f" Batches of {size['batch']} events, Adam at a constant rate of {size['rate']:g},"
        f" {size['training_events']} training events, {size['steps']} steps, {seeds} networks of"
        " other events and other initial weights, and where to draw the line between the two"
        " phases, are our choices. ⟨t⟩ is tracked on"
        f" {size['tracked_events']} events that took no part in the training, by"
        " `ot.LearningProgress` and its Keras callback; the references are taken on the same"
        " events, so that the difference is the network's."
    )


def _figure() -> str:
    return (
        "![⟨t⟩ against the training step, and its ratio to the closed form]"
        "(figures/learning_progress-steps.png)"
    )


def _table(nets: list[Mapping[str, Any]]) -> str:
    names = [f"⟨{name}⟩" for name in COEFFICIENTS]
    lines = [
        "Step from which on each coefficient stays above half of the closed form, the steps between"
        " which the network is within 10 % of the best linear logit, the step from which on it is"
        " nearer to the full closed form, and ⟨t⟩ at the end in units of the latter:\n",
        f"| network | {' | '.join(names)} | linear | full | {' | '.join(names)} |",
        "| --- |" + " ---: |" * (2 * len(names) + 2),
    ]
    for k, net in enumerate(nets, start=1):
        halves = [_step(net["half"][name]) for name in COEFFICIENTS]
        last = [f"{net['last'][name]:.2f}" for name in COEFFICIENTS]
        linear = f"{_step(net['linear']['first'])} to {_step(net['linear']['last'])}"
        cells = [str(k), *halves, linear, _step(net["turn"]), *last]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _reading() -> str:
    return (
        "The published order is what we find. Two remarks. ⟨t_12⟩ does not wait at zero: the"
        " sigmoid of a linear logit makes pair terms of its own, so ⟨t_12⟩ first climbs, with ⟨t_1⟩"
        " and ⟨t_2⟩, to what the best linear logit gives, and rests there for hundreds of steps;"
        " only the second rise is the correlation. (`--link logit` looks behind the sigmoid.) And"
        " the coefficients of random weights must go before others come: one of ⟨t_1⟩, ⟨t_2⟩ may"
        " fall before it rises, which is why we ask from where on a curve *stays* above half. The"
        " auto-correlations ⟨t_11⟩ and ⟨t_22⟩ are the smallest, and are still off by more than the"
        " others at the end of these steps."
    )


def _step(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"
