"""The features of the most influential coefficients, and the features of none of them.

Of the K coefficients of a response, ranked by ⟨t⟩, the upper ⌈fraction·K⌉ are kept; a feature is
influential if it is in one of these: alone, or as a part of a pair. Wunsch et al.
(arXiv:1803.08782) keep the upper 5 %. They train again with the influential features only, and with
the others only (the inverted selection).

Ranks have an uncertainty. A coefficient whose 68 % interval lies within the cut is surely kept, and
one whose interval lies behind the cut is surely not. A feature is surely influential if one of its
coefficients is surely kept, and surely not if none of them may be kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, join_names, printable
from onnxtaylor.results.displays import HtmlDisplay
from onnxtaylor.results.ranking import class_groups, influential_count

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["FRACTION", "Cut", "FeatureInfluence", "Selection", "select"]

FRACTION = 0.05

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cut:
    """The cut of a ranking: ``kept`` of ``total`` coefficients, down to ``score``."""

    output: str
    group: str
    kept: int
    total: int
    score: float


@dataclass(frozen=True)
class FeatureInfluence:
    """The influence of one feature, by the coefficients that are kept.

    Parameters
    ----------
    influential
        Whether the feature is in a kept coefficient of at least one ranking.
    sure
        Whether ``influential`` is the same for any ranks within the 68 % intervals; None without
        bootstrap.
    coefficients
        Number of kept coefficients that it is in, summed over rankings.
    share
        Σ ⟨t⟩ of its kept coefficients over Σ abs(⟨t⟩) of all, a pair counted for both of its
        features; the mean over rankings.
    best_rank
        The best rank of its coefficients, kept or not.
    first_order, sem
        ⟨t_i⟩ and its standard error, the largest of the rankings; None where not computed.
    """

    name: str
    influential: bool
    sure: bool | None
    coefficients: int
    share: float
    best_rank: int
    first_order: float | None
    sem: float | None


@dataclass(frozen=True)
class Selection(HtmlDisplay):
    """Features by influence: the influential ones first, both parts by best rank.

    ``names`` are the chosen features, in the order of the model's input: the influential ones or,
    with ``inverted``, the others. Features ``not_ranked`` have no coefficient in the result:
    nothing is known of them, so they are in neither part.
    """

    cuts: tuple[Cut, ...]
    order: int | None
    inverted: bool
    features: tuple[FeatureInfluence, ...]
    names: tuple[str, ...]
    not_ranked: tuple[str, ...]

    def __repr__(self) -> str:
        """Returns the chosen features, and the cut that chose them."""
        first, of = self.cuts[0], join_names([cut.output for cut in self.cuts])
        side = "not behind" if self.inverted else "behind"
        return (
            f"Selection: {len(self.names)} of {len(self.features)} features {side} the {first.kept}"
            f" highest ranked of {first.total} coefficients of {of}: {join_names(self.names, 10)}"
        )

    @property
    def influential(self) -> tuple[FeatureInfluence, ...]:
        """Features of the kept coefficients, best rank first."""
        return tuple(f for f in self.features if f.influential)

    @property
    def others(self) -> tuple[FeatureInfluence, ...]:
        """Ranked features that are in none of the kept coefficients, best rank first."""
        return tuple(f for f in self.features if not f.influential)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields of this class, fit for JSON."""
        return asdict(self)


def select(
    result: TaylorResult,
    fraction: float = FRACTION,
    *,
    count: int | None = None,
    outputs: str | int | Sequence[str | int] | None = None,
    group: str | None = None,
    per_class: bool = False,
    order: int | None = None,
    inverted: bool = False,
) -> Selection:
    """Selects the features of the most influential coefficients.

    Coefficients that are 0 are never kept.

    Parameters
    ----------
    fraction
        Upper part of each ranking that is kept.
    count
        Number of coefficients that are kept of each ranking, in place of ``fraction``.
    outputs
        Responses; by default the first. For several the union of their features is taken.
    group
        Group of events; by default ``all``.
    per_class
        Takes each response over the events of its own class; by default all responses.
    order
        Cuts the ranking of the coefficients of this order only; ranks are those among all.
    inverted
        Chooses the features that are in none of the kept coefficients.

    Raises
    ------
    OptionError
        For a fraction outside (0, 1], a count outside 1…K, an output, group or order that is not
        there, ``per_class`` with a group or without known classes, and a response without any
        coefficient above 0.
    """
    places = np.arange(len(result.indices))
    if order is not None:
        places = np.flatnonzero(result.indices.orders == order)
        if not len(places):
            raise OptionError(f"the result has no coefficient of order {order}")
    kept = influential_count(len(places), fraction)
    if count is not None:
        if not 1 <= count <= len(places):
            raise OptionError(
                f"must be between 1 and {len(places)}, the number of coefficients, got {count}",
                option="count",
            )
        kept = count
    parts = [
        _Part(result, c, g, places, kept) for c, g in _rankings(result, outputs, group, per_class)
    ]
    inside = np.any([part.coefficients > 0 for part in parts], axis=0)
    known = parts[0].ranked
    features = [_influence(result, i, parts) for i in np.flatnonzero(known).tolist()]
    features.sort(key=lambda f: (not f.influential, f.best_rank))
    chosen = known & (inside != inverted)
    return Selection(
        cuts=tuple(part.cut for part in parts),
        order=order,
        inverted=inverted,
        features=tuple(features),
        names=tuple(np.array(result.features, object)[chosen].tolist()),
        not_ranked=tuple(np.array(result.features, object)[~known].tolist()),
    )


