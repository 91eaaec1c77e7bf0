"""Reads the options of an analysis, and refuses those that contradict one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from onnxtaylor.options import (
    DataOptions,
    EngineOptions,
    ModelOptions,
    PairOptions,
    StatisticsOptions,
)
from onnxtaylor.options.functions import read_keywords
from onnxtaylor.options.scale import scale_of
from onnxtaylor.run.pairs import require_pairs_make_sense

__all__ = ["Asked", "read_analysis"]


@dataclass(frozen=True)
class Asked:
    """The options of an analysis, by what they choose; ``pairs`` is None for all pairs."""

    model: ModelOptions
    data: DataOptions
    engine: EngineOptions
    statistics: StatisticsOptions
    pairs: str | None


def read_analysis(function: str, keywords: Mapping[str, object]) -> Asked:
    """Reads the keywords of a function that analyzes.

    Raises OptionError for a keyword that it does not take, and for options that contradict one
    another: before the work.
    """
    of_model, of_data, of_engine, of_statistics, of_pairs = read_keywords(
        function, keywords, ModelOptions, DataOptions, EngineOptions, StatisticsOptions, PairOptions
    )
    scale_of(of_engine, of_statistics)
    if of_pairs.pairs is not None:
        require_pairs_make_sense(of_engine, of_statistics)
    return Asked(of_model, of_data, of_engine, of_statistics, of_pairs.pairs)
