"""Memory of the sums over all events, and the bootstrap replicates that it allows."""

from __future__ import annotations

from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.problem import Problem
from onnxtaylor.statistics.ranks import bytes_of_ranking

__all__ = ["bytes_beside_sums", "bytes_of_sums", "choose_replicates"]

REPLICATES = 200
REPLICATE_BYTES = 2**30  # beyond it the default bootstrap has fewer replicates
SUMS = 6  # numbers that are kept of each coefficient
NUMBERS = 2 * SUMS  # of a coefficient in a group of the result, with those they are made of


def bytes_of_sums(problem: Problem, indices: MultiIndices, replicates: int) -> int:
    """Returns the memory of the sums over all events, and of what becomes of them.

    Beside the sums there are first those of a batch, before they are merged, and at last the
    numbers of the result and the ranks in all replicates, of one response and group at a time.
    """
    groups = max(1, len(problem.survey.classes))
    size = 8 * len(problem.response_names) * len(indices)
    batch = size * (replicates + SUMS)
    ranking = bytes_of_ranking(replicates, len(indices))
    final = size * (groups + 1) * NUMBERS + ranking
    return size * groups * (replicates + SUMS) + max(batch, final)


def bytes_beside_sums(memory: int, sums: int) -> int:
    """Returns what the sums leave of the memory. Raises OptionError where that is nothing."""
    if sums >= memory:
        raise OptionError(
            f"must be more than {sums / 2**30:.2g} GiB, which the sums over the events take, and is"
            f" {memory / 2**30:.2g} GiB: use order=1, bootstrap=0, or fewer features",
            option="memory",
        )
    return memory - sums


def choose_replicates(
    asked: int | None, problem: Problem, indices: MultiIndices, memory: int
) -> int:
    """Returns the requested number of bootstrap replicates; by default 200, if memory allows.

    Raises OptionError for more than 16 GiB of them.
    """
    groups = max(1, len(problem.survey.classes))
    size = 8 * len(problem.response_names) * len(indices) * groups
    if asked is None:
        affordable = min(REPLICATE_BYTES, memory // 4) // size
        return min(REPLICATES, affordable) if affordable >= 20 else 0
    if asked * size > 16 * REPLICATE_BYTES:
        raise OptionError(
            f"of {asked} replicates needs {asked * size / 2**30:.0f} GiB for {len(indices)}"
            f" coefficients: use {16 * REPLICATE_BYTES // size} or fewer, or 0",
            option="bootstrap",
        )
    return asked
