"""Claims and section of the study, from its numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from validation.goodness_of_fit.recipe import FEATURES, PLANTED_FEATURE, PLANTED_PAIR
from validation.study import Claim

__all__ = ["claims", "section"]

SIGMA = 3.0


def claims(numbers: Mapping[str, Any]) -> list[Claim]:
    """What the study checks."""
    null = next(row for row in numbers["null"] if row["negative"] == 0.15)
    many = next(row for row in numbers["null"] if row["negative"] == 0.3)
    found, powers, higgs = numbers["found"], numbers["power"], numbers["higgs"]
    pair = ", ".join(PLANTED_PAIR)
    pulls = [
        (f - e) / s
        for f, e, s in zip(powers["found"], powers["expected"], powers["error"], strict=True)
    ]
    verdicts = numbers["verdicts"]
    dropped = verdicts[PLANTED_FEATURE].get("drop", 0.0)
    checked = min(verdicts[name].get("check", 0.0) for name in PLANTED_PAIR)
    return [
        *(
            Claim(
                f"Nothing wrong, 15 % negative weights: 5 % of the {what} have p < 5 %",
                _rate(null[key]),
                _is_five(null[key]),
            )
            for key, what in (
                ("features", "features"),
                ("pairs", "pairs"),
                ("KS", "features by KS"),
                ("AD", "features by AD"),
            )
        ),
        Claim(
            "With 30 % negative weights 5 % of features and of pairs, too",
            f"{_rate(many['features'])}; {_rate(many['pairs'])}",
            _is_five(many["features"]) and _is_five(many["pairs"]),
        ),
        Claim(
            "With 15 % every single p-value is uniform (least KS probability, Bonferroni)",
            f"{null['uniform']:.2g} of {null['tests']} tests, {null['experiments']} experiments",
            null["uniform"] > 0.01,
        ),
        Claim(
            "The power follows the non-central χ²",
            f"pulls {min(pulls):+.1f} to {max(pulls):+.1f}",
            max(map(abs, pulls)) < SIGMA + 0.5,
        ),
        Claim(
            f"The planted feature, {PLANTED_FEATURE}, is found in ≥ 95 %",
            _rate(found["feature"]),
            found["feature"][0] >= 0.95,
        ),
        Claim(
            f"The planted correlation, ({pair}), is found in ≥ 95 %",
            _rate(found["pair"]),
            found["pair"][0] >= 0.95,
        ),
        Claim(
            "All other features have p < 5 % as often as expected by chance",
            _rate(found["other_features"]),
            _is_five(found["other_features"]),
        ),
        Claim(
            "and so have all pairs that are not planted and without the planted feature",
            _rate(found["other_pairs"]),
            _is_five(found["other_pairs"]),
        ),
        Claim(
            f"The joined table says drop of {PLANTED_FEATURE} and check of {pair}, ≥ 85 % each"
            " (the pair does not count where either is bad alone by chance)",
            f"{dropped:.0%} and {checked:.0%} at least",
            min(dropped, checked) >= 0.85,
        ),
        Claim(
            "Random halves of the Higgs challenge: 5 % of features and of pairs have p < 5 %",
            f"{_rate(higgs['features'])}; {_rate(higgs['pairs'])}",
            _is_five(higgs["features"]) and _is_five(higgs["pairs"]),
        ),
    ]


def section(numbers: Mapping[str, Any]) -> str:
    """What the README tells."""
    sizes, found, higgs = numbers["sizes"], numbers["found"], numbers["higgs"]
    rows = [
        "| negative weights | experiments | features | pairs | KS | AD |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {row['negative']:.0%} | {row['experiments']} | "
            + " | ".join(_rate(row[key]) for key in ("features", "pairs", "KS", "AD"))
            + " |"
            for row in numbers["null"]
        ),
    ]
    return f"""
CMS' H → ττ analyses test the inputs of their networks in one and two dimensions, call p < 5 %
badly modelled, and decide by that, by the number of badly modelled pairs and by ⟨t⟩ what stays.
The procedure is theirs; sample, bins, sizes and the exact rule (`onnxtaylor/gof/join.py`) are our
choice, and no number here is one of theirs. `onnxtaylor gof` makes the tests, `select --gof` joins.

