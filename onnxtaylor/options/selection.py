"""Options about a selection of features: which coefficients are kept, which p-values are bad."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from onnxtaylor.options.declare import option

__all__ = ["JoinOptions", "SelectionOptions"]


@dataclass(frozen=True, kw_only=True)
class SelectionOptions:
    """Coefficients of a result whose features are selected."""

    fraction: float | None = option(
        None,
        "Share of the coefficients that is kept, highest ranked first. Default: 0.05",
        metavar="SHARE",
        flag="top-fraction",
    )
    count: int | None = option(
        None, "Number of coefficients that are kept, in place of a share", metavar="N"
    )
    outputs: Sequence[str] | None = option(
        None,
        "Response; of several, the union is selected. Default: the first, with `per_class` all",
        metavar="NAME",
        flag="output",
    )
    group: str | None = option(None, "Class whose events count, or all (default)", metavar="NAME")
    per_class: bool = option(
        False,
        "Ranks each response over the events of its own class, and joins the features. The class"
        " of a response is known from the result or from `classes`",
    )
    order: int | None = option(None, "Only coefficients of this order", metavar="N")
    inverted: bool = option(False, "Selects the other features: those in no coefficient kept")


@dataclass(frozen=True, kw_only=True)
class JoinOptions:
    """Goodness of fit that a selection is joined with, and its limits."""

    gof: str | os.PathLike[str] | None = option(
        None,
        "Tests saved by `onnxtaylor gof -o`: they show which features are well modelled, to check,"
        " or to drop",
        metavar="FILE",
    )
    threshold: float | None = option(None, "Smaller p-values are bad. Default: 0.05", metavar="P")
    max_bad_pairs: int | None = option(
        None,
        "Bad pairs that a well modelled feature may have. Default: as many as chance gives, at 95 %"
        " confidence",
        metavar="N",
    )
