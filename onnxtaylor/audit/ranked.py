"""Ranking of an audit and of its baseline: features, or the same variables, inputs or groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from onnxtaylor.errors import ResultError, printable
from onnxtaylor.options import StatisticsOptions
from onnxtaylor.options.grouping import read_by
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["require_same_ranking", "with_ranking_of"]

FEATURE, GROUP = "feature", "group"


def with_ranking_of(
    options: StatisticsOptions, baselines: Sequence[TaylorResult]
) -> StatisticsOptions:
    """Returns options that rank what the first baseline, if any, ranks, where that is left open."""
    if options.by is not None or not baselines:
        return options
    baseline = baselines[0]
    by = baseline.options.get("by") or FEATURE
    if by == FEATURE:
        return replace(options, by=FEATURE)
    groups = {one.name: one.features for one in baseline.data.variables}
    how = options.reduce or baseline.options.get("reduction")
    return replace(options, by=groups if by == GROUP else by, reduce=how)


def require_same_ranking(options: StatisticsOptions, baseline: TaylorResult, where: str) -> None:
    """Raises ResultError, naming the place, where a baseline ranks something else."""
    by = read_by(options.by or FEATURE)
    how = None if by == FEATURE else options.reduce or "sum"
    ours = (by if isinstance(by, str) else GROUP, how)
    theirs = (baseline.options.get("by") or FEATURE, baseline.options.get("reduction"))
    if ours != theirs:
        raise ResultError(
            f"{where}: it ranks by {_words(*theirs)}, but the audit by {_words(*ours)}: make both"
            " with the same by=… and reduce=…"
        )


def _words(by: object, how: object) -> str:
    """Says what is ranked: ``feature``, or ``variable (sum)``."""
    return f"{printable(by)}" + (f" ({printable(how)})" if how else "")