The sample ({len(FEATURES)} features with tails, whole numbers and missing values; `recipe.py`):
{sizes["data"]} counted events against {sizes["simulation"]} simulated ones with weights of both
signs, worth (Σw)²/Σw² = {numbers["n_eff"]:.0f}.

**Nothing wrong.** Share of the tests with p < 5 % and its error:

{chr(10).join(rows)}

The more weights are negative, the fewer bins there are: each has to hold (Σw)²/Σw² ≥ 25.

![Calibration and power](figures/goodness_of_fit-calibration.png)

**Planted**: the data's {PLANTED_FEATURE} is shifted by {numbers["planted"]["shift"]:g} σ, and the
correlation of ({", ".join(PLANTED_PAIR)}) is larger by {numbers["planted"]["rho"]:g}, which changes
neither of their distributions. Of {found["experiments"]} experiments the feature is found in
{_rate(found["feature"])}, the pair in {_rate(found["pair"])}; other features have p < 5 % in
{_rate(found["other_features"])}, pairs of other features in {_rate(found["other_pairs"])}: chance.
Pairs with the shifted feature have p < 5 % in {_rate(found["pairs_of_the_feature"])}, which says
nothing of their other feature; the rule does not count them. One experiment:

![p-values of pairs](figures/goodness_of_fit-pairs.png)

![p-values of features](figures/goodness_of_fit-features.png)

![The planted feature](figures/goodness_of_fit-planted.png)

**Joined** with ⟨t⟩ of a network (100 tanh nodes) that separates the recipe's signal from its
background, for which it needs the pair; the upper {numbers["top"]:.0%} of the coefficients are
influential. The same experiment:

{_table(numbers["joined"])}

Over all experiments {PLANTED_FEATURE} is to drop in
{numbers["verdicts"][PLANTED_FEATURE].get("drop", 0.0):.0%}, {PLANTED_PAIR[0]} and {PLANTED_PAIR[1]}
are to check in {numbers["verdicts"][PLANTED_PAIR[0]].get("check", 0.0):.0%} and
{numbers["verdicts"][PLANTED_PAIR[1]].get("check", 0.0):.0%}. A feature of which nothing is wrong
is called well modelled in {_fine(numbers["verdicts"]):.0%}; the rest are false alarms, of three
tests (alone, number of pairs, worst pair) at up to 5 % each. So is any other check or drop in the
table above: nothing else is planted.

**Real features**: {higgs["experiments"]} random halves of the Higgs challenge's events, one half
counted as data ({higgs["events"]["data"]:.0f} events on average, kept with a probability
proportional to their weight), the other as weighted simulation (worth
{higgs["events"]["n_eff"]:.0f}). p < 5 % in {_rate(higgs["features"])} of the 30 features and
{_rate(higgs["pairs"])} of the 435 pairs. The halves are cut from the same events again and again,
so the errors are a little too small.
"""


def _fine(verdicts: Mapping[str, Mapping[str, float]]) -> float:
    others = [name for name in FEATURES if name not in (PLANTED_FEATURE, *PLANTED_PAIR)]
    return float(np.mean([verdicts[name].get("well modelled", 0.0) for name in others]))


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| feature | ⟨t⟩ of first order | rank | best rank | p | bad pairs | verdict | because |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for row in rows:
        score = f"{row['score']:.3f} ± {row['sem']:.3f}"
        best = f"{row['best_rank']}{' (kept)' if row['important'] else ''}"
        lines.append(
            f"| {row['feature']} | {score} | {row['first_rank']} | {best} | {row['p']:.2g} |"
            f" {row['bad_pairs']} of {row['pairs']} | {row['verdict']} | {row['reason']} |"
        )
    return "\n".join(lines)


def _rate(found: Sequence[float]) -> str:
    share, error = found
    return f"{100 * share:.1f} ± {100 * error:.1f} %"


def _is_five(found: Sequence[float]) -> bool:
    share, error = found
    return bool(abs(share - 0.05) < SIGMA * error)
