"""What the tests found: frozen, versioned, saved whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from math import inf, isfinite, sqrt
from typing import TYPE_CHECKING, Any, TypeVar

from onnxtaylor.errors import OptionError, nearest, printable
from onnxtaylor.files.whole import write_whole
from onnxtaylor.results.documents import Format, checked

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["SCHEMA", "Bin", "FeatureFit", "GoodnessOfFit", "PairFit", "SampleSummary", "TestResult"]

SCHEMA = "onnxtaylor.gof/1"
FORMAT = Format(
    SCHEMA,
    kind="goodness of fit",
    name="goodness of fit",
    hint="; files of combine are read by onnxtaylor gof --combine",
)

_Kind = TypeVar("_Kind", bound="DataclassInstance")


@dataclass(frozen=True)
class TestResult:
    """One test: its statistic, degrees of freedom, and p-values.

    ``p`` is that of the toys with its binomial uncertainty ``p_error``, or what a file of others
    says where it has no toys; ``p_asymptotic`` that of χ² with ``ndf`` degrees of freedom. ``p``
    is None where there was nothing to test: ``reason`` says why.
    """

    __test__ = False  # no test case of pytest's

    test: str
    statistic: float | None
    ndf: int | None
    p: float | None
    p_error: float | None
    p_asymptotic: float | None
    toys: int
    reason: str | None = None

    @property
    def badness(self) -> tuple[float, float, float]:
        """What puts tests in order, the worst first; what was not tested comes last.

        By ``p``; where that is the same, as of all that no toy reached, by ``p_asymptotic``, and
        where that is too small for a number, by how far the statistic is beyond its expectation,
        (q − ndf)/√(2 ndf), a normal number for many degrees of freedom.
        """
        p = inf if self.p is None else self.p
        asymptotic = inf if self.p_asymptotic is None else self.p_asymptotic
        if self.statistic is None or not self.ndf:
            return p, asymptotic, 0.0
        return p, asymptotic, -(self.statistic - self.ndf) / sqrt(2 * self.ndf)


@dataclass(frozen=True)
class Bin:
    """Contents of one bin, low ≤ value < high; the last one holds its high, too.

    ``missing`` where missing values are in it.

    Sums of weights and √Σw²; the expectation is scaled to the observed total if shapes were
    compared. A bin of missing values alone has neither ``low`` nor ``high``.
    """

    low: float | None
    high: float | None
    missing: bool
    observed: float
    observed_error: float
    expected: float
    expected_error: float


@dataclass(frozen=True)
class FeatureFit:
    """One feature: its tests, the saturated one first, and the bins of that."""

    name: str
    tests: tuple[TestResult, ...]
    bins: tuple[Bin, ...] = ()

    @property
    def p(self) -> float | None:
        """The p-value of the first test: the saturated one, if onnxtaylor made it."""
        return self.tests[0].p


@dataclass(frozen=True)
class PairFit:
    """A pair of features: its test, and how many cells it was made in."""

    features: tuple[str, str]
    tests: tuple[TestResult, ...]
    cells: int | None = None

    @property
    def p(self) -> float | None:
        """The p-value of the first test."""
        return self.tests[0].p


@dataclass(frozen=True)
class SampleSummary:
    """Where events came from, and how many they are."""

    sources: tuple[str, ...]
    events: int
    sum_weight: float
    n_eff: float
    weighted: bool


@dataclass(frozen=True)
class GoodnessOfFit:
    """Tests of observed against expected, of every feature and of every pair.

    ``method`` is ``toys``, or ``combine`` for p-values that CMS' combine made; those know no data
    (``observed`` and ``expected`` are None) and no bins.
    """

    method: str
    features: tuple[FeatureFit, ...]
    pairs: tuple[PairFit, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    observed: SampleSummary | None = None
    expected: SampleSummary | None = None
    warnings: tuple[str, ...] = ()
    version: str = ""

    def __repr__(self) -> str:
        """How many tests, and which p-values are smallest."""
        tested = sorted((f.p, f.name) for f in self.features if f.p is not None)
        worst = ", ".join(f"{printable(name, 40)} {p:.2g}" for p, name in tested[:3])
        return (
            f"GoodnessOfFit of {len(self.features)} features and {len(self.pairs)} pairs by"
            f" {self.method}; smallest p of a feature: {worst or 'none'}"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(f.name for f in self.features)

    def feature(self, name: str) -> FeatureFit:
        """The tests of one feature. Raises OptionError for a name that is not there."""
        for found in self.features:
            if found.name == name:
                return found
        raise OptionError(
            f"no feature {printable(name, 60)!r} was tested{nearest(name, list(self.names))}"
        )

    @property
    def worst_features(self) -> tuple[FeatureFit, ...]:
        """The features, the worst modelled first: see ``TestResult.badness``."""
        return tuple(sorted(self.features, key=lambda feature: feature.tests[0].badness))

    @property
    def worst_pairs(self) -> tuple[PairFit, ...]:
        """The pairs, the worst modelled first: see ``TestResult.badness``."""
        return tuple(sorted(self.pairs, key=lambda pair: pair.tests[0].badness))

    def pairs_of(self, name: str) -> list[PairFit]:
        """All pairs that have the feature."""
        return [pair for pair in self.pairs if name in pair.features]

    def to_json(self) -> str:
        """One JSON document of the schema ``onnxtaylor.gof/1``."""
        head = {
            "schema": SCHEMA,
            "version": self.version,
            "method": self.method,
            "observed": None if self.observed is None else asdict(self.observed),
            "expected": None if self.expected is None else asdict(self.expected),
            "options": dict(self.options),
            "warnings": list(self.warnings),
            "features": [],
        }
        text = json.dumps(head, indent=1, ensure_ascii=False, allow_nan=False)
        # one line per feature and pair: small, and good to read and to compare
        features = _lines(self.features, self.worst_features)
        pairs = _lines(self.pairs, self.worst_pairs)
        return text.removesuffix("[]\n}") + f'{features},\n "pairs": {pairs}\n}}\n'

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the JSON document, whole or not at all. Raises ResultError."""
        write_whole(path, self.to_json().encode(errors="backslashreplace"))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> GoodnessOfFit:
        """Reads a saved document. Raises ResultError, naming the file and what is wrong with it."""
        return cls.from_json(FORMAT.read(path), printable(path))

    @classmethod
    def from_json(cls, text: str, where: str = "goodness of fit") -> GoodnessOfFit:
        """The inverse of ``to_json``; ``where`` names the source in error messages."""
        return FORMAT.parse(text, where, cls._from_document)

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> GoodnessOfFit:
        features = tuple(
            _part(FeatureFit, row, tests=_tests(row), bins=_bins(row))
            for row in document["features"]
        )
        names = [feature.name for feature in features]
        if len(set(names)) < len(names) or not names:
            raise ValueError("no feature, or a name that occurs twice")
        pairs = []
        for row in document["pairs"]:
            first, second = row["features"]
            if first == second or not {first, second} <= set(names):
                raise ValueError(f"a pair of {first!r} and {second!r}")
            pairs.append(_part(PairFit, row, tests=_tests(row), features=(first, second)))
        if len({frozenset(pair.features) for pair in pairs}) < len(pairs):
            raise ValueError("a pair occurs twice")
        samples = {
            side: None
            if (row := document[side]) is None
            else _part(SampleSummary, row, sources=tuple(row["sources"]))
            for side in ("observed", "expected")
        }
        return cls(
            method=str(document["method"]),
            features=features,
            pairs=tuple(pairs),
            options=dict(document["options"]),
            warnings=tuple(str(line) for line in document["warnings"]),
            version=str(document["version"]),
            **samples,
        )


