"""Options about goodness of fit: which columns are compared, and how they are tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.options.declare import check_options, option

if TYPE_CHECKING:  # the command line's help need not wait for NumPy
    import numpy.typing as npt

__all__ = ["NORMALIZATIONS", "GofDataOptions", "GofOptions"]

NORMALIZATIONS = ("shape", "absolute")


@dataclass(frozen=True, kw_only=True)
class GofDataOptions:
    """Columns of the observed and of the expected events."""

    features: Sequence[str] | None = option(
        None,
        "Columns to compare. Default: those of both samples that hold no weights",
        metavar="NAMES",
    )
    weights: npt.ArrayLike | str | None = option(
        None,
        "Weight column of the expected events (default: unit weights)",
        metavar="NAME",
        flag="weight",
    )
    observed_weights: npt.ArrayLike | str | None = option(
        None,
        "Weight column of the observed events (default: unit weights)",
        metavar="NAME",
        flag="observed-weight",
    )
    exclude: Sequence[str] = option((), "Column that is not a feature", metavar="NAME")
    missing: float | None = option(
        None,
        "Value of missing entries, such as -999: they get a bin of their own",
        metavar="VALUE",
    )


@dataclass(frozen=True, kw_only=True)
class GofOptions:
    """Bins and toys of the tests.

    A bin of the saturated test has an expectation of at least ``min_expected`` observed events, and
    every bin (Σw)²/Σw² ≥ ``min_effective`` simulated ones: 25 is an uncertainty of 20 %. Raises
    OptionError for a value that is not among the choices.
    """

    bins: int = option(10, "Quantile bins of one feature", minimum=2, metavar="N")
    pair_bins: int = option(
        5, "Quantile bins of each feature in the test of a pair", minimum=2, metavar="N"
    )
    fine_bins: int = option(
        100, "Bins of the Kolmogorov–Smirnov and Anderson–Darling tests", minimum=2, metavar="N"
    )
    min_expected: float = option(
        5.0, "Smallest expectation of a bin, in observed events", metavar="X"
    )
    min_effective: float = option(
        25.0, "Smallest effective number of simulated events in a bin", metavar="X"
    )
    normalize: str = option(
        "shape",
        "shape: the expectation is scaled to the number of observed events, since weights of"
        " training samples seldom count events; absolute: the yields are compared as well",
        choices=NORMALIZATIONS,
        metavar="NAME",
    )
    toys: int = option(1000, "Toys for each p-value", minimum=20, metavar="N")
    seed: int = option(0, "Random seed of the toys", minimum=0, metavar="N")
    pairs: bool = option(True, "Tests all pairs of features")

    def __post_init__(self) -> None:
        check_options(self)
        for name in ("min_expected", "min_effective"):
            value = getattr(self, name)
            if not value > 0:
                raise OptionError(f"must be greater than 0, got {printable(value)}", option=name)

    @property
    def shape(self) -> bool:
        """Whether only shapes are compared."""
        return self.normalize == "shape"
