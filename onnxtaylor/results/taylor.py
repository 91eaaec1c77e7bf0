"""What an analysis found: frozen, versioned, saved whole or not at all.

A result holds, for every response node c, group g and Taylor coefficient α,

    score       ⟨t_α⟩ = Σ w abs(t_α) / Σ w        sem   √(Σ w² (abs(t_α) − ⟨t_α⟩)²) / abs(Σ w)
    signed_mean Σ w t_α / Σ w                     rms   √(Σ w t_α² / Σ w)

the bound of the numerical error of the score, Σ abs(w) error / abs(Σ w), where the engine tells
how wrong its coefficients may be, and the place of each score among all coefficients of its (c, g),
largest first, with the interval in which that place lies in 68 % of the bootstrap replicates. Equal
scores share a place.

Where ``method`` is ``finite-step``, t is the response r to finite steps: no derivative, in units of
the response per step (see ``engine.finite``), with the same statistics.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, ResultError, listed, printable
from onnxtaylor.files.whole import write_whole
from onnxtaylor.indices import MultiIndices, label
from onnxtaylor.results.classes import (
    ResponseNode,
    agree_with_labels,
    name_nodes,
    nodes_of_names,
    words_of,
)
from onnxtaylor.results.documents import Format, checked, with_nulls
from onnxtaylor.results.summaries import (
    DataSummary,
    FeatureSummary,
    GroupSummary,
    ModelSummary,
    Notice,
    place_of,
)
from onnxtaylor.text.uncertainty import uncertain

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from onnxtaylor.views.plot import ResultPlots

__all__ = [
    "SCHEMA",
    "DataSummary",
    "FeatureSummary",
    "GroupSummary",
    "ModelSummary",
    "Notice",
    "TaylorResult",
]

SCHEMA = "onnxtaylor.result/1"
FORMAT = Format(SCHEMA, "onnxtaylor result", "result")
FINITE_STEP = "finite-step"
SHOWN = 3  # coefficients in a repr

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TaylorResult:
    """The scores of one analysis. All coefficient arrays have shape (output, group, K)."""

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

    @property
    def method(self) -> str:
        """``derivative``, or ``finite-step``: responses r to finite steps are no coefficients t."""
        return FINITE_STEP if self.model.engine == FINITE_STEP else "derivative"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the model's input."""
        return tuple(f.name for f in self.data.features)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the response nodes."""
        return self.model.output

    @property
    def groups(self) -> tuple[str, ...]:
        """``all``, then the classes."""
        return tuple(g.name for g in self.data.groups)

    @property
    def nodes(self) -> tuple[ResponseNode, ...]:
        """The nodes of the model's outputs that were asked for, with their names and classes."""
        return self.model.nodes or nodes_of_names(self.outputs)

    def renamed(
        self,
        *,
        output_names: Iterable[object] | None = None,
        classes: Iterable[object] | None = None,
    ) -> TaylorResult:
        """The same numbers with other names of the responses, or with their classes.

        ``output_names`` and ``classes`` are those of ``analyze``: one for each node of the model's
        outputs, in their order. Raises OptionError as ``analyze`` does, and where the classes are
        not the labels of the data.
        """
        names, labels = words_of(output_names), words_of(classes)
        if not names and not labels:
            return self
        old = self.nodes
        stored = [node.name for node in old]
        made = name_nodes(
            [node.node or node.name for node in old], stored, names=names, classes=labels
        )
        if not labels:
            made = tuple(replace(m, label=node.label) for m, node in zip(made, old, strict=True))
        agree_with_labels(made, self.groups[1:])
        new = dict(zip(stored, (node.name for node in made), strict=True))
        output = tuple(new[name] for name in self.outputs)
        return replace(self, model=replace(self.model, output=output, nodes=made))

    @property
    def plot(self) -> ResultPlots:
        """The figures of this result: ``result.plot.scores(ax=None)`` and its siblings."""
        from onnxtaylor.views.plot import ResultPlots  # matplotlib is heavy: only when asked for

        return ResultPlots(self)

    def position(
        self, output: str | int | None = None, group: str | None = None
    ) -> tuple[int, int]:
        """The place (c, g) of an output and group; the first output and ``all`` by default.

        Raises OptionError naming what there is.
        """
        return (
            place_of(output, self.outputs, "output"),
            place_of(group, self.groups, "group"),
        )

    def vector(self, output: str | int | None = None, group: str | None = None) -> Floats:
        """First-order scores ⟨t_i⟩, shape (n,); NaN for coefficients that were not computed."""
        c, g = self.position(output, group)
        first = np.flatnonzero(self.indices.orders == 1)
        values = np.full(self.indices.n_features, np.nan)
        values[self.indices.table[first, 0]] = self.score[c, g, first]
        return values

    def matrix(self, output: str | int | None = None, group: str | None = None) -> Floats:
        """Second-order scores ⟨t_ij⟩, shape (n, n), symmetric; NaN where not computed.

        Raises OptionError for a result of order 1.
        """
        c, g = self.position(output, group)
        second = np.flatnonzero(self.indices.orders == 2)
        if not len(second):
            raise OptionError("the result has no second-order coefficients: analyze with order 2")
        i, j = self.indices.table[second, 0], self.indices.table[second, 1]
        values = np.full((self.indices.n_features,) * 2, np.nan)
        values[i, j] = values[j, i] = self.score[c, g, second]
        return values

    def top(
        self, count: int = 20, output: str | int | None = None, group: str | None = None
    ) -> list[dict[str, Any]]:
        """The ``count`` highest ranked coefficients of one output and group, as tidy rows."""
        if count < 1:
            raise OptionError(f"top {count}: ask for one row at least")
        c, g = self.position(output, group)
        best = np.argsort(self.rank[c, g], kind="stable")[:count]  # equal ones share a rank
        return [self._row(c, g, int(k)) for k in best]

    def rows(self) -> Iterator[dict[str, Any]]:
        """All tidy rows: outputs, then groups, then coefficients in the order of the convention."""
        for c in range(len(self.outputs)):
            for g in range(len(self.groups)):
                for k in range(len(self.indices)):
                    yield self._row(c, g, k)

    def _row(self, c: int, g: int, k: int) -> dict[str, Any]:
        names = [self.features[i] for i in self.indices.table[k] if i >= 0]
        return {
            "method": self.method,
            "output": self.outputs[c],
            "group": self.groups[g],
            "order": len(names),
            "label": label(names),
            "features": names,
            "score": float(self.score[c, g, k]),
            "sem": float(self.sem[c, g, k]),
            "numerical_error": (
                None if self.numerical_error is None else float(self.numerical_error[c, g, k])
            ),
            "signed_mean": float(self.signed_mean[c, g, k]),
            "rms": float(self.rms[c, g, k]),
            "rank": int(self.rank[c, g, k]),
            "rank_low": None if self.rank_low is None else int(self.rank_low[c, g, k]),
            "rank_high": None if self.rank_high is None else int(self.rank_high[c, g, k]),
        }

    def to_arrow(self) -> pyarrow.Table:
        """The tidy table as a pyarrow Table."""
        import pyarrow

        text, count, number = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
        columns: dict[str, pyarrow.DataType] = {
            **{"method": text, "output": text, "group": text, "order": count, "label": text},
            **{"features": pyarrow.list_(text)},
            **dict.fromkeys(("score", "sem", "numerical_error", "signed_mean", "rms"), number),
            **dict.fromkeys(("rank", "rank_low", "rank_high"), count),
        }
        return pyarrow.Table.from_pylist(list(self.rows()), schema=pyarrow.schema(columns))

    def to_pandas(self) -> pandas.DataFrame:
        """The tidy table as a pandas DataFrame; needs pandas."""
        try:
            import pandas  # noqa: F401
        except ImportError:
            raise ResultError(
                "to_pandas needs pandas: pip install pandas (to_arrow() works without)"
            ) from None
        return self.to_arrow().to_pandas()

    def to_json(self) -> str:
        """The result as one JSON document of the schema ``onnxtaylor.result/1``."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "version": self.version,
            "method": self.method,
            "model": asdict(self.model),
            "data": {
                **asdict(self.data),
                "features": [with_nulls(asdict(f)) for f in self.data.features],
            },
            "options": dict(self.options),
            "check": None if self.check is None else dict(self.check),
            "warnings": [asdict(finding) for finding in self.warnings],
            "coefficients": [],
        }
        # one line per coefficient: small, and good to read and to compare
        head = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        rows = ",\n  ".join(
            json.dumps(with_nulls(row), ensure_ascii=False, allow_nan=False) for row in self.rows()
        )
        return head.removesuffix("[]\n}") + f"[\n  {rows}\n ]\n}}\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the JSON document, whole or not at all. Raises ResultError."""
        # a path that is no Unicode has lone surrogates: JSON can say them, as escapes
        write_whole(path, self.to_json().encode(errors="backslashreplace"))

    def to_html(self, *, title: str | None = None) -> str:
        """The report of this result, one HTML document that loads nothing: see ``report.html``."""
        from onnxtaylor.views.report import html  # templates: only when asked for

        return html(self, title=title)

    def __repr__(self) -> str:
        """What was analyzed, the verdict of the check, and the head of the first ranking."""
        finite = self.method != "derivative"
        what, mean = ("finite-step responses", "⟨r⟩") if finite else ("coefficients", "⟨t⟩")
        check = "none" if self.check is None else printable(self.check.get("verdict"))
        lines = [
            f"TaylorResult of {printable(self.model.path)}: {len(self.indices)} {what} of"
            f" {len(self.features)} features at {self.data.events} events",
            f"responses {listed(self.outputs)}; events of {listed(self.groups)}; scale"
            f" {printable(self.options.get('scale'))}; engine {printable(self.model.engine)}; check"
            f" {check}; {len(self.warnings)} warnings",
            f"highest ranked of {printable(self.outputs[0], 40)}, {mean} ± SEM:",
        ]
        for row in self.top(SHOWN):
            value = uncertain(row["score"], row["sem"])
            lines.append(f"{row['rank']:>4}  {printable(row['label'], 60)}: {value}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """What a notebook shows: see ``report.notebook``."""
        from onnxtaylor.views.report.notebook import fragment

        return fragment(self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TaylorResult:
        """Reads a saved result. Raises ResultError, naming the file and what is wrong with it."""
        return cls.from_json(FORMAT.read(path), printable(path))

    @classmethod
    def from_json(cls, text: str, where: str = "result") -> TaylorResult:
        """The inverse of ``to_json``; ``where`` names the source in error messages."""
        return FORMAT.parse(text, where, cls._from_document)

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> TaylorResult:
        model = ModelSummary.from_document(document["model"])
        data = DataSummary.from_document(document["data"])
        rows = document["coefficients"]
        shape = (len(model.output), len(data.groups), -1)
        place = {f.name: i for i, f in enumerate(data.features)}
        per_block = len(rows) // (shape[0] * shape[1])
        indices = MultiIndices.of(
            len(data.features), [[place[f] for f in row["features"]] for row in rows[:per_block]]
        )

        def column(name: str, kind: type) -> npt.NDArray[Any]:
            return np.array([row[name] for row in rows], dtype=kind).reshape(shape)

        ranked = rows[0]["rank_low"] is not None
        bounded = any(row["numerical_error"] is not None for row in rows)
        result = cls(
            model=model,
            data=data,
            options=document["options"],
            indices=indices,
            score=column("score", float),
            sem=column("sem", float),
            signed_mean=column("signed_mean", float),
            rms=column("rms", float),
            rank=column("rank", int),
            rank_low=column("rank_low", int) if ranked else None,
            rank_high=column("rank_high", int) if ranked else None,
            check=document["check"],
            numerical_error=column("numerical_error", float) if bounded else None,
            version=document["version"],
            warnings=tuple(checked(Notice(**row)) for row in document["warnings"]),
        )
        for numbers in (result.score, result.sem, result.signed_mean):
            if not np.isfinite(numbers).all():
                raise ValueError("a number is missing or not finite")
        if document["method"] != result.method:
            raise ValueError(f"method {document['method']!r} of engine {model.engine!r}")
        if result.score.shape[2] != len(indices):
            raise ValueError("rows are missing or repeated")
        for row, expected in zip(rows, result.rows(), strict=True):
            for name in ("method", "output", "group", "order", "label", "features"):
                if row[name] != expected[name]:
                    raise ValueError(f"a row of {expected['label']!r} has {name} {row[name]!r}")
        for names in (result.features, result.outputs, result.groups):
            if len(set(names)) != len(names):
                raise ValueError("a name occurs twice")
        dict(result.options), dict(result.check or {})
        return checked(result)
