"""Everything of a result but its numbers: known without the sums, and saved beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.indices import MultiIndices
from onnxtaylor.problem.few_events import inspect_few_events
from onnxtaylor.problem.hygiene import inspect_joints
from onnxtaylor.problem.unvarying import RangeSums, constant_notices
from onnxtaylor.results.documents import part
from onnxtaylor.results.summaries import DataSummary, ModelSummary, Notice
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.run.sound_head import require_head
from onnxtaylor.statistics import Accumulator

__all__ = ["Head"]


@dataclass(frozen=True, eq=False)
class Head:
    """A result without its numbers.

    Parameters
    ----------
    model, data, options, version
        Those of the result; ``data`` without its events.
    indices
        The K coefficients of the result.
    factors
        Factors (K,) that the coefficients are multiplied by; None: 1.
    notices
        Warnings that need no sums.
    ranked
        Names of what is ranked.
    check
        The cross-check; None where it is not done.
    """

    model: ModelSummary
    data: DataSummary
    options: Mapping[str, Any]
    version: str
    indices: MultiIndices
    factors: npt.NDArray[np.float64] | None
    notices: Sequence[Notice]
    ranked: Sequence[str]
    check: Mapping[str, Any] | None = field(default=None)

    def fill(self, sums: Accumulator, ranges: RangeSums | None = None) -> TaylorResult:
        """Returns the result of these sums.

        ``ranges`` are those of the responses; None: no warnings that come of sums. Raises DataError
        where the weights of a group do not sum to a positive number.
        """
        numbers = sums.finalize(self.factors)
        whole, notices = numbers.groups[0], list(self.notices)
        if ranges is not None:
            notices += inspect_joints(sums.joints, sums.events, self.ranked)
            notices += constant_notices(ranges.unvarying())
            notices += inspect_few_events(
                numbers.score[:, 0],
                numbers.rms[:, 0],
                whole.n_eff,
                lambda k: self.indices.label_at(k, self.ranked),
            )
        data = replace(
            self.data,
            events=whole.events,
            sum_weight=whole.sum_weight,
            n_eff=whole.n_eff,
            groups=numbers.groups,
        )
        return TaylorResult(
            model=self.model,
            data=_with_kinks(data, sums),
            options=self.options,
            indices=self.indices,
            score=numbers.score,
            sem=numbers.sem,
            signed_mean=numbers.signed_mean,
            rms=numbers.rms,
            rank=numbers.rank,
            rank_low=numbers.rank_low,
            rank_high=numbers.rank_high,
            check=self.check,
            numerical_error=numbers.numerical_error,
            version=self.version,
            warnings=tuple(notices),
        )

    def to_document(self) -> dict[str, Any]:
        """Returns everything but the arrays as a JSON object."""
        return {
            "model": asdict(self.model),
            "data": self.data.to_document(),
            "options": dict(self.options),
            "version": self.version,
            "warnings": [asdict(notice) for notice in self.notices],
            "ranked": list(self.ranked),
            "check": None if self.check is None else dict(self.check),
            "n_features": self.indices.n_features,
        }

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Returns the arrays by name."""
        arrays: dict[str, npt.NDArray[Any]] = {"indices": self.indices.table}
        if self.indices.relation is not None:
            arrays["relation"] = self.indices.relation
        if self.factors is not None:
            arrays["factors"] = self.factors
        return arrays

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> Head:
        """Returns the head of a document and its arrays. Raises KeyError or ValueError."""
        require_head(document, arrays)
        return cls(
            model=ModelSummary.from_document(document["model"]),
            data=DataSummary.from_document(document["data"]),
            options=document["options"],
            version=document["version"],
            indices=MultiIndices(
                int(document["n_features"]), arrays["indices"], arrays.get("relation")
            ),
            factors=arrays.get("factors"),
            notices=tuple(part(Notice, row) for row in document["warnings"]),
            ranked=tuple(document["ranked"]),
            check=document["check"],
        )


def _with_kinks(data: DataSummary, sums: Accumulator) -> DataSummary:
    """Adds the share of events with a kink within reach to the features, where it was counted."""
    if not len(sums.kinks):
        return data
    features = tuple(
        replace(feature, kinks=float(count / sums.events))
        for feature, count in zip(data.features, sums.kinks[: len(data.features)], strict=True)
    )
    return replace(data, features=features)
