"""What the tests can be asked for."""

from __future__ import annotations

from dataclasses import dataclass

from onnxtaylor.errors import OptionError, printable

__all__ = ["GofSettings"]

NORMALIZATIONS = ("shape", "absolute")


@dataclass(frozen=True)
class GofSettings:
    """``bins`` of one feature, ``pair_bins`` of each feature of a pair, ``fine_bins`` of KS and AD.

    A bin of the saturated test has an expectation of ``min_expected`` observed events at least,
    and every bin (Σw)²/Σw² ≥ ``min_effective`` simulated ones: 25 is an uncertainty of 20 %.
    ``normalize``: ``shape`` scales the expectation to what is observed, since weights of training
    samples seldom count events; ``absolute`` compares the yields as well. Raises OptionError.
    """

    bins: int = 10
    pair_bins: int = 5
    fine_bins: int = 100
    min_expected: float = 5.0
    min_effective: float = 25.0
    normalize: str = "shape"
    toys: int = 1000
    seed: int = 0
    pairs: bool = True

    def __post_init__(self) -> None:
        for name, least in (("bins", 2), ("pair_bins", 2), ("fine_bins", 2), ("toys", 20)):
            if getattr(self, name) < least:
                option = name.replace("_", "-")
                raise OptionError(f"--{option} {getattr(self, name)}: {least} at least are needed")
        if not (self.min_expected > 0 and self.min_effective > 0):
            raise OptionError("the least contents of a bin have to be positive")
        if self.seed < 0:
            raise OptionError(f"seed {self.seed}: a seed is 0 or larger")
        if self.normalize not in NORMALIZATIONS:
            raise OptionError(
                f"--normalize {printable(self.normalize)}: it takes {' or '.join(NORMALIZATIONS)}"
            )

    @property
    def shape(self) -> bool:
        """Whether only shapes are compared."""
        return self.normalize == "shape"
