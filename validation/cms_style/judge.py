"""What the recipe implies and what the ranking says: numbers and claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import onnxtaylor as ot
from validation.cms_style.recipe import CLASSES, JETS, NOISE, WIDTH
from validation.study import Claim

__all__ = ["TOP", "Compared", "claims", "compare", "rank_correlation", "truths"]

Floats = npt.NDArray[np.float64]

TOP = 50  # rows of the tables
LEADING = 10


@dataclass(frozen=True, eq=False)
class Compared:
    """The scores of one node over one group: those found, and those of the ideal response."""

    names: tuple[tuple[str, ...], ...]
    score: Floats
    signed: Floats
    ideal: Floats
    ideal_signed: Floats

    def place(self, *features: str) -> int:
        """Number of a coefficient."""
        return self.names.index(features)

    @property
    def silent(self) -> npt.NDArray[np.bool_]:
        """The coefficients with a variable that tells nothing, shape (K,)."""
        return np.array([any(name in NOISE for name in names) for names in self.names])

    @property
    def order(self) -> npt.NDArray[np.int64]:
        """Of each coefficient, shape (K,)."""
        return np.array([len(names) for names in self.names])


def compare(result: ot.TaylorResult, ideal: Floats, signed: Floats) -> dict[str, list[Compared]]:
    """``per_class``: node c over class c; ``pooled``: node c over all events.

    ``ideal`` and ``signed`` have the shape (5, 6, K) of ``ideal.scores``.
    """
    names = tuple(result.indices.names(result.features))
    found: dict[str, list[Compared]] = {"per_class": [], "pooled": []}
    for c, name in enumerate(CLASSES):
        for key, group, g in (("per_class", name, c + 1), ("pooled", "all", 0)):
            at = result.position(name, group)
            here = result.score[at], result.signed_mean[at], ideal[c, g], signed[c, g]
            found[key].append(Compared(names, *here))
    return found


def rank_correlation(a: Floats, b: Floats) -> float:
    """Spearman's ρ: the correlation of the ranks."""
    ranks = [np.argsort(np.argsort(values)) for values in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def truths(compared: Compared) -> dict[str, Any]:
    """What the claims and the section need of one node and group."""
    order, silent = compared.order, compared.silent
    falling = np.argsort(-compared.score, kind="stable")
    rank = np.empty(len(falling), int)
    rank[falling] = np.arange(1, len(falling) + 1)
    first = falling[order[falling] == 1]
    best = np.argsort(-compared.ideal, kind="stable")[:LEADING]
    ratios = compared.score[best] / compared.ideal[best]
    pairs = [k for k in falling if len(set(compared.names[k])) == 2]
    wide = [k for k in falling if order[k] == 2 and WIDTH in compared.names[k]]
    pair, auto = compared.place(*JETS), compared.place(WIDTH, WIDTH)
    return {
        "coefficients": len(falling),
        "table": {
            ", ".join(compared.names[k]): float(f"{compared.score[k]:.4g}") for k in falling[:TOP]
        },
        "first_order": [compared.names[k][0] for k in first],
        "best_rank_of_noise": int(rank[silent].min()),
        "rank_correlation": rank_correlation(compared.score[~silent], compared.ideal[~silent]),
        "common_leading": len(set(best.tolist()) & set(falling[:LEADING].tolist())),
        "leading_ratios": [round(float(r), 3) for r in ratios],
        "pair": _of(compared, pair, rank),
        "pair_first_order": [_of(compared, compared.place(jet), rank) for jet in JETS],
        "highest_pair": list(compared.names[pairs[0]]),
        "width": _of(compared, auto, rank),
        "width_first_order": _of(compared, compared.place(WIDTH), rank),
        "highest_with_width": list(compared.names[wide[0]]),
    }


def _of(compared: Compared, k: int, rank: npt.NDArray[np.int64]) -> dict[str, float]:
    return {
        "rank": int(rank[k]),
        "score": float(compared.score[k]),
        "signed": float(compared.signed[k]),
        "ideal": float(compared.ideal[k]),
        "ideal_signed": float(compared.ideal_signed[k]),
    }


def claims(numbers: Mapping[str, Any]) -> list[Claim]:
    """What the recipe implies of a network that has learned."""
    own = dict(zip(CLASSES, numbers["per_class"], strict=True))
    network, ideal = numbers["network"]["accuracy"], numbers["ideal"]["accuracy"]
    return [
        Claim(
            "the network learned: its accuracy is within 0.02 of the ideal response's",
            f"{network:.3f} of {ideal:.3f}",
            bool(network > ideal - 0.02),
        ),
        Claim(
            "the mass m_sv leads the first order of ggh and of ztt",
            ", ".join(f"{own[c]['first_order'][0]} in {c}" for c in ("ggh", "ztt")),
            all(own[c]["first_order"][0] == "m_sv" for c in ("ggh", "ztt")),
        ),
        _noise(own),
        *_pair(own),
        _width(own["misc"]),
        *_ideal(numbers),
    ]


def _noise(own: Mapping[str, Any]) -> Claim:
    last = [set(of["first_order"][-len(NOISE) :]) == set(NOISE) for of in own.values()]
    best = min(of["best_rank_of_noise"] for of in own.values())
    total = own["ggh"]["coefficients"]
    return Claim(
        f"the {len(NOISE)} variables that tell nothing are the last of the first order in every"
        f" class, and no coefficient with one of them is among the {TOP} highest",
        f"last in {sum(last)} of {len(last)} classes; highest rank {best} of {total}",
        all(last) and best > TOP,
    )


def _pair(own: Mapping[str, Any]) -> list[Claim]:
    qqh, name = own["qqh"], ", ".join(JETS)
    others = {c: of["pair"]["score"] / qqh["pair"]["score"] for c, of in own.items() if c != "qqh"}
    most = max(others, key=lambda c: others[c])
    slopes = [abs(jet["signed"]) / jet["score"] for jet in qqh["pair_first_order"]]
    first = max(jet["score"] for jet in qqh["pair_first_order"])
    return [
        Claim(
            f"the planted correlation ({name}) is the highest pair of qqh, and no other class"
            " has half of it",
            f"highest pair of qqh: {', '.join(qqh['highest_pair'])} (rank {qqh['pair']['rank']});"
            f" elsewhere at most {others[most]:.2f} of it (in {most})",
            qqh["highest_pair"] == list(JETS) and others[most] < 0.5,
        ),
        Claim(
            "in first order the two jets show no direction: signed mean below a tenth of ⟨t⟩, and"
            " ⟨t⟩ below that of the pair",
            f"signed mean {max(slopes):.3f} of ⟨t⟩; ⟨t⟩ {first / qqh['pair']['score']:.2f} of the"
            " pair's",
            bool(max(slopes) < 0.1 and first < qqh["pair"]["score"]),
        ),
    ]


def _width(misc: Mapping[str, Any]) -> Claim:
    slope = misc["width_first_order"]
    share = abs(slope["signed"]) / slope["score"]
    return Claim(
        f"the planted width shows as the auto-correlation of {WIDTH} in misc, above its pairs, and"
        " in first order without direction",
        f"{', '.join(misc['highest_with_width'])} (rank {misc['width']['rank']}); signed mean"
        f" {share:.3f} of ⟨t⟩",
        bool(misc["highest_with_width"] == [WIDTH, WIDTH] and share < 0.1),
    )


def _ideal(numbers: Mapping[str, Any]) -> list[Claim]:
    both = [*numbers["per_class"], *numbers["pooled"]]
    rho = [of["rank_correlation"] for of in both]
    common = [of["common_leading"] for of in both]
    leading = [of["leading_ratios"][0] for of in both]
    return [
        Claim(
            "ranks agree with those of the ideal response, per class and pooled: Spearman's"
            " ρ ≥ 0.95 over the coefficients that tell something",
            f"{min(rho):.3f} to {max(rho):.3f}",
            min(rho) >= 0.95,
        ),
        Claim(
            f"of the {LEADING} highest coefficients of the ideal response {LEADING - 2} or more are"
            f" among the network's {LEADING}, and the highest is within 25 %",
            f"{min(common)} to {max(common)} of {LEADING}; {min(leading):.2f} to"
            f" {max(leading):.2f} of the ideal",
            min(common) >= LEADING - 2 and all(abs(r - 1) < 0.25 for r in leading),
        ),
    ]
