"""Options about the statistics: how coefficients are scaled, summed and checked."""

from __future__ import annotations

import os
from dataclasses import dataclass

from onnxtaylor.errors import OptionError
from onnxtaylor.options.declare import check_options, option
from onnxtaylor.options.grouping import REDUCTIONS, Grouped, read_by

__all__ = ["CHECK_METHODS", "SCALES", "StatisticsOptions"]

SCALES = ("sigma", "unit")
CHECK_METHODS = ("auto", "all", "directions")
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class StatisticsOptions:
    """Scale of the coefficients, replicates of the bootstrap, and the cross-check of the engines.

    Raises OptionError for a value that is not among the choices.
    """

    by: Grouped | None = option(
        None,
        "What is ranked: feature; variable, over the slots of a set such as pf.pt[0], pf.pt[1], …;"
        " input; or groups of features. Default: feature",
        metavar="NAME",
    )
    reduce: str | None = option(
        None,
        "How abs(t) of the features of a variable, input or group become one number at each event:"
        " their sum, mean or maximum, or the leading slot alone. Default: sum",
        choices=REDUCTIONS,
        metavar="NAME",
    )
    scale: str = option(
        "sigma",
        "sigma: coefficients per standard deviation of each feature; unit: per unit of the input",
        choices=SCALES,
        metavar="NAME",
    )
    bootstrap: int | None = option(
        None,
        "Replicates of the bootstrap for the rank intervals; 0 for none (default: 200)",
        minimum=0,
        metavar="N",
    )
    seed: int = option(
        0,
        "Random seed of the bootstrap and of `sample`",
        minimum=0,
        maximum=MAX_SEED,
        metavar="N",
    )
    per_class: bool = option(
        False,
        "Ranks each response over the events of its own class (CMS convention). The class of a"
        " response is known from the model's names, from labels 0, 1, 2, … or from `classes`",
    )
    check: int = option(
        64,
        "Events at which both engines are compared, fewer where that takes long; 0 for none",
        minimum=0,
        metavar="N",
    )
    check_method: str = option(
        "auto",
        "Comparison of both engines: all coefficients at the events, or coefficients along random"
        " directions; auto takes all where that takes little of the analysis, or 60 s of a check",
        choices=CHECK_METHODS,
        metavar="NAME",
    )
    resume: str | os.PathLike[str] | None = option(
        None,
        "Folder that keeps the sums of unfinished work: the same call continues it, also after the"
        " process was killed, and ends with the same bytes",
        metavar="FOLDER",
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.by is not None:
            read_by(self.by)
        if self.by == "feature" and self.reduce is not None:
            raise OptionError(
                'is for several features that become one number: use by="variable", or leave it'
                " out",
                option="reduce",
            )
