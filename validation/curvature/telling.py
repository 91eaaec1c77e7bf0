"""The section of the README, made of the numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from validation.curvature.judge import AVERAGED, POINTWISE, deviation, leading, second_order
from validation.curvature.nets import LONGER, REMAINDER, WIDTHS

__all__ = ["section"]

# activation, kind of second order, title
COLUMNS = (
    ("tanh", POINTWISE, "tanh, at the events"),
    ("relu", POINTWISE, "ReLU, at the events"),
    ("relu", AVERAGED, "ReLU, averaged"),
    ("leaky_relu", POINTWISE, "LeakyReLU, at the events"),
    ("leaky_relu", AVERAGED, "LeakyReLU, averaged"),
    ("elu", POINTWISE, "ELU, at the events"),
    ("elu", AVERAGED, "ELU, averaged"),
    ("gelu", POINTWISE, "GELU, at the events"),
    ("gelu", AVERAGED, "GELU, averaged"),
)


def section(numbers: Mapping[str, Any]) -> str:
    """What was done, the figures, the tables and what they say."""
    return "\n\n".join(
        [
            _setting(numbers),
            "![Second order of the toys](figures/curvature-toys.png)",
            _figure_words(numbers),
            _table(numbers["toys"]),
            _reading(numbers["toys"]),
            _remainder(numbers),
            _auto(numbers["toys"]),
            _higgs(numbers["higgs"]),
            _progress(numbers["progress"]),
        ]
    )


def _setting(numbers: Mapping[str, Any]) -> str:
    size = numbers["size"]
    seeds = size["seeds"]
    layers = " and ".join(str(width) for width in size["hidden"])
    return (
        "Between its kinks a ReLU net has no second derivative but that of its sigmoid, so second"
        " order at the events misses what bends at the kinks. Where kinks matter on the data"
        " (`curvature=auto`), `onnxtaylor` averages it over steps, by default of ±0.35σ for pairs"
        " and of ±1.4σ for widths (`curvature_step` sets another width). Nothing of this is"
        f" published. Nets of hidden layers of {layers} nodes are trained on the Gaussian toys by"
        f" the recipe of `toy_studies` ({size['training_events']:,} events, {size['epochs']}"
        f" epochs), {len(seeds)} for each activation and toy, and analyzed on"
        f" {size['test_events']:,} other events with default options. The seeds,"
        f" {seeds[0]} to {seeds[-1]}, took no part in the choice of the steps."
    )


def _figure_words(numbers: Mapping[str, Any]) -> str:
    return (
        f"Points are medians of {len(numbers['size']['seeds'])} nets, their error bars reach from"
        " the lowest to the highest; bars are the closed form on the same events."
    )


def _table(toys: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "⟨t⟩ of the closed form, and the median deviation of the nets from it. *Ideal, averaged* is"
        " the ideal response itself: what averaging alone does. What is left at tanh is the"
        " training's. Bold: the leading coefficients.\n",
        "| toy | | closed form | ideal, averaged | "
        + " | ".join(words for *_, words in COLUMNS)
        + " |",
        "| --- | --- |" + " ---: |" * (len(COLUMNS) + 2),
    ]
    for toy, one in toys.items():
        first = leading(one["expected"])
        for name in second_order(one["expected"]):
            ideal = one["ideal"]
            cells = [
                f"{median(net['closed_form'][name] for net in one['nets']['tanh']):.4f}",
                _percent(ideal["averaged"][name] / ideal["pointwise"][name] - 1),
                *(_percent(deviation(one["nets"][key], name, kind)) for key, kind, _ in COLUMNS),
            ]
            label = f"**{name}**" if name in first else name
            lines.append(f"| {toy} | {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _reading(toys: Mapping[str, Mapping[str, Any]]) -> str:
    def worst(key: str, kind: str) -> str:
        off = {
            (toy, name): deviation(one["nets"][key], name, kind)
            for toy, one in toys.items()
            for name in second_order(one["expected"])
        }
        toy, name = max(off, key=lambda place: abs(off[place]))
        return f"{_percent(off[toy, name])} ({toy}, {name})"

    losses = {
        key: median(net["loss_beyond_ideal"] for one in toys.values() for net in one["nets"][key])
        for key in ("tanh", "relu")
    }
    ideal = {
        (toy, name): one["ideal"]["averaged"][name] / one["ideal"]["pointwise"][name] - 1
        for toy, one in toys.items()
        for name in second_order(one["expected"])
    }
    place = max(ideal, key=lambda found: abs(ideal[found]))
    better = sum(
        abs(deviation(one["nets"]["relu"], name, AVERAGED))
        < abs(deviation(one["nets"]["tanh"], name, POINTWISE))
        for one in toys.values()
        for name in second_order(one["expected"])
    )
    return (
        f"Over all toys the largest median deviation is {worst('relu', POINTWISE)} for ReLU nets at"
        f" the events, {worst('relu', AVERAGED)} averaged; for tanh nets at the events"
        f" {worst('tanh', POINTWISE)}. In {better} of {len(ideal)} coefficients averaged ReLU nets"
        " are nearer than tanh nets at the events. Averaging flattens the ideal response, by"
        f" {_percent(ideal[place])} where most ({place[0]}, {place[1]}); ripples of a finite"
        " training add to means of abs(t), so the two partly cancel, and a deviation near zero is"
        " not proof of an exact coefficient. The responses are as good: the cross entropy of the"
        f" nets is beyond that of the ideal response by {losses['relu']:.1e} (ReLU) and"
        f" {losses['tanh']:.1e} (tanh), medians over the toys."
    )


def _remainder(numbers: Mapping[str, Any]) -> str:
    """Where the deviation of the pair of toy A comes from."""
    one, longer, name = numbers["toys"][REMAINDER], numbers["longer"], "t_12"
    flat = one["ideal"]["averaged"][name] / one["ideal"]["pointwise"][name] - 1
    off = {width: [deviation([net], name, width) for net in longer] for width in WIDTHS}
    smooth = [deviation([net], name, POINTWISE) for net in one["nets"]["tanh"]]
    usual = [deviation([net], name, AVERAGED) for net in one["nets"]["relu"]]
    return (
        f"In {REMAINDER} the averaged {name} of ReLU nets is {_percents(usual)} off, that of tanh"
        f" nets at the events {_percents(smooth)}; averaging the ideal response gives"
        f" {_percent(flat)}. The logit of {REMAINDER} is linear, so all kinks are left over from"
        " the training; a step of ±0.35σ crosses few of them, and means of abs(t) add up what does"
        f" not cancel. {len(longer)} ReLU nets trained on {LONGER} times as many events are"
        f" {_percents(off[WIDTHS[0]])} off, with steps of ±0.5σ {_percents(off[WIDTHS[1]])}."
    )


def _auto(toys: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "What `curvature=auto` took, and its reason for the first net of toy B:\n",
        "| net | taken | reason |",
        "| --- | --- | --- |",
    ]
    titles = {
        **{"relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "gelu": "GELU"},
        "tanh": "tanh",
    }
    for key, title in titles.items():
        nets = [net for one in toys.values() for net in one["nets"][key]]
        taken = sorted({net["auto"] for net in nets})
        counts = ", ".join(
            f"{kind} in {[net['auto'] for net in nets].count(kind)} of {len(nets)}"
            for kind in taken
        )
        lines.append(f"| {title} | {counts} | {toys['B']['nets'][key][0]['reason'] or '–'} |")
    return "\n".join(lines)


def _higgs(found: Mapping[str, Any]) -> str:
    keys = ("tanh, pointwise", "relu, averaged", "relu, pointwise")
    rows = [
        "**Higgs challenge.** ReLU nets and tanh nets of one recipe (`higgs_challenge`),"
        f" {found['seeds']} seeds of either, AUC {_span(found['auc']['relu'])} and"
        f" {_span(found['auc']['tanh'])}. Rank correlation of the {found['coefficients']}"
        " coefficients of second order, and how many of the 50 highest are common, over all pairs"
        " of nets: median, lowest to highest.\n",
        "![Second order of the Higgs challenge](figures/curvature-higgs.png)\n",
        "| of the response | rank correlation | common of 50 |\n| --- | ---: | ---: |",
        *_likeness(found["likeness"]),
        "\n| of the logit | rank correlation | common of 50 |\n| --- | ---: | ---: |",
        *_likeness(found["logit"]),
        "",
        _sigmoid(found),
        "\nThe highest ranked pairs and squares of the response of the tanh nets, ⟨t⟩ averaged over"
        " the seeds, with their rank:\n",
        "| | " + " | ".join(_words(key) for key in keys) + " |",
        "| --- |" + " ---: |" * len(keys),
    ]
    for row in found["leading"]:
        cells = [f"{row[key][0]:.4f} ({row[key][1]})" for key in keys]
        rows.append(f"| {row['name']} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _likeness(found: Mapping[str, Any]) -> list[str]:
    return [
        f"| {_words(key)} | {rho['median']:.3f} ({rho['low']:.3f} to {rho['high']:.3f}) |"
        f" {common['median']:g} ({common['low']:g} to {common['high']:g}) |"
        for key, of in found.items()
        for rho, common in [(of["rho"], of["common"])]
    ]


def _sigmoid(found: Mapping[str, Any]) -> str:
    averaged, pointwise = (
        found["likeness"][f"relu, {kind} – tanh, pointwise"] for kind in (AVERAGED, POINTWISE)
    )
    angles = found["angles"]
    return (
        "Of the response it makes little difference whether ReLU nets are averaged:"
        f" {averaged['rho']['median']:.3f} instead of {pointwise['rho']['median']:.3f}. At the"
        " events its second order is the product of two slopes of the logit and of the sigmoid's"
        " own curvature, and here that ranks as well. What bends at kinks is seen in the logit,"
        " where second order at the events is zero and nothing can be ranked. Averaging also counts"
        " what a finite training leaves at kinks: the share of Σ⟨t⟩ that has an azimuthal angle,"
        " which should tell little, is"
        f" {100 * angles['relu, averaged']:.0f} % averaged, {100 * angles['relu, pointwise']:.0f} %"
        f" at the events, and {100 * angles['tanh, pointwise']:.0f} % in tanh nets."
    )


def _progress(found: Mapping[str, Any]) -> str:
    size, nets = found["size"], found["nets"]
    return (
        f"**Learning progress.** {len(nets)} networks of 100 ReLU nodes on toy C, trained and"
        " judged as the tanh networks of `learning_progress`, with averaged second order tracked"
        f" every {size['every']} steps: averaged coefficients are analyzed anew at each tracked"
        f" step, while pointwise ones only get new weights. ⟨t_1⟩ and ⟨t_2⟩ come first here, too,"
        " but there is no rest on the way: the correlation follows while the marginal distributions"
        " are still being learned. Of the best linear"
        f" logit they are nearest at step {_steps([net['linear']['nearest'] for net in nets])}, and"
        f" {_shares([net['linear']['distance'] for net in nets])} off.\n\n"
        "![⟨t⟩ of ReLU networks against the training step](figures/curvature-progress.png)"
    )


def _steps(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _shares(values: Sequence[float]) -> str:
    return f"{100 * min(values):.0f} to {100 * max(values):.0f} %"


def _words(key: str) -> str:
    return key.replace("relu", "ReLU").replace("pointwise", "at the events")


def _span(values: Sequence[float]) -> str:
    return f"{min(values):.3f} to {max(values):.3f}"


def _percents(values: Sequence[float]) -> str:
    return f"{_percent(min(values))} to {_percent(max(values))}"


def _percent(value: float) -> str:
    return f"{100 * value:+.1f} %".replace("-", "−")
