"""Reduction of the coefficients of features to those of groups.

At each event the coefficient of a group v, and of a pair of groups v ≤ w, is

    R_v = Σ abs(t_i)   over the features i of v
    R_vw = Σ abs(t_ij)   over the pairs i ≤ j of features, one in v and the other in w,

the latter once over the pairs of the same object, such as pt and eta of one constituent or t_ii,
and once over those of different objects. In place of the sum stand the mean, the largest, or the
sum over the leading slot alone: of pairs of different objects, over the first two slots. Features
that are not filled at an event, such as the padding of a set, do not count; where nothing is
filled, R is 0. In units of σ each t is multiplied by the σ of its features before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.reduce import reduce_terms

from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options.grouping import REDUCTIONS
from onnxtaylor.slots import Grouping

__all__ = ["Reduction"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SAME, DIFFERENT = 1, 2  # places in indices.RELATIONS


@dataclass(frozen=True, eq=False)
class Reduction:
    """A reduction of K coefficients of features to V of groups.

    Attributes
    ----------
    indices
        The V coefficients, as multi-indices of groups.
    how
        ``sum``, ``mean``, ``maximum`` or ``leading``.
    starts, members
        Where the members of each result begin, (V + 1,), in the list of places of coefficients,
        (M,).
    features
        Features of each member, (M, 2), the same one twice in first order.
    factors
        Factors of the members, (M,).
    keys
        Equal for the members that lead together, (M,).
    n
        Number of features that are grouped, or are in no group.
    """

    indices: MultiIndices
    how: str
    starts: Integers
    members: Integers
    features: Integers
    factors: Floats
    keys: Integers
    n: int

    @classmethod
    def plan(
        cls,
        indices: MultiIndices,
        grouping: Grouping,
        how: str = "sum",
        sigma: Floats | None = None,
    ) -> Reduction:
        """Plans the reduction of the coefficients of an engine.

        Parameters
        ----------
        indices
            Multi-indices of features, up to second order; those of features in no group are left
            out.
        grouping
            Groups of the first features; any further ones are in none.
        how
            One of ``REDUCTIONS``.
        sigma
            σ of each feature, (n,), by which coefficients are multiplied; None: they are not.

        Raises
        ------
        OptionError
            For third order, and where no coefficient is left.
        """
        if indices.order > 2:
            raise OptionError(
                'offers first and second order: use order=2, or by="feature"', option="by"
            )
        group, slot, thing = (
            _padded(numbers, indices.n_features)
            for numbers in (grouping.group_of, grouping.slot, grouping.object_of)
        )
        one = indices.table[:, 0].astype(np.int64)
        paired = indices.orders == 2
        other = np.where(paired, indices.table[:, -1], one).astype(np.int64)
        kept = np.flatnonzero((group[one] >= 0) & (group[other] >= 0))
        if not len(kept):
            raise OptionError("no feature of a group has a coefficient", option="by")
        one, other, paired = one[kept], other[kept], paired[kept]
        # the group of the smaller number first; within a group the slot of the smaller number
        swap = (group[one] > group[other]) | (
            (group[one] == group[other]) & (slot[one] > slot[other])
        )
        one, other = np.where(swap, other, one), np.where(swap, one, other)
        relation = np.where(paired, np.where(thing[one] == thing[other], SAME, DIFFERENT), 0)
        keys = (slot[one] + 1) * (slot.max() + 2) + np.where(paired, slot[other] + 1, 0)
        result = np.stack(
            [paired, group[one], np.where(paired, group[other], -1), relation], axis=1
        )
        ties = (keys,) if how == "leading" else ()  # else in the order of the memory
        order = np.lexsort((kept, *ties, *result.T[::-1]))
        one, other, paired, kept, keys, result = (
            a[order] for a in (one, other, paired, kept, keys, result)
        )
        first = np.flatnonzero(np.r_[True, (result[1:] != result[:-1]).any(axis=1)])
        table = result[first, 1:3].astype(np.int32)[:, : indices.table.shape[1]]
        told = result[first, 3].astype(np.int8)
        n = len(grouping.group_of)  # beyond are columns that are no features, such as masks
        width = np.ones(n + 1)
        if sigma is not None:
            width[: len(sigma)] = sigma
        return cls(
            MultiIndices(
                len(grouping.names), table, told if len(set(told[told > 0].tolist())) > 1 else None
            ),
            how,
            np.append(first, len(kept)),
            kept,
            np.stack([one, np.where(paired, other, one)], axis=1),
            width[one] * np.where(paired, width[other], 1.0),
            keys,
            n,
        )

    def __call__(self, terms: Floats, filled: Flags | None = None) -> Floats:
        """Reduces coefficients, or bounds of their errors.

        Parameters
        ----------
        terms
            (B, C, K).
        filled
            Whether each feature is filled at each event, (B, n); None: all are.

        Returns
        -------
        (B, C, V)
            Numbers ≥ 0.
        """
        out = np.empty((*terms.shape[:2], len(self.indices)))
        mask = np.zeros((0, 0), np.bool_) if filled is None else self._checked(filled)
        reduce_terms(
            np.ascontiguousarray(terms),
            self.starts,
            self.members,
            self.features,
            self.factors,
            self.keys,
            mask,
            REDUCTIONS.index(self.how),
            out,
        )
        return out

    def flags(self, flags: Flags, filled: Flags | None = None) -> Flags:
        """Flags the results with any flagged member that is filled, whether or not it leads.

        ``flags`` are (B, C, K) → (B, C, V), ``filled`` (B, n).
        """
        mine = flags[..., self.members]
        if filled is not None:
            mine &= np.asarray(self._checked(filled)[:, self.features].all(axis=2))[:, None]
        return np.asarray(np.logical_or.reduceat(mine, self.starts[:-1], axis=2))

    def _checked(self, filled: Flags) -> Flags:
        """Returns the flags for the kernel, which reads where it is told to. Raises ValueError."""
        if filled.shape[1] != self.n:
            raise ValueError(f"{filled.shape[1]} flags for {self.n} features")
        return np.ascontiguousarray(filled)


def _padded(numbers: Integers, n: int) -> Integers:
    """Fills up the numbers of the first features with -1 for all others."""
    return np.append(numbers, np.full(n - len(numbers), -1, numbers.dtype))
