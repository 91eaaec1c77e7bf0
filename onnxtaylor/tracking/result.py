"""ProgressResult: scores after each step of a training, frozen, versioned, saved and loaded.

After each step s, for every response node c, group g and Taylor coefficient α,

    score  ⟨t_α⟩ = Σ w abs(t_α) / Σ w       sem  √(Σ w² (abs(t_α) − ⟨t_α⟩)²) / abs(Σ w)
    signed_mean  Σ w t_α / Σ w

over the same events at every step, so what changes is the model.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, join_names, name_hint, printable
from onnxtaylor.indices import MultiIndices, label
from onnxtaylor.results.consistency import check_data, check_limits
from onnxtaylor.results.displays import HtmlDisplay
from onnxtaylor.results.documents import (
    DocumentKind,
    check_unique,
    document_text,
    part,
    save_text,
    with_nulls,
)
from onnxtaylor.results.lazy import LazyModule
from onnxtaylor.results.quantity import averaging_words
from onnxtaylor.results.rows import CoefficientRows
from onnxtaylor.results.shown_rows import ShownRows
from onnxtaylor.results.summaries import DataSummary, FeatureSummary, place_of
from onnxtaylor.results.tidy import arrow_table, data_frame, write_table
from onnxtaylor.tracking.step import TrackedStep

if TYPE_CHECKING:
    import pandas
    import pyarrow
    from matplotlib.axes import Axes

    from onnxtaylor.views.plot import progress as figures
else:
    figures = LazyModule("onnxtaylor.views.plot.progress")

__all__ = ["SCHEMA", "ProgressResult", "TrackedStep"]

SCHEMA = "onnxtaylor.progress/1"
KIND = DocumentKind(SCHEMA, title="tracked progress", name="progress")
COLUMNS = (
    *("step", "output", "group", "order", "label", "features"),
    *("score", "sem", "signed_mean"),
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ProgressResult(HtmlDisplay):
    """Scores of several steps, in their order. Arrays have shape (step, output, group, K)."""

    outputs: tuple[str, ...]
    data: DataSummary
    options: Mapping[str, Any]
    indices: MultiIndices
    steps: tuple[TrackedStep, ...]
    score: Floats
    sem: Floats
    signed_mean: Floats
    version: str = field(default="")

    def __repr__(self) -> str:
        """Returns the number of steps, and the tracked model."""
        return (
            f"ProgressResult: {len(self.steps)} steps from {self.steps[0].step:g} to"
            f" {self.steps[-1].step:g}: {len(self.indices)} coefficients of {len(self.features)}"
            f" features at {self.data.events} events; responses {join_names(self.outputs)}; events"
            f" of {join_names(self.groups)}"
        )

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the model's input."""
        return tuple(f.name for f in self.data.features)

    @property
    def remark(self) -> str:
        """Words on second order that is averaged over steps; empty where it is pointwise."""
        if self.options.get("curvature") != "averaged":
            return ""
        return averaging_words(self.options.get("curvature_step") or {})

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups of events: ``all``, then the classes."""
        return tuple(g.name for g in self.data.groups)

    @property
    def numbers(self) -> Floats:
        """Numbers of the steps, shape (S,)."""
        return np.array([s.step for s in self.steps], dtype=np.float64)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the K coefficients, such as ``x`` or ``x, y``."""
        return tuple(label(names) for names in self.indices.names(self.features))

    def position(
        self, output: str | int | None = None, group: str | None = None
    ) -> tuple[int, int]:
        """Returns the place (c, g) of an output and group; the first output and ``all`` by default.

        Raises OptionError for an output or group that was not tracked.
        """
        return place_of(output, self.outputs, "output"), place_of(group, self.groups, "group")

    def curve(
        self,
        features: str | Sequence[str],
        *,
        output: str | int | None = None,
        group: str | None = None,
    ) -> Floats:
        """Returns ⟨t_α⟩ of one coefficient after each step, shape (S,).

        Parameters
        ----------
        features
            Names of the coefficient's features: ``"x"`` is t_x, ``("x", "y")`` the pair,
            ``("x", "x")`` the auto-correlation.
        output, group
            A response and a group of events; by default the first response and ``all``.

        Raises
        ------
        OptionError
            For an output, group, feature or coefficient that was not tracked.
        """
        c, g = self.position(output, group)
        names = (features,) if isinstance(features, str) else tuple(features)
        for name in names:
            if name not in self.features:
                raise OptionError(
                    f"no feature is called '{printable(name)}'{name_hint(name, self.features)}"
                )
        alpha = tuple(sorted(self.features.index(name) for name in names))
        if alpha not in self.indices.tuples():
            raise OptionError(f"the coefficient of {join_names(names)} was not tracked")
        return self.score[:, c, g, self.indices.tuples().index(alpha)]

    def top(
        self, count: int = 20, output: str | int | None = None, group: str | None = None
    ) -> list[dict[str, Any]]:
        """Returns the ``count`` largest coefficients after the last step: tidy, largest first."""
        if count < 1:
            raise OptionError(f"the number of rows must be at least 1, got {count}")
        c, g = self.position(output, group)
        best = np.argsort(-self.score[-1, c, g], kind="stable")[:count]
        return ShownRows(self._row(len(self.steps) - 1, c, g, int(k)) for k in best)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields all tidy rows: steps, then outputs, groups, coefficients in convention order."""
        for s in range(len(self.steps)):
            for c in range(len(self.outputs)):
                for g in range(len(self.groups)):
                    for k in range(len(self.indices)):
                        yield self._row(s, c, g, k)

    def _row(self, s: int, c: int, g: int, k: int) -> dict[str, Any]:
        names = [self.features[i] for i in self.indices.table[k] if i >= 0]
        return {
            "step": self.steps[s].step,
            "output": self.outputs[c],
            "group": self.groups[g],
            "order": len(names),
            "label": label(names),
            "features": names,
            "score": float(self.score[s, c, g, k]),
            "sem": float(self.sem[s, c, g, k]),
            "signed_mean": float(self.signed_mean[s, c, g, k]),
        }

    def plot(
        self,
        ax: Axes | None = None,
        *,
        output: str | int | None = None,
        group: str | None = None,
        top: int = 8,
        log: bool = False,
    ) -> Axes:
        """Draws ⟨t⟩ against the step, for the ``top`` coefficients that rise highest.

        Parameters
        ----------
        ax
            Axes to draw into; by default those of a new figure.
        output, group
            A response and a group of events; by default the first response and ``all``.
        top
            Number of coefficients.
        log
            Whether the steps are on a logarithmic axis.

        Raises
        ------
        OptionError
            For an output or group that was not tracked, and ``top`` below 1.
        """
        return figures.plot_progress(self, ax, output=output, group=group, top=top, log=log)

    def to_arrow(self) -> pyarrow.Table:
        """Returns the tidy table as a pyarrow Table."""
        return arrow_table(self.rows(), COLUMNS)

    def to_pandas(self) -> pandas.DataFrame:
        """Returns the tidy table as a pandas DataFrame. Raises ResultError without pandas."""
        return data_frame(self.to_arrow())

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes the tidy table as CSV, whole or not at all; ``features`` is a JSON list."""
        write_table(self.to_arrow(), path)

    def to_json(self) -> str:
        """Returns one JSON document of the schema ``onnxtaylor.progress/1``."""
        head: dict[str, Any] = {
            "schema": SCHEMA,
            "version": self.version,
            "outputs": list(self.outputs),
            "data": {
                **self.data.to_document(),
                "features": [_feature_row(f) for f in self.data.features],
            },
            "options": dict(self.options),
            "steps": [asdict(step) for step in self.steps],
        }
        return document_text(head, {"coefficients": self.rows()})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the JSON document, whole or not at all. Raises ResultError."""
        save_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ProgressResult:
        """Reads a saved document. Raises ResultError, naming the file and what is wrong with it."""
        return cls.from_json(KIND.read(path), printable(path))

    @classmethod
    def from_json(cls, text: str, where: str = "progress") -> ProgressResult:
        """Returns the result of a document of ``to_json``; error messages begin with ``where``.

        Raises ResultError for text that is no tracked progress, and for a damaged one.
        """
        return KIND.parse(text, where, cls._from_document)

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> ProgressResult:
        data = DataSummary.from_document(document["data"])
        check_data(data)
        steps = tuple(part(TrackedStep, step) for step in document["steps"])
        numbers = [step.step for step in steps]
        check_unique(numbers, "numbers of steps")
        if numbers != sorted(numbers):
            raise ValueError("numbers of steps must rise")
        axes = {
            "step": numbers,
            "output": document["outputs"],
            "group": [group.name for group in data.groups],
        }
        rows = CoefficientRows(document["coefficients"], axes, [f.name for f in data.features])
        columns = {name: rows.column(name, float) for name in ("score", "sem", "signed_mean")}
        check_limits(data, *columns.values())
        return cls(
            outputs=tuple(document["outputs"]),
            data=data,
            options=document["options"],
            indices=rows.indices,
            steps=steps,
            version=document["version"],
            **columns,
        )


def _feature_row(feature: FeatureSummary) -> dict[str, Any]:
    """A feature as JSON, which has no NaN: undefined numbers are null."""
    row = asdict(feature)
    del row["kinks"]  # of stencils: not tracked
    return with_nulls(row)
