"""GoodnessOfFit: the tests of all features and pairs, frozen, versioned, saved and loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf, sqrt
from typing import Any, TypeVar

from onnxtaylor.errors import OptionError, name_hint, printable
from onnxtaylor.results.documents import DocumentKind, check_unique, document_text, part, save_text

__all__ = ["SCHEMA", "Bin", "FeatureFit", "GoodnessOfFit", "PairFit", "SampleSummary", "TestResult"]

SCHEMA = "onnxtaylor.gof/1"
KIND = DocumentKind(
    SCHEMA,
    title="goodness of fit",
    name="goodness of fit",
    hint="; read files of combine with `read_combine` (command line: `onnxtaylor gof`)",
)

_Fit = TypeVar("_Fit", "FeatureFit", "PairFit")


@dataclass(frozen=True)
class TestResult:
    """One test: its statistic, degrees of freedom, and p-values.

    ``p`` is the p-value of the toys with its binomial uncertainty ``p_error``, or what a file of
    combine without toys says. ``p_asymptotic`` is that of χ² with ``ndf`` degrees of freedom.
    ``p`` is None where there was nothing to test: ``reason`` says why.
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
        """Sorting key of tests, the worst first; features that were not tested come last.

        Tests are sorted by ``p``. Those that no toy reached have equal ``p``: they are sorted by
        ``p_asymptotic``, and where that is too small for a number, by how far the statistic is
        beyond its expectation, (q − ndf)/√(2 ndf), which is normal for many degrees of freedom.
        """
        p = inf if self.p is None else self.p
        asymptotic = inf if self.p_asymptotic is None else self.p_asymptotic
        if self.statistic is None or not self.ndf:
            return p, asymptotic, 0.0
        return p, asymptotic, -(self.statistic - self.ndf) / sqrt(2 * self.ndf)


@dataclass(frozen=True)
class Bin:
    """Contents of one bin, low ≤ value < high; the last bin includes its high end.

    Contents are sums of weights, errors √Σw²; the expectation is scaled to the observed total if
    shapes were compared. ``missing`` says whether missing values are in the bin; a bin of missing
    values alone has neither ``low`` nor ``high``.
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
    """The tests of one feature, the saturated one first, and the bins of that test."""

    name: str
    tests: tuple[TestResult, ...]
    bins: tuple[Bin, ...] = ()

    @property
    def p(self) -> float | None:
        """p-value of the first test, which is the saturated one if onnxtaylor made the tests."""
        return self.tests[0].p


@dataclass(frozen=True)
class PairFit:
    """The tests of a pair of features, and the number of cells of their grid."""

    features: tuple[str, str]
    tests: tuple[TestResult, ...]
    cells: int | None = None

    @property
    def p(self) -> float | None:
        """p-value of the first test."""
        return self.tests[0].p


@dataclass(frozen=True)
class SampleSummary:
    """Summary of one of the two samples: its sources and its number of events."""

    sources: tuple[str, ...]
    events: int
    sum_weight: float
    n_eff: float
    weighted: bool


@dataclass(frozen=True)
class GoodnessOfFit:
    """Tests of observed against expected, of every feature and of every pair.

    ``method`` is ``toys``, or ``combine`` for p-values from files of CMS' combine. Those files name
    no data and no bins: ``observed`` and ``expected`` are None then.
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
        """Returns the number of tests, and the smallest p-values."""
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
        """Returns the tests of one feature. Raises OptionError for an unknown name."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise OptionError(
            f"no feature {printable(name, 60)!r} was tested{name_hint(name, list(self.names))}"
        )

    @property
    def worst_features(self) -> tuple[FeatureFit, ...]:
        """Features, the worst modelled first: see ``TestResult.badness``."""
        return tuple(sorted(self.features, key=lambda feature: feature.tests[0].badness))

    @property
    def worst_pairs(self) -> tuple[PairFit, ...]:
        """Pairs, the worst modelled first: see ``TestResult.badness``."""
        return tuple(sorted(self.pairs, key=lambda pair: pair.tests[0].badness))

    def pairs_of(self, name: str) -> list[PairFit]:
        """Returns all pairs that have the feature."""
        return [pair for pair in self.pairs if name in pair.features]

    def to_json(self) -> str:
        """Returns one JSON document of the schema ``onnxtaylor.gof/1``."""
        head = {
            "schema": SCHEMA,
            "version": self.version,
            "method": self.method,
            "observed": None if self.observed is None else asdict(self.observed),
            "expected": None if self.expected is None else asdict(self.expected),
            "options": dict(self.options),
            "warnings": list(self.warnings),
        }
        return document_text(
            head,
            {
                "features": _ranked(self.features, self.worst_features),
                "pairs": _ranked(self.pairs, self.worst_pairs),
            },
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the JSON document, whole or not at all. Raises ResultError."""
        save_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> GoodnessOfFit:
        """Reads a saved document. Raises ResultError, naming the file and what is wrong with it."""
        return cls.from_json(KIND.read(path), printable(path))

    @classmethod
    def from_json(cls, text: str, where: str = "goodness of fit") -> GoodnessOfFit:
        """Returns the tests of a document of ``to_json``; error messages begin with ``where``.

        Raises ResultError for text that is no goodness of fit, and for a damaged one.
        """
        return KIND.parse(text, where, cls._from_document)

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> GoodnessOfFit:
        from onnxtaylor.gof.consistency import check_fits  # of these classes

        features = tuple(
            _fit(FeatureFit, row, bins=tuple(part(Bin, one) for one in row["bins"]))
            for row in document["features"]
        )
        names = [feature.name for feature in features]
        check_unique(names, "names of features")
        pairs = tuple(
            _fit(PairFit, row, features=tuple(row["features"])) for row in document["pairs"]
        )
        for k, pair in enumerate(pairs):
            if not set(pair.features) <= set(names):
                raise ValueError(
                    f"pairs[{k}].features must be among the features, got"
                    f" {' and '.join(map(repr, pair.features))}"
                )
        check_unique([tuple(sorted(pair.features)) for pair in pairs], "pairs of features")
        samples = {
            side: None
            if (row := document[side]) is None
            else part(SampleSummary, row, sources=tuple(row["sources"]))
            for side in ("observed", "expected")
        }
        fit = cls(
            method=document["method"],
            features=features,
            pairs=pairs,
            options=document["options"],
            warnings=tuple(document["warnings"]),
            version=document["version"],
            **samples,
        )
        check_fits(fit, document)
        return fit


def _ranked(
    rows: Sequence[FeatureFit] | Sequence[PairFit], worst: Sequence[FeatureFit] | Sequence[PairFit]
) -> Iterator[dict[str, Any]]:
    """Rows in the order of the columns; ``rank`` is their place among ``worst``, from 1."""
    ranks = {id(row): k for k, row in enumerate(worst, 1)}
    for row in rows:
        yield asdict(row) | {"rank": None if row.p is None else ranks[id(row)]}


def _fit(kind: type[_Fit], row: Mapping[str, Any], **replaced: Any) -> _Fit:
    """JSON of the tests of a feature or pair; ``rank`` is redundant, for other programs."""
    tests = tuple(part(TestResult, test) for test in row["tests"])
    return part(kind, {k: v for k, v in row.items() if k != "rank"}, tests=tests, **replaced)
