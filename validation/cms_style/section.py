"""What the study tells of its numbers, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

__all__ = ["section"]

ROWS = 10  # of the table in the text; all are in the files


def section(numbers: Mapping[str, Any]) -> str:
    """The study's section, made of the JSON alone."""
    return "\n\n".join(
        [
            _what(numbers),
            _choices(numbers),
            _learned(numbers),
            _ranked(numbers),
            _planted(numbers),
            _compared(numbers),
        ]
    )


def _what(numbers: Mapping[str, Any]) -> str:
    network, sample = numbers["network"], numbers["sample"]
    layers = " and ".join(str(width) for width in network["hidden"])
    return (
        "The CMS analysis of H → ττ, HIG-18-032, sorts events into classes by neural networks. The"
        " ranking of what their nodes are made of, by ⟨t⟩, is shown as a table: a column for each"
        ' class, a row for each rank, "variable" or "variable, variable" in the cells. Here is'
        " that table for a network whose truth is known. Hidden layers of"
        f" {layers} tanh nodes, dropout {network['dropout']:g}, L2 {network['l2']:g}, Adam at"
        f" {network['learning_rate']:g}, softmax of {', '.join(sample['classes'])}; score of node"
        " c over the events of true class c, and pooled over all classes with the same sum of"
        " weights each."
    )


def _choices(numbers: Mapping[str, Any]) -> str:
    network, sample = numbers["network"], numbers["sample"]
    sizes = sample["per_class"]
    return (
        "**Theirs and ours.** The shape of the network, its regularization, the convention and the"
        " layout follow CMS as they were handed to us; the classes enter with the same weight as"
        " they do in the confusion matrices on the"
        " [analysis' page](https://cms-results.web.cern.ch/cms-results/public-results/"
        "preliminary-results/HIG-18-032/). The events are not those of CMS, and nothing here is"
        " compared with a number of theirs. They are drawn from the recipe in"
        " `validation/cms_style/recipe.py`:"
        f" {len(sample['features'])} variables with names, medians, widths and correlations of the"
        f" usual size, of which {len(sample['noise'])} are the same in all classes; the numbers in"
        " it are our choice."
        " So are the preprocessing (logarithms of momenta, masses and isolation, then mean 0 and"
        f" σ 1), the number of events ({sizes['train']} of each class for training,"
        f" {sizes['held_out']} held out, {sizes['test']} for the analysis), the batches of"
        f" {network['batch']}, and the end of the training: the epoch with the least loss on the"
        f" events held out, of {network['epochs']}. {100 * sample['negative']:.1f} % of the events"
        f" have negative weights, in training and analysis; N_eff = {sample['n_eff']:.0f} in the"
        " analysis. The cross-check of both engines"
        f" {'agrees' if numbers['check'] == 'agrees' else 'says: ' + numbers['check']}."
    )


