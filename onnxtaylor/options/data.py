"""Options about the data: which columns are features, weights and labels, and which events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxtaylor.options.declare import check_options, option

if TYPE_CHECKING:  # the command line's help need not wait for NumPy
    import numpy.typing as npt

__all__ = ["DataOptions"]


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Choices of columns and events. ``weights`` and ``labels`` are arrays (N,) where the features
    are an array, names of columns where they come from files or a data frame.
    """

    feature_names: Sequence[str] | None = option(
        None,
        "Columns that are features, in the order of the model's input. Default: the names in the"
        " model's metadata, else all columns that are left",
        metavar="NAMES",
        flag="features",
    )
    labels: npt.ArrayLike | str | None = option(
        None, "Column of class labels: one group of events each", metavar="NAME", flag="label"
    )
    weights: npt.ArrayLike | str | None = option(
        None, "Column of event weights (default: unit weights)", metavar="NAME", flag="weight"
    )
    exclude: Sequence[str] = option((), "Column that is not a feature", metavar="NAME")
    missing: float | None = option(
        None,
        "Value of missing entries, such as -999: they are counted, and left out of mean and σ",
        metavar="VALUE",
    )
    events: int | None = option(None, "Only the first N events", minimum=1, metavar="N")
    sample: int | None = option(None, "Only a random sample of N events", minimum=1, metavar="N")

    def __post_init__(self) -> None:
        check_options(self)