def _lines(
    rows: Sequence[FeatureFit] | Sequence[PairFit], worst: Sequence[FeatureFit] | Sequence[PairFit]
) -> str:
    """The rows in the order of the columns; ``rank`` is their place among ``worst``, from 1."""
    ranks = {id(row): k for k, row in enumerate(worst, 1)}
    lines = (
        json.dumps(
            asdict(row) | {"rank": None if row.p is None else ranks[id(row)]},
            ensure_ascii=False,
            allow_nan=False,
        )
        for row in rows
    )
    return "[\n  " + ",\n  ".join(lines) + "\n ]" if rows else "[]"


def _bins(row: Mapping[str, Any]) -> tuple[Bin, ...]:
    return tuple(_part(Bin, part) for part in row["bins"])


def _tests(row: Mapping[str, Any]) -> tuple[TestResult, ...]:
    tests = tuple(_part(TestResult, test) for test in row["tests"])
    if not tests:
        raise ValueError("no test")
    for test in tests:
        if test.p is not None and not 0 <= test.p <= 1:
            raise ValueError(f"a p-value of {test.p!r}")
    return tests


def _part(kind: type[_Kind], row: Mapping[str, Any], **made: Any) -> _Kind:
    """A dataclass of a JSON object. Raises TypeError where a text or number is something else.

    A ``rank`` follows from the tests: it is for other readers.
    """
    known = {key: value for key, value in row.items() if key != "rank"}
    part = checked(kind(**{**known, **made}))
    for f in fields(part):
        value = getattr(part, f.name)
        if isinstance(value, float) and not isfinite(value):
            raise ValueError(f"{f.name} is {value!r}")
    return part
