"""Events at which a response has no derivative, since they lie exactly on a kink or a jump."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.indices import MultiIndices

__all__ = ["NoDerivative", "features_of"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class NoDerivative:
    """The events of a batch at which some coefficients do not exist.

    Attributes
    ----------
    events
        Numbers of these events in the batch, (F,).
    mask
        True for the coefficients that do not exist there, (F, C, K).
    """

    events: npt.NDArray[np.int64]
    mask: Flags

    def by_feature(self, indices: MultiIndices) -> Floats:
        """Counts the events at which no derivative by a feature exists.

        A feature is counted for its own coefficients t_i, t_ii, …; features of a pair are counted
        where neither has such a coefficient that does not exist.

        Parameters
        ----------
        indices
            The multi-indices of the K coefficients.

        Returns
        -------
        array
            Number of events for each feature, (n,).
        """
        pure = self.mask & (np.ptp(_padded(indices.table), axis=1) == 0)
        alone = pure.any(axis=(1, 2), keepdims=True)
        features = features_of(np.where(alone, pure, self.mask), indices)
        return np.asarray(features.any(axis=1).sum(axis=0), dtype=np.float64)

    def among(self, events: int, coefficients: int) -> Flags:
        """Returns the mask of the first coefficients for all events of the batch.

        Parameters
        ----------
        events
            Number of events of the batch, B.
        coefficients
            Number of coefficients that are kept, K' ≤ K.

        Returns
        -------
        array
            True where a coefficient does not exist, (B, C, K').
        """
        whole = np.zeros((events, self.mask.shape[1], coefficients), np.bool_)
        whole[self.events] = self.mask[..., :coefficients]
        return whole


def features_of(mask: Flags, indices: MultiIndices) -> Flags:
    """Marks the features by which the coefficients of a mask derive.

    Parameters
    ----------
    mask
        Flags of coefficients, (…, K).
    indices
        Their multi-indices.

    Returns
    -------
    array
        Flags of features, (…, n).
    """
    flags = np.zeros((*mask.shape[:-1], indices.n_features + 1), np.bool_)
    for slot in np.flatnonzero(mask.any(axis=tuple(range(mask.ndim - 1)))):
        for i in indices.table[slot]:
            flags[..., i] |= mask[..., slot]  # the table's filler -1 marks the last place
    return flags[..., :-1]


def _padded(table: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Pads multi-indices (K, order) of lower order with their first feature."""
    return np.where(table < 0, table[:, :1], table)
