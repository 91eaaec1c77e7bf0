"""Rankings: their most influential part, and tables of the coefficients that a reader looks for.

Ranks are part of a result; ``statistics.ranks`` computes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, name_hint, printable
from onnxtaylor.results.classes import classes_of

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = [
    "Column",
    "best_ranked",
    "class_groups",
    "influential",
    "influential_count",
    "ranked_columns",
    "ranked_rows",
]


def influential_count(n_coefficients: int, fraction: float) -> int:
    """Returns ⌈fraction·K⌉: the number of coefficients in the upper ``fraction`` of a ranking.

    Raises OptionError for a fraction outside (0, 1].

    >>> influential_count(495, 0.05), influential_count(100, 0.07)
    (25, 7)
    """
    if not 0 < fraction <= 1:
        raise OptionError(
            f"must be above 0 and at most 1, such as 0.05 for the upper 5 %, got {fraction}",
            option="fraction",
        )
    # 1e-9: 0.07·100 is 7.000000000000001 in floating point, and means 7
    return max(1, ceil(fraction * n_coefficients - 1e-9))


def influential(score: npt.ArrayLike, fraction: float = 0.05) -> npt.NDArray[np.int64]:
    """Returns the ⌈fraction·K⌉ coefficients of largest score, best first.

    Shapes are (…, K) → (…, ⌈fraction·K⌉).

    Wunsch et al. (arXiv:1803.08782) call the upper 5 % influential. Ties keep the order of the
    convention. Raises OptionError for a fraction outside (0, 1].

    >>> influential([0.1, 0.7, 0.1, 0.3], 0.5)
    array([1, 3])
    """
    scores = np.asarray(score, dtype=np.float64)
    kept = influential_count(scores.shape[-1], fraction)
    return np.argsort(-scores, axis=-1, kind="stable")[..., :kept].astype(np.int64)


def best_ranked(
    rank: npt.NDArray[np.int64], count: int, among: npt.NDArray[np.int64] | None = None
) -> npt.NDArray[np.int64]:
    """Returns the places of the ``count`` best ranks, best first: (K,) to (count,).

    Equal ranks keep the order of the convention. ``among`` are the places to choose from,
    ascending; all by default.

    >>> best_ranked(np.array([3, 1, 4, 1]), 3)
    array([1, 3, 0])
    """
    own = rank if among is None else rank[among]
    places = np.arange(len(own))
    if count < len(own):
        places = np.flatnonzero(own <= np.partition(own, count - 1)[count - 1])
    places = places[np.argsort(own[places], kind="stable")[:count]]
    return places if among is None else among[places]


def ranked_rows(
    result: TaylorResult,
    *,
    count: int | None = None,
    output: str | int | None = None,
    group: str | None = None,
    order: int | None = None,
    feature: str | None = None,
) -> list[dict[str, Any]]:
    """Returns tidy rows of one output and group, best first: the table of ``onnxtaylor rank``.

    Ranks are those among all coefficients, whatever is filtered.

    Parameters
    ----------
    result
        The result.
    count
        Number of rows that are kept after the filters; by default all.
    output, group
        A response and a group of events; by default the first response and ``all``.
    order
        Keeps the coefficients of this order.
    feature
        Keeps the coefficients with a feature of this name, or with a name that matches this shell
        pattern (``DER_*``; upper and lower case differ).

    Raises
    ------
    OptionError
        For a count below 1, and an output, group, order or feature that the result does not have.
    """
    if count is not None and count < 1:
        raise OptionError(f"the number of rows must be at least 1, got {count}")
    c, g = result.position(output, group)
    among = np.arange(len(result.indices))
    if order is not None:
        among = np.flatnonzero(result.indices.orders == order)
        if not len(among):
            raise OptionError(f"the result has no coefficient of order {order}")
    if feature is not None:
        names = _matching(feature, result.features)
        flags = np.array([name in names for name in result.features])
        among = among[result.indices.having(flags)[among]]
    best = best_ranked(result.rank[c, g], len(among) if count is None else count, among)
    return [result.row(c, g, k) for k in best.tolist()]


def _matching(pattern: str, features: tuple[str, ...]) -> set[str]:
    names = {name for name in features if name == pattern or fnmatchcase(name, pattern)}
    if not names:
        raise OptionError(
            f"no feature matches {printable(pattern)!r}{name_hint(pattern, features)}"
        )
    return names


@dataclass(frozen=True)
class Column:
    """The ranking of one response over the events of one group; ``own`` if it is its own class."""

    output: str
    group: str
    rows: list[dict[str, Any]]
    own: bool = False


def ranked_columns(
    result: TaylorResult,
    *,
    count: int | None = None,
    group: str | None = None,
    per_class: bool = False,
    order: int | None = None,
    feature: str | None = None,
) -> list[Column]:
    """Returns the rankings of all responses, for columns of a table.

    Parameters
    ----------
    result
        The result.
    count, order, feature
        Filters of each ranking: see ``ranked_rows``.
    group
        Group of events over which all responses are ranked; by default ``all``.
    per_class
        Ranks response c over the events of class c, as in the CMS convention.

    Raises
    ------
    OptionError
        As ``ranked_rows`` does, for ``group`` together with ``per_class``, and where it is not
        known which class a response belongs to.
    """
    if per_class and group is not None:
        raise OptionError("per_class=True chooses the groups itself: leave group out")
    g = result.position(0, group)[1]
    groups = class_groups(result) if per_class else [result.groups[g]] * len(result.outputs)
    return [
        Column(
            output,
            own,
            ranked_rows(
                result, count=count, output=output, group=own, order=order, feature=feature
            ),
            own=per_class,
        )
        for output, own in zip(result.outputs, groups, strict=True)
    ]


def class_groups(result: TaylorResult) -> list[str]:
    """Returns the group of each output's own class, as in the CMS convention; one name per output.

    Raises OptionError, which says what to do, where neither model nor user name the classes.
    """
    return classes_of(result.nodes, result.outputs, result.groups[1:])