def _learned(numbers: Mapping[str, Any]) -> str:
    classes = numbers["sample"]["classes"]
    network, ideal = numbers["network"], numbers["ideal"]
    lines = [
        "**It learned.** The share of each true class (row, weighted) that has its largest"
        " response at each node; in brackets that of the ideal response, which no network can"
        f" beat. Accuracy {network['accuracy']:.3f} ({ideal['accuracy']:.3f}).\n",
        f"| true class | {' | '.join(classes)} |",
        "| :--- |" + " ---: |" * len(classes),
    ]
    for name, found, best in zip(classes, network["confusion"], ideal["confusion"], strict=True):
        cells = [f"{f:.2f} ({b:.2f})" for f, b in zip(found, best, strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _ranked(numbers: Mapping[str, Any]) -> str:
    return "\n".join(
        [
            "**First order**, each node over the events of its class; the ideal response's as"
            " diamonds.\n",
            "![First order of each class](figures/cms_style-first-order.png)\n",
            f"**The {ROWS} highest** of the 50 in the table of each node over its class"
            " ([Markdown](measured/cms_style-per-class.md),"
            " [LaTeX](measured/cms_style-per-class.tex),"
            " [figure](figures/cms_style-per-class.png)); pooled"
            " ([Markdown](measured/cms_style-pooled.md), [LaTeX](measured/cms_style-pooled.tex),"
            " [figure](figures/cms_style-pooled.png)).\n",
            _table(numbers["sample"]["classes"], numbers["per_class"]),
            "\n![The 50 highest ranked coefficients of each class]"
            "(figures/cms_style-per-class.png)",
        ]
    )


def _table(classes: Sequence[str], rankings: Sequence[Mapping[str, Any]]) -> str:
    """The recipe's names need no escapes: letters, digits and single underscores within words."""
    lines = [f"| rank | {' | '.join(classes)} |", "| ---: |" + " :--- |" * len(classes)]
    columns = [islice(of["table"].items(), ROWS) for of in rankings]
    for rank, cells in enumerate(zip(*columns, strict=True), start=1):
        text = " | ".join(f"{label} ({score:.3f})" for label, score in cells)
        lines.append(f"| {rank} | {text} |")
    return "\n".join(lines)


def _planted(numbers: Mapping[str, Any]) -> str:
    classes = numbers["sample"]["classes"]
    lines = [
        "**What was planted.** jeta_1 and jeta_2 are distributed alike in all classes; only their"
        " correlation differs, +0.6, and −0.6 in qqh. pzeta has the same median in all classes and"
        " is 2.5 times as wide in misc. ⟨t⟩ of the network, in brackets of the ideal response:\n",
        "| class | jeta_1, jeta_2 | rank | jeta_1 | its signed mean | pzeta, pzeta | rank | pzeta |"
        " its signed mean |",
        "| :--- |" + " ---: |" * 8,
    ]
    for name, of in zip(classes, numbers["per_class"], strict=True):
        cells = [name]
        for second, first in (
            (of["pair"], of["pair_first_order"][0]),
            (of["width"], of["width_first_order"]),
        ):
            cells += [_both(second), str(second["rank"]), _both(first), f"{first['signed']:+.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    ggh = numbers["per_class"][0]["pair"]
    qqh = numbers["per_class"][1]["pair"]
    lines.append(
        "\nA correlation alone still gives first-order scores: the slope along one jet follows the"
        " position of the other, and ⟨t⟩ is a mean of absolute values. Its direction averages out,"
        " which the signed mean shows. Nor is the pair absent from the other classes: ggh competes"
        f" with qqh for the same events, and has {ggh['score'] / qqh['score']:.2f} of its score"
        f" ({ggh['ideal'] / qqh['ideal']:.2f} for the ideal response); a softmax shares what it"
        " knows among its nodes. By class the ranking still says where the correlation is at home."
    )
    return "\n".join(lines)


def _both(of: Mapping[str, float]) -> str:
    return f"{of['score']:.3f} ({of['ideal']:.3f})"


def _compared(numbers: Mapping[str, Any]) -> str:
    classes = numbers["sample"]["classes"]
    lines = [
        "**Against the ideal response.** The densities of the recipe are known, so are the best"
        " response and its ⟨t⟩, by formula (`validation/cms_style/ideal.py`), over the same events"
        " with the same weights. Spearman's ρ over the coefficients that tell something; how many"
        " of the ten highest are the same; the ratio of network to ideal for these ten.\n",
        "| node | ρ, own class | ρ, pooled | same of ten | ratio, highest | smallest | largest |",
        "| :--- |" + " ---: |" * 6,
    ]
    for name, own, pooled in zip(classes, numbers["per_class"], numbers["pooled"], strict=True):
        ratios = own["leading_ratios"]
        lines.append(
            f"| {name} | {own['rank_correlation']:.3f} | {pooled['rank_correlation']:.3f}"
            f" | {own['common_leading']} | {ratios[0]:.2f} | {min(ratios):.2f}"
            f" | {max(ratios):.2f} |"
        )
    lines.append(
        "\n![⟨t⟩ of the network against the ideal](figures/cms_style-ideal.png)\n\n"
        "Where the scores differ from the ideal, the network is what differs, not its derivatives:"
        " dropout, L2, a finite sample and a training that ends make it another function. We did"
        " not vary these one by one. Coefficients that should be zero are not quite, and the rank"
        " of the highest of them says from where on a ranking is about the training."
    )
    return "\n".join(lines)
