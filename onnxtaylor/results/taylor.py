"""TaylorResult: the scores of an analysis, frozen, versioned, saved whole or not at all.

A result holds, for every response node c, group g and Taylor coefficient α,

    score       ⟨t_α⟩ = Σ w abs(t_α) / Σ w        sem   √(Σ w² (abs(t_α) − ⟨t_α⟩)²) / abs(Σ w)
    signed_mean Σ w t_α / Σ w                     rms   √(Σ w t_α² / Σ w)

the bound of the numerical error of the score, Σ abs(w) error / abs(Σ w), where the engine estimates
how wrong its coefficients may be, and the rank of each score among all coefficients of its (c, g),
largest first, with the interval in which that rank lies in 68 % of the bootstrap replicates. Equal
scores share a rank.

Where ``method`` is ``averaged``, second order is the mean over a step of each feature, kinks
included (see ``engine.averaged``). Where it is ``finite-step``, t is the response r to finite
steps: no derivative, in units of the response per step (see ``engine.finite_step``), with the same
statistics.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.indices import MultiIndices
from onnxtaylor.results.classes import (
    ResponseNode,
    agree_with_labels,
    name_nodes,
    names_as_text,
    nodes_of_names,
)
from onnxtaylor.results.folds import FoldSummary, fold_columns
from onnxtaylor.results.lazy import LazyModule
from onnxtaylor.results.quantity import Quantity, quantity_of
from onnxtaylor.results.ranking import best_ranked
from onnxtaylor.results.rows import coefficient_columns, symmetric_matrix
from onnxtaylor.results.shown_rows import ShownRows
from onnxtaylor.results.summaries import (
    DataSummary,
    FeatureSummary,
    GroupSummary,
    ModelSummary,
    Notice,
    place_of,
)
from onnxtaylor.results.taylor_arrow import result_table
from onnxtaylor.results.taylor_document import KIND, NUMBERS, fields_of, result_text, save_result
from onnxtaylor.results.taylor_words import in_words
from onnxtaylor.results.tidy import data_frame

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from onnxtaylor.views import plot as plots
    from onnxtaylor.views import report
    from onnxtaylor.views.report import notebook
else:
    plots = LazyModule("onnxtaylor.views.plot")
    report = LazyModule("onnxtaylor.views.report")
    notebook = LazyModule("onnxtaylor.views.report.notebook")

__all__ = [
    "DataSummary",
    "FeatureSummary",
    "GroupSummary",
    "ModelSummary",
    "Notice",
    "TaylorResult",
]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TaylorResult:
    """The scores of one analysis. All coefficient arrays have shape (output, group, K).

    ``fold_scores`` have one more axis in front, that of the ``folds``.
    """

    model: ModelSummary
    data: DataSummary
    options: Mapping[str, Any]
    indices: MultiIndices
    score: Floats
    sem: Floats
    signed_mean: Floats
    rms: Floats
    rank: Integers
    rank_low: Integers | None
    rank_high: Integers | None
    check: Mapping[str, Any] | None = None
    numerical_error: Floats | None = None
    version: str = field(default="")
    warnings: tuple[Notice, ...] = ()
    folds: tuple[FoldSummary, ...] = ()
    fold_scores: Floats | None = None

    @property
    def quantity(self) -> Quantity:
        """Quantity that the scores are means of: coefficients t, or responses r to finite steps."""
        return quantity_of(self.model.engine, self.options)

    @property
    def method(self) -> str:
        """The quantity's name in documents: ``derivative``, ``averaged`` or ``finite-step``."""
        return self.quantity.method

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the model's input; or of what else is ranked."""
        return self.data.names

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the response nodes."""
        return self.model.output

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups of events: ``all``, then the classes."""
        return tuple(g.name for g in self.data.groups)

    @property
    def nodes(self) -> tuple[ResponseNode, ...]:
        """Nodes of the analyzed outputs, with their names and classes."""
        return self.model.nodes or nodes_of_names(self.outputs)

    def renamed(
        self,
        *,
        output_names: Iterable[object] | None = None,
        classes: Iterable[object] | None = None,
    ) -> TaylorResult:
        """Returns this result with other names of the responses, or with their classes.

        Parameters
        ----------
        output_names
            New names: one for each node of the model's outputs, in their order.
        classes
            Class labels of the nodes, likewise; without ``output_names`` they are the names, too.

        Raises
        ------
        OptionError
            For another number of names, names that contradict the model's, and classes that are
            not the labels of the data.
        """
        names, labels = names_as_text(output_names), names_as_text(classes)
        if not names and not labels:
            return self
        old = self.nodes
        stored = [node.name for node in old]
        nodes = name_nodes(
            [node.node or node.name for node in old], stored, names=names, classes=labels
        )
        if not labels:
            nodes = tuple(replace(n, label=node.label) for n, node in zip(nodes, old, strict=True))
        agree_with_labels(nodes, self.groups[1:])
        new = dict(zip(stored, (node.name for node in nodes), strict=True))
        output = tuple(new[name] for name in self.outputs)
        return replace(self, model=replace(self.model, output=output, nodes=nodes))

    @property
    def plot(self) -> plots.ResultPlots:
        """Figures of this result: ``result.plot.scores(ax=None)`` and its siblings."""
        return plots.ResultPlots(self)

    def position(
        self, output: str | int | None = None, group: str | None = None
    ) -> tuple[int, int]:
        """Returns the place (c, g) of an output and group; the first output and ``all`` by default.

        Raises OptionError for an output or group that the result does not have.
        """
        return (
            place_of(output, self.outputs, "output"),
            place_of(group, self.groups, "group"),
        )

    def vector(self, output: str | int | None = None, group: str | None = None) -> Floats:
        """Returns first-order scores ⟨t_i⟩, shape (n,); NaN where not computed."""
        c, g = self.position(output, group)
        first = np.flatnonzero(self.indices.orders == 1)
        values = np.full(self.indices.n_features, np.nan)
        values[self.indices.table[first, 0]] = self.score[c, g, first]
        return values

    def matrix(
        self,
        output: str | int | None = None,
        group: str | None = None,
        relation: str | None = None,
    ) -> Floats:
        """Returns second-order scores ⟨t_ij⟩, shape (n, n), symmetric; NaN where not computed.

        ``relation`` chooses pairs of the ``same object`` or of ``different objects``, where they
        are told apart. Raises OptionError for a result of order 1, and without the choice there.
        """
        c, g = self.position(output, group)
        return symmetric_matrix(self.indices, self.score[c, g], relation)

    def top(
        self, count: int = 20, output: str | int | None = None, group: str | None = None
    ) -> list[dict[str, Any]]:
        """Returns the ``count`` highest ranked coefficients of one output and group, tidy."""
        if count < 1:
            raise OptionError(f"the number of rows must be at least 1, got {count}")
        c, g = self.position(output, group)
        best = best_ranked(self.rank[c, g], count).tolist()
        return ShownRows((self.row(c, g, k) for k in best), signed=self.data.signed)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields all tidy rows: outputs, then groups, then coefficients in convention order."""
        for c in range(len(self.outputs)):
            for g in range(len(self.groups)):
                for k in range(len(self.indices)):
                    yield self.row(c, g, k)

    @property
    def numbers(self) -> dict[str, npt.NDArray[Any] | None]:
        """Columns of numbers of the tidy table, each (output, group, K); None: there are none."""
        own = {name: getattr(self, name) for name in NUMBERS}
        return own | fold_columns(self.fold_scores)

    def row(self, c: int, g: int, k: int) -> dict[str, Any]:
        """Returns the tidy row of coefficient k of an output and group, by their places."""
        return {
            "method": self.method,
            "output": self.outputs[c],
            "group": self.groups[g],
            **coefficient_columns(self.indices, k, self.features),
            **{
                name: None if values is None else values[c, g, k].item()
                for name, values in self.numbers.items()
            },
        }

    def to_arrow(self) -> pyarrow.Table:
        """Returns the tidy table as a pyarrow Table."""
        return result_table(self)

    def to_pandas(self) -> pandas.DataFrame:
        """Returns the tidy table as a pandas DataFrame. Raises ResultError without pandas."""
        return data_frame(self.to_arrow())

    def to_json(self) -> str:
        """Returns the result as one JSON document of the schema ``onnxtaylor.result/1``."""
        return result_text(self)

    def save(self, path: str | os.PathLike[str]) -> tuple[Path, ...]:
        """Writes the JSON document, whole or not at all, and returns the files that were written.

        Beyond 200 000 rows or 50 MB the coefficients are in a second file, a Parquet table: beside
        ``result.json`` it is ``result.coefficients.parquet``. Raises ResultError.
        """
        return save_result(self, path)

    def to_html(self, *, title: str | None = None) -> str:
        """Returns the report of this result, one HTML document that loads nothing from elsewhere.

        ``title`` is its heading, by default the name of the model's file.
        """
        return report.html(self, title=title)

    def __repr__(self) -> str:
        """Returns a summary: model, verdict of the check, head of the first ranking, warnings."""
        return in_words(self)

    def _repr_html_(self) -> str:
        """Returns the HTML that a notebook shows."""
        return notebook.fragment(self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TaylorResult:
        """Reads a saved result. Raises ResultError, naming the file and what is wrong with it."""
        folder = Path(path).parent
        return KIND.parse(
            KIND.read(path), printable(path), lambda found: cls(**fields_of(found, folder))
        )

    @classmethod
    def from_json(cls, text: str, where: str = "result") -> TaylorResult:
        """Returns the result of a document of ``to_json``; error messages begin with ``where``.

        Raises ResultError for text that is no result, and for a damaged one.
        """
        return KIND.parse(text, where, lambda document: cls(**fields_of(document)))