def _rankings(
    result: TaylorResult,
    outputs: str | int | Sequence[str | int] | None,
    group: str | None,
    per_class: bool,
) -> list[tuple[int, int]]:
    """The (output, group) whose rankings are cut, each once."""
    if per_class and group is not None:
        raise OptionError("group and per_class=True exclude one another: leave one of them out")
    if outputs is None:
        outputs = list(result.outputs) if per_class else [0]
    elif isinstance(outputs, str | int):
        outputs = [outputs]
    if not outputs:
        raise OptionError("no output is named: name one, or leave outputs out for the first")
    groups = class_groups(result) if per_class else [group] * len(result.outputs)
    places = [result.position(output)[0] for output in outputs]
    return list(dict.fromkeys(result.position(c, groups[c]) for c in places))


class _Part:
    """The ranking of one (output, group), cut. Arrays have one value for each feature, (n,)."""

    def __init__(
        self, result: TaylorResult, c: int, g: int, places: npt.NDArray[np.int64], kept: int
    ) -> None:
        rank, score = result.rank[c, g, places], result.score[c, g, places]
        best = np.argsort(rank, kind="stable")[:kept]
        best = best[score[best] != 0]  # what vanishes has no influence, whatever its rank
        if not len(best):
            raise OptionError(
                f"all coefficients of response '{printable(result.outputs[c])}' over the events of"
                f" '{printable(result.groups[g])}' are 0: nothing can be selected by them"
            )
        keep = np.zeros(len(places), np.bool_)
        keep[best] = True
        coefficient, feature = _members(result.indices.table[places])
        n = result.indices.n_features

        def count(which: Bools) -> npt.NDArray[np.int64]:
            """Number of these coefficients that each feature is in, (n,)."""
            return np.bincount(feature[which[coefficient]], minlength=n)

        self.cut = Cut(
            result.outputs[c], result.groups[g], len(best), len(places), float(score[best[-1]])
        )
        self.ranked: Bools = count(np.ones_like(keep)) > 0
        self.coefficients = count(keep)
        # of no weight at all every score is 0, and so is every share
        share = np.where(keep, score, 0.0) / (abs(score).sum() or 1.0)
        self.share = np.bincount(feature, share[coefficient], minlength=n)
        self.best_rank = np.full(n, len(result.indices) + 1)
        np.minimum.at(self.best_rank, feature, rank[coefficient])
        self.sure_in: Bools | None = None
        self.sure_out: Bools | None = None
        if result.rank_low is not None and result.rank_high is not None:
            low, high = result.rank_low[c, g, places], result.rank_high[c, g, places]
            within, behind = _beyond_doubt(low, high, kept, len(result.indices))
            self.sure_in = count(within) > 0
            self.sure_out = count(~behind) == 0
        self.first_order = result.vector(c, result.groups[g])
        self.sem = np.full(result.indices.n_features, np.nan)
        first = np.flatnonzero(result.indices.orders == 1)
        self.sem[result.indices.table[first, 0]] = result.sem[c, g, first]


def _members(table: npt.NDArray[np.int32]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The pairs (coefficient, feature in it), each once: t_ii has one."""
    new = table >= 0
    new[:, 1:] &= table[:, 1:] != table[:, :-1]  # multi-indices are sorted
    coefficient, column = np.nonzero(new)
    return coefficient, table[coefficient, column]


def _beyond_doubt(
    low: npt.NDArray[np.int64], high: npt.NDArray[np.int64], kept: int, total: int
) -> tuple[Bools, Bools]:
    """Flags of coefficients that are always, and of those that are never, among the ``kept`` best.

    Always and never mean: for any ranks within the intervals, which are those among all ``total``
    coefficients. In a part of them the rank of a coefficient is not known but bounded: it is no
    further down than all others whose interval begins before its own ends, and no further up than
    those whose interval ends before its own begins.
    """
    if len(low) == total:
        return high <= kept, low > kept
    may_precede = np.searchsorted(np.sort(low), high, side="left") - (low < high)
    must_precede = np.searchsorted(np.sort(high), low, side="left")
    return may_precede < kept, must_precede >= kept


def _influence(result: TaylorResult, i: int, parts: Sequence[_Part]) -> FeatureInfluence:
    first = np.array([part.first_order[i] for part in parts])
    largest = None if np.isnan(first).all() else int(np.nanargmax(first))
    influential = any(part.coefficients[i] > 0 for part in parts)
    sure: bool | None = None
    if all(part.sure_in is not None for part in parts):
        sure = (
            any(part.sure_in is not None and bool(part.sure_in[i]) for part in parts)
            if influential
            else all(part.sure_out is not None and bool(part.sure_out[i]) for part in parts)
        )
    return FeatureInfluence(
        name=result.features[i],
        influential=influential,
        sure=sure,
        coefficients=sum(int(part.coefficients[i]) for part in parts),
        share=float(np.mean([part.share[i] for part in parts])),
        best_rank=min(int(part.best_rank[i]) for part in parts),
        first_order=None if largest is None else float(first[largest]),
        sem=None if largest is None else float(parts[largest].sem[i]),
    )
