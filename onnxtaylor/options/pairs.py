"""Options about the pairs that second order is computed of."""

from __future__ import annotations

import re
from dataclasses import dataclass

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.options.declare import check_options, option

__all__ = ["PairOptions", "top_count"]


@dataclass(frozen=True, kw_only=True)
class PairOptions:
    """The pairs of features whose second order is computed; all of first order is.

    Raises OptionError for a text that is neither ``top:N`` nor pairs of names.
    """

    pairs: str | None = option(
        None,
        "Second order of these pairs alone: pt:eta,mjj:deta (names, or patterns with * and ?), or"
        " top:50, the highest ranked at a sample of 256 events. Default: all pairs",
        metavar="PAIRS",
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.pairs is not None and top_count(self.pairs) is None:
            for text in self.pairs.split(","):
                if ":" not in text.strip(" :"):
                    raise OptionError(
                        f"must be top:N, or pairs of names such as pt:eta,mjj:deta, got"
                        f" '{printable(self.pairs, 60)}'",
                        option="pairs",
                    )


def top_count(pairs: str) -> int | None:
    """Returns N of ``top:N``; None for pairs of names. Raises OptionError for N = 0.

    >>> top_count("top:50"), top_count("top:eta")
    (50, None)
    """
    found = re.fullmatch(r"\s*top:(\d{1,9})\s*", pairs)
    if found is None:
        return None
    if int(found[1]) < 1:
        raise OptionError("top:N takes at least 1 pair, got 0", option="pairs")
    return int(found[1])
