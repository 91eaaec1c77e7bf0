"""The coefficients that an audit and its baselines have in common, column by column.

A result of a thousand features has half a million rows: only those of a finding become objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Subject
from onnxtaylor.comparison import Comparison, compare_results
from onnxtaylor.errors import OnnxTaylorError, ResultError, join_names, printable

__all__ = [
    "ComparedRows",
    "Row",
    "add_baseline_values",
    "compared_rows",
    "interval",
    "ranks_before",
    "subject",
]

Column = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class ComparedRows:
    """R coefficients of a comparison, A the baseline and B the audit.

    Attributes
    ----------
    comparison
        The comparison.
    at
        Places of the outputs, groups and coefficients in its arrays, (R,) each.
    columns
        Numbers of the rows, (R,): score, sem, rank and the ends of its interval for either side,
        such as ``score_a``; change and sigma. No interval without a bootstrap.
    scores, ranks
        Values of several baselines, in the units of the first, (m, R) each; None for one baseline.
    """

    comparison: Comparison
    at: tuple[Places, Places, Places]
    columns: Mapping[str, Column]
    scores: Column | None = None
    ranks: Column | None = None

    def __len__(self) -> int:
        return len(self.at[0])

    def __getitem__(self, name: str) -> npt.NDArray[np.float64]:
        """Returns a column in double precision."""
        return np.asarray(self.columns[name], np.float64)

    @property
    def has_intervals(self) -> bool:
        """Whether the ranks of both sides have intervals."""
        return "rank_low_a" in self.columns and "rank_low_b" in self.columns

    @property
    def orders(self) -> Places:
        """Order of each coefficient, (R,)."""
        return self.comparison.indices.orders[self.at[2]]

    @property
    def kinds(self) -> Places:
        """Number of each row's response, group and order, 0, 1, …; (R,)."""
        c, g, _ = self.at
        groups = len(self.comparison.shared.groups)
        keys = (c * groups + g) * (self.comparison.indices.table.shape[1] + 1) + self.orders
        return np.asarray(np.unique(keys, return_inverse=True)[1], np.int64)

    def row(self, r: int) -> Row:
        """Returns row r as an object, for a finding."""
        shared = self.comparison.shared
        c, g, k = (int(place[r]) for place in self.at)
        values = {name: column[r].item() for name, column in self.columns.items()}
        if self.ranks is not None:
            values["ranks"] = [int(rank) for rank in self.ranks[:, r]]
        return {
            "output": shared.outputs[c][0],
            "output_b": shared.outputs[c][1],
            "group": shared.groups[g],
            "label": shared.indices.label_at(k, shared.features),
            "features": list(shared.indices.names_at(k, shared.features)),
            **values,
        }


def compared_rows(comparison: Comparison, wanted: Flags) -> ComparedRows:
    """Returns the flagged coefficients, (output, group, K), the most significant first."""
    places = comparison.by_significance(np.flatnonzero(wanted))
    at = np.unravel_index(places, wanted.shape)
    columns = {name: values for name, values in comparison.sides(*at).items() if values is not None}
    columns |= {"change": comparison.change[at], "sigma": comparison.sigma[at]}
    return ComparedRows(comparison, (at[0], at[1], at[2]), columns)


def add_baseline_values(rows: ComparedRows, evidence: Evidence) -> ComparedRows:
    """Adds ``scores`` and ``ranks`` of all baselines to the rows, in the units of the first one.

    Raises
    ------
    ResultError
        Where a baseline lacks one of the coefficients.
    """
    first, *others = evidence.baselines
    places = rows.comparison.shared.a
    at = tuple(whole[part] for whole, part in zip(places, rows.at, strict=True))
    scores, ranks = [rows["score_a"]], [rows["rank_a"]]
    for path, other in zip(evidence.baseline_paths[1:], others, strict=True):
        try:
            theirs = compare_results(first, other)
        except OnnxTaylorError as error:
            raise ResultError(f"baseline {printable(path)}: {error}") from None
        found, ranked = np.full((2, *first.score.shape), np.nan)
        found[np.ix_(*theirs.shared.a)] = theirs.score_b
        ranked[np.ix_(*theirs.shared.a)] = other.rank[np.ix_(*theirs.shared.b)]
        if len(missing := np.flatnonzero(np.isnan(ranked[at]))):
            row = rows.row(int(missing[0]))
            raise ResultError(
                f"baseline {printable(path)} has no coefficient of {printable(row['label'])},"
                f" response '{printable(row['output'])}', group '{printable(row['group'])}',"
                f" which {printable(evidence.baseline_paths[0])} has: make all baselines alike"
            )
        scores.append(found[at])
        ranks.append(ranked[at])
    return replace(rows, scores=np.array(scores), ranks=np.array(ranks))


def subject(row: Row) -> Subject:
    """Returns the coefficient of a row as the subject of a finding."""
    names = tuple(row["features"])
    return Subject("coefficient", row["label"], names, row["output_b"], row["group"])


def ranks_before(row: Row) -> str:
    """Phrase of the rank in the baseline, or of those in several."""
    if "ranks" in row:
        return f"{join_names([str(rank) for rank in sorted(row['ranks'])], 12)} of the retrainings"
    return f"{row['rank_a']}{interval(row, 'a')}"


def interval(row: Row, side: str) -> str:
    """Phrase of the interval of a rank; empty without one."""
    low, high = row.get(f"rank_low_{side}"), row.get(f"rank_high_{side}")
    return "" if low is None else f" ({low}–{high})"
