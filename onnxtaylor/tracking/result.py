"""What was tracked: scores after each step of a training, saved whole or not at all.

After each step s, for every response node c, group g and Taylor coefficient α,

    score  ⟨t_α⟩ = Σ w abs(t_α) / Σ w       sem  √(Σ w² (abs(t_α) − ⟨t_α⟩)²) / abs(Σ w)
    signed_mean  Σ w t_α / Σ w

over the same events at every step, so what changes is the model.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import BytesIO
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, ResultError, listed, nearest, printable
from onnxtaylor.files.whole import write_whole
from onnxtaylor.indices import MultiIndices, label
from onnxtaylor.results.documents import Format, checked, with_nulls
from onnxtaylor.results.summaries import DataSummary, FeatureSummary, place_of

if TYPE_CHECKING:
    import pandas
    import pyarrow
    from matplotlib.axes import Axes

__all__ = ["SCHEMA", "ProgressResult", "TrackedStep"]

SCHEMA = "onnxtaylor.progress/1"
FORMAT = Format(SCHEMA, "tracked progress", "progress")
HOWS = ("compiled", "swapped", "analyzed")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrackedStep:
    """One step: its number, what it is called, how its derivatives came about.

    ``how`` is ``compiled`` (the graph was differentiated), ``swapped`` (the graph of an earlier
    step was given this step's weights) or ``analyzed`` (by the ordinary way, since the exact engine
    does not serve the model); ``note`` says why it was not swapped. ``sha256`` is the file's.
    """

    step: int | float
    name: str
    how: str
    engine: str
    precision: str
    sha256: str | None = None
    note: str | None = None


@dataclass(frozen=True, eq=False)
class ProgressResult:
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
        """How many steps of what."""
        return (
            f"ProgressResult: {len(self.steps)} steps from {self.steps[0].step:g} to"
            f" {self.steps[-1].step:g}: {len(self.indices)} coefficients of {len(self.features)}"
            f" features at {self.data.events} events; responses {listed(self.outputs)}; events of"
            f" {listed(self.groups)}"
        )

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the model's input."""
        return tuple(f.name for f in self.data.features)

    @property
    def groups(self) -> tuple[str, ...]:
        """``all``, then the classes."""
        return tuple(g.name for g in self.data.groups)

    @property
    def numbers(self) -> Floats:
        """The steps' numbers, shape (S,)."""
        return np.array([s.step for s in self.steps], dtype=np.float64)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the coefficients are called, K of them: ``x``, ``x, y``."""
        return tuple(label(names) for names in self.indices.names(self.features))

    def position(
        self, output: str | int | None = None, group: str | None = None
    ) -> tuple[int, int]:
        """The place (c, g) of an output and group; the first output and ``all`` by default.

        Raises OptionError naming what there is.
        """
        return place_of(output, self.outputs, "output"), place_of(group, self.groups, "group")

    def curve(
        self,
        features: str | Sequence[str],
        *,
        output: str | int | None = None,
        group: str | None = None,
    ) -> Floats:
        """⟨t_α⟩ after each step, shape (S,), of the coefficient of these features.

        ``"x"`` is t_x, ``("x", "y")`` the pair, ``("x", "x")`` the auto-correlation. Raises
        OptionError where there is no such coefficient.
        """
        c, g = self.position(output, group)
        names = (features,) if isinstance(features, str) else tuple(features)
        for name in names:
            if name not in self.features:
                raise OptionError(
                    f"no feature is called '{printable(name)}'{nearest(name, self.features)}"
                )
        wanted = tuple(sorted(self.features.index(name) for name in names))
        if wanted not in self.indices.tuples():
            raise OptionError(f"the coefficient of {listed(names)} was not tracked")
        return self.score[:, c, g, self.indices.tuples().index(wanted)]

    def top(
        self, count: int = 20, output: str | int | None = None, group: str | None = None
    ) -> list[dict[str, Any]]:
        """The ``count`` largest coefficients after the last step: tidy rows, largest first."""
        if count < 1:
            raise OptionError(f"top {count}: ask for one row at least")
        c, g = self.position(output, group)
        best = np.argsort(-self.score[-1, c, g], kind="stable")[:count]
        return [self._row(len(self.steps) - 1, c, g, int(k)) for k in best]

    def rows(self) -> Iterator[dict[str, Any]]:
        """All tidy rows: steps, then outputs, groups, coefficients in the convention's order."""
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
        """⟨t⟩ against the step: see ``onnxtaylor.views.plot.progress.plot_progress``."""
        from onnxtaylor.views.plot.progress import plot_progress  # matplotlib is heavy

        return plot_progress(self, ax, output=output, group=group, top=top, log=log)

    def to_arrow(self) -> pyarrow.Table:
        """The tidy table as a pyarrow Table."""
        import pyarrow

        text, count, number = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
        columns: dict[str, pyarrow.DataType] = {
            **{"step": number, "output": text, "group": text, "order": count, "label": text},
            **{"features": pyarrow.list_(text)},
            **dict.fromkeys(("score", "sem", "signed_mean"), number),
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

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """The tidy table as CSV, whole or not at all; ``features`` is a JSON list."""
        import pyarrow
        import pyarrow.csv

        table = self.to_arrow()
        names = [json.dumps(row, ensure_ascii=False) for row in table["features"].to_pylist()]
        place = table.schema.get_field_index("features")
        table = table.set_column(place, "features", pyarrow.array(names, pyarrow.string()))
        buffer = BytesIO()
        pyarrow.csv.write_csv(table, buffer)
        write_whole(path, buffer.getvalue())

    def to_json(self) -> str:
        """One JSON document of the schema ``onnxtaylor.progress/1``."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "version": self.version,
            "outputs": list(self.outputs),
            "data": {
                **asdict(self.data),
                "features": [_feature_row(f) for f in self.data.features],
            },
            "options": dict(self.options),
            "steps": [asdict(step) for step in self.steps],
            "coefficients": [],
        }
        # one line per row: small, and good to read and to compare
        head = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        rows = ",\n  ".join(
            json.dumps(row, ensure_ascii=False, allow_nan=False) for row in self.rows()
        )
        return head.removesuffix("[]\n}") + f"[\n  {rows}\n ]\n}}\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the JSON document, whole or not at all. Raises ResultError."""
        write_whole(path, self.to_json().encode(errors="backslashreplace"))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ProgressResult:
        """Reads what was saved. Raises ResultError, naming the file and what is wrong with it."""
        return cls.from_json(FORMAT.read(path), printable(path))

    @classmethod
    def from_json(cls, text: str, where: str = "progress") -> ProgressResult:
        """The inverse of ``to_json``; ``where`` names the source in error messages."""
        return FORMAT.parse(text, where, cls._from_document)

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> ProgressResult:
        data = DataSummary.from_document(document["data"])
        outputs, rows = tuple(document["outputs"]), document["coefficients"]
        steps = tuple(checked(TrackedStep(**step)) for step in document["steps"])
        shape = (len(steps), len(outputs), len(data.groups), -1)
        place = {f.name: i for i, f in enumerate(data.features)}
        block = len(rows) // (shape[0] * shape[1] * shape[2])
        indices = MultiIndices.of(
            len(data.features), [[place[f] for f in row["features"]] for row in rows[:block]]
        )

        def column(name: str) -> Floats:
            return np.array([row[name] for row in rows], dtype=float).reshape(shape)

        result = cls(
            outputs=outputs,
            data=data,
            options=dict(document["options"]),
            indices=indices,
            steps=steps,
            score=column("score"),
            sem=column("sem"),
            signed_mean=column("signed_mean"),
            version=document["version"],
        )
        if not all(np.isfinite(a).all() for a in (result.score, result.sem, result.signed_mean)):
            raise ValueError("a number is missing or not finite")
        if not all(isfinite(s.step) for s in steps):
            raise ValueError("a step is not finite")
        if result.score.shape[-1] != len(indices):
            raise ValueError("rows are missing or repeated")
        if {step.how for step in steps} - set(HOWS):
            raise ValueError("a step came about in an unknown way")
        for row, expected in zip(rows, result.rows(), strict=True):
            for name in ("step", "output", "group", "order", "label", "features"):
                if row[name] != expected[name]:
                    raise ValueError(f"a row of {expected['label']!r} has {name} {row[name]!r}")
        for names in (result.features, outputs, result.groups, [s.step for s in steps]):
            if len(set(names)) != len(names):
                raise ValueError("a name or step occurs twice")
        return checked(result)


def _feature_row(feature: FeatureSummary) -> dict[str, Any]:
    """JSON has no NaN: what is undefined is null."""
    row = asdict(feature)
    del row["kinks"]  # of stencils: not tracked
    return with_nulls(row)
