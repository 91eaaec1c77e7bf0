"""What the README says of the study, from its numbers alone."""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot
from typing import Any

__all__ = ["section"]

NAME = "higgs_challenge"
BEST = 3.81  # private leaderboard of the challenge; Adam-Bourdarios et al., JMLR W&CP 42 (2015) 19


def section(numbers: Mapping[str, Any]) -> str:
    """Markdown below the title and the claims."""
    return "\n\n".join(
        [_published(numbers), _coefficients(numbers), _variables(numbers), _trainings(numbers)]
    )


def _published(numbers: Mapping[str, Any]) -> str:
    events = numbers["events"]
    train, held_out, test = (events[part]["events"] for part in ("train", "held_out", "test"))
    total = train + held_out + test
    weights = [events["test"][f"{name}_weight"] for name in ("signal", "background")]
    share = 100 * weights[1] / sum(weights)
    return f"""\
**Published** (Wunsch, Friese, Wolf, Quast, [arXiv:1803.08782](https://arxiv.org/abs/1803.08782)):
a network on the 30 variables of the ATLAS Higgs challenge, −999 replaced by −10, inputs
standardized, events weighted; its 495 coefficients of first and second order; mass variables on
top, azimuthal angles at the bottom, few coefficients influential; the variables behind the upper
5 % do as well as all 30.

**Our choice**, where the publication does not state it or we are not sure what it states: two
hidden layers of 100 tanh nodes, sigmoid, cross entropy with equal total weight of both classes,
L2 1e-4, Adam 1e-3, batches of 200, early stopping; which events train and test; the cut of the AMS.

**Differs**: the publication took the challenge's events; we have the first {total:,} of them
(DOI 10.7483/OPENDATA.ATLAS.ZBP2.M5T8), parted by the last digit of the event's number: {train:,} to
train, {held_out:,} to stop the training and to choose cuts, {test:,} to test. ⟨t⟩ is that of the
first network over the test events with KaggleWeight: {share:.1f} % of that is background
(N_eff = {numbers["analysis"]["n_eff"]:,.0f})."""


def _coefficients(numbers: Mapping[str, Any]) -> str:
    lines = [
        f"![All coefficients by rank](figures/{NAME}-curve.png)",
        f"![Second order as a matrix](figures/{NAME}-matrix.png)",
        f"![The highest ranked coefficients](figures/{NAME}-scores.png)",
    ]
    return "\n\n".join(lines)


def _variables(numbers: Mapping[str, Any]) -> str:
    selection, seeds = numbers["selection"], numbers["seeds"]
    kept = numbers["analysis"]["kept"]
    rows = [
        f"The variables behind the upper 5 %, by `onnxtaylor select` ({kept} of"
        f" {numbers['analysis']['coefficients']} coefficients; a pair counts for both of its"
        f" variables; the last column: by how many of {seeds} networks, which differ by their seed,"
        " the variable is selected):\n",
        "| variable | coefficients | share of Σ⟨t⟩ | best rank | ⟨t⟩ of first order | networks |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for f in selection["features"]:
        if f["influential"]:
            rows.append(
                f"| {f['name']} | {f['coefficients']} | {100 * f['share']:.1f} % |"
                f" {f['best_rank']} | {f['first_order']:.4f} ± {f['sem']:.4f} |"
                f" {f['networks']} |"
            )
    others = [f for f in selection["features"] if not f["influential"]]
    listed = ", ".join(
        f["name"] + (f" (by {f['networks']} of the {seeds} networks)" if f["networks"] else "")
        for f in others
    )
    rows.append(f"\nNot selected, by best rank: {listed}.")
    same = [what for what, change in selection["elsewhere"].items() if not any(change.values())]
    if same:
        rows.append(f"Over the {' and over the '.join(same)} alone, the same are selected.")
    for what, change in selection["elsewhere"].items():
        for word in ("more", "fewer"):
            if change[word]:
                rows.append(f"Over the {what} alone, {word}: {', '.join(change[word])}.")
    open_ = [f["name"] for f in selection["features"] if f["sure"] is False]
    changing = sum(0 < f["networks"] < seeds for f in selection["features"])
    rows.append(
        "\nRank intervals tell what the number of events leaves open of one network: by them"
        f" {', '.join(open_) or 'none'} of the {len(selection['features'])} could change sides."
        f" What another training selects is another question: {changing} change sides with the"
        " seed."
    )
    return "\n".join(rows)


def _trainings(numbers: Mapping[str, Any]) -> str:
    rows = [
        f"![ROC curves and AMS](figures/{NAME}-trainings.png)\n",
        f"Three trainings with {numbers['seeds']} seeds each. Mean ± spread over the seeds ± what"
        " the number of test events leaves open (bootstrap of the events with networks and cuts"
        " held). The claims' differences are taken on the same replicates; their uncertainty has"
        " both parts.\n",
        "| variables | | epochs | AUC | AMS |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    titles = {"all": "all", "selected": "selected", "others": "the others (inverted selection)"}
    for variant, found in numbers["trainings"].items():
        epochs = sorted(found["epochs"])
        rows.append(
            f"| {titles[variant]} | {numbers['variables'][variant]} | {epochs[0]}–{epochs[-1]} |"
            f" {_value(found['auc'], 4)} | {_value(found['ams'], 2)} |"
        )
    behind = numbers["trainings"]["all"]["background_behind"]
    change = numbers["differences"]["selected"]["ams"]
    sigma = hypot(change["events"], change["seeds"])
    test = numbers["events"]["test"]
    rows.append(
        "\nAMS with b_r = 10, weights scaled class by class to the sums of the 250 000 training"
        " events of the challenge (691.99 and 410 999.85; the test events have"
        f" {test['signal_weight']:.2f} and {test['background_weight']:.2f}). The cut is the one of"
        " largest AMS on the events held out among those that leave at least"
        f" {numbers['least_background']} background events there; with all variables it leaves"
        f" {min(behind)} to {max(behind)} of them on the test events. Without such a demand the"
        " best cut is one behind which a handful of background events of small weight happens to"
        f" be left. The best of the challenge reached {BEST} with 250 000 events to train on"
        " (Adam-Bourdarios et al., JMLR W&CP 42 (2015) 19).\n\nHow good is “as good as”? The AMS of"
        f" the selected variables is {_signed(change['value'], 2)} ± {sigma:.2f} from that of all:"
        f" our test events do not exclude that {max(0.0, 2 * sigma - change['value']):.1f} are lost"
        " (two standard deviations). Their AUC is"
        f" {_signed(numbers['differences']['selected']['auc']['value'], 4)} from that of all."
    )
    return "\n".join(rows)


def _value(found: Mapping[str, Any], digits: int) -> str:
    return " ± ".join(f"{found[key]:.{digits}f}" for key in ("mean", "seeds", "events"))


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")
