"""Which order of the coefficients a scenario is known for, and whether scores follow it.

A pattern is a sequence of sets: every coefficient of a set is above every one of the later sets,
and above all that no set names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["CLOSED_FORM_DEPTH", "PUBLISHED", "follows", "leading", "pattern_of"]

Pattern = Sequence[frozenset[str]]

# A differs in the means, B in the correlation, C in both, D in the widths.
PUBLISHED: Mapping[str, Pattern] = {
    "A": (frozenset({"t_1", "t_2"}),),
    "B": (frozenset({"t_12"}),),
    "C": (frozenset({"t_1", "t_2", "t_12"}),),
    "D": (frozenset({"t_11", "t_22"}),),
}
CLOSED_FORM_DEPTH = 5  # of E: the next in order is within a fifth of the fifth


def leading(scores: Mapping[str, float]) -> str:
    """The coefficient of the largest score."""
    return max(scores, key=lambda name: scores[name])


def pattern_of(name: str, ideal: Mapping[str, float]) -> Pattern:
    """The published pattern of A to D; of E the order of its closed form's first coefficients."""
    if name in PUBLISHED:
        return PUBLISHED[name]
    falling = sorted(ideal, key=lambda key: -ideal[key])
    return tuple(frozenset({key}) for key in falling[:CLOSED_FORM_DEPTH])


def follows(scores: Mapping[str, float], pattern: Pattern) -> bool:
    """Whether the scores stand in the order of a pattern.

    >>> follows({"t_1": 0.2, "t_2": 0.1}, [frozenset({"t_1"})])
    True
    """
    left = dict(scores)
    for names in pattern:
        least = min(left.pop(name) for name in names)
        if left and least <= max(left.values()):
            return False
    return True
