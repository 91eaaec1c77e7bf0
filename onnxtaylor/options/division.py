"""Options about work that is divided: one shard of many, the survey of all data, a cluster."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.options.declare import check_options, option

__all__ = ["ClusterOptions", "ShardOptions", "local_workers", "read_shard"]

MOST = 10**6  # shards


@dataclass(frozen=True, kw_only=True)
class ShardOptions:
    """The part of the data that this call is for.

    Raises OptionError for a text that names no shard.
    """

    shard: str | None = option(
        None,
        "This part of the events alone, such as 3/200, for a batch system: its sums are saved, and"
        " `onnxtaylor merge` makes the result of all parts",
        metavar="K/N",
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.shard is not None:
            read_shard(self.shard)


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """The cluster that does the work, and what is known of the data beforehand.

    Raises OptionError for a number of local workers below 1.
    """

    survey: str | os.PathLike[str] | None = option(
        None,
        "Survey of all data, of `onnxtaylor survey`: the first pass over the data is left out",
        metavar="FILE",
    )
    dask: str | None = option(
        None,
        "Dask scheduler that shares the work out, such as tcp://host:8786, or local:4 for four"
        " processes on this machine",
        metavar="ADDRESS",
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.dask is not None:
            local_workers(self.dask)


def read_shard(text: str) -> tuple[int, int]:
    """Returns K and N of ``K/N``. Raises OptionError unless 1 ≤ K ≤ N.

    >>> read_shard("3/200")
    (3, 200)
    """
    found = re.fullmatch(r"\s*(\d{1,7})\s*/\s*(\d{1,7})\s*", text)
    number, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= of <= MOST:
        raise OptionError(
            f"must be K/N with K from 1 to N, such as 3/200, got '{printable(text, 40)}'",
            option="shard",
        )
    return number, of


def local_workers(address: str) -> int | None:
    """Returns N of ``local:N``; None for the address of a scheduler. Raises OptionError.

    >>> local_workers("local:4"), local_workers("tcp://127.0.0.1:8786")
    (4, None)
    """
    if not address.startswith("local"):
        return None
    found = re.fullmatch(r"local:(\d{1,4})", address)
    if found is None or int(found[1]) < 1:
        raise OptionError(
            f"must be local:N with at least 1 process, or the address of a scheduler, got"
            f" '{printable(address, 60)}'",
            option="dask",
        )
    return int(found[1])
