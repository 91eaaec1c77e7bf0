"""The first pass over the data: survey, first events, sizes of sets; or a survey made before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import Batch, EventSource, Survey, survey
from onnxtaylor.data.source import DerivedSource
from onnxtaylor.errors import OptionError, join_names
from onnxtaylor.options import DataOptions
from onnxtaylor.options.missing import Missing, missing_values, read_missing
from onnxtaylor.problem.jagged import SizesSeen
from onnxtaylor.problem.slots import Slots
from onnxtaylor.progress import Progress, report_progress

__all__ = [
    "FIRST_EVENTS",
    "FirstRows",
    "KnownSurvey",
    "Looked",
    "columns_of",
    "look_again",
    "look_at",
    "missing_in",
    "refuse_moving_columns",
]

FIRST_EVENTS = 64  # of the data: at these the function is probed and compared, and engines tried
UNNAMED = ("without names",)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class KnownSurvey:
    """A survey of all data that was made before, and what it is a survey of.

    Parameters
    ----------
    survey, first
        The survey, and the first 64 events (B, n).
    columns
        Names of features and context; None where the data have no names.
    missing
        Value of missing entries.
    padded
        Whether entries of padded slots are left out, which a model tells apart.
    """

    survey: Survey
    first: Floats
    columns: tuple[str, ...] | None
    missing: Missing | None
    padded: bool = False


@dataclass(frozen=True, eq=False)
class Looked:
    """All that a pass over the data has shown.

    Parameters
    ----------
    survey
        Count, weights, moments and ranges of the data.
    first
        The first 64 events (B, n), or all if there are fewer.
    seen
        Sizes of sets of all events.
    """

    survey: Survey
    first: Floats
    seen: SizesSeen


class FirstRows(DerivedSource):
    """A source that keeps the first ``count`` events that pass, as ``x`` (B, n)."""

    def __init__(self, source: EventSource, count: int) -> None:
        super().__init__(source)
        self._left = count
        self._parts: list[Floats] = []

    @property
    def x(self) -> Floats:
        """The events that have passed, at most ``count``."""
        return np.concatenate(self._parts)

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the source, at most ``size`` events at a time."""
        for batch in self._source.batches(size):
            if self._left:
                self._parts.append(batch.x[: self._left].copy())
                self._left -= len(self._parts[-1])
            yield batch


def look_at(
    source: EventSource,
    options: DataOptions,
    progress: Progress | None = None,
    known: KnownSurvey | None = None,
) -> Looked:
    """Reads all events once; or takes a survey that is known, and reads none.

    Raises DataError as ``survey`` does, and OptionError for a survey of other columns, and where
    only reading the events tells what a text or a size is.
    """
    seen = SizesSeen(source)
    if known is not None:
        refuse_moving_columns(source)
        columns = columns_of(source)
        told = repr(read_missing(options.missing))
        if (columns, told) != (known.columns, repr(read_missing(known.missing))):
            raise OptionError(
                f"is of other columns ({join_names(known.columns or UNNAMED)}; missing"
                f" {known.missing}) than these ({join_names(columns or UNNAMED)}; missing"
                f" {options.missing}): make it with the same model, data and options",
                option="survey",
            )
        return Looked(known.survey, known.first, seen)
    watched = FirstRows(seen, FIRST_EVENTS)
    surveyed = survey(
        watched,
        missing=missing_in(source, options),
        progress=lambda done: report_progress(progress, "checking data", done, None),
    )
    return Looked(surveyed, watched.x, seen)


def columns_of(source: EventSource) -> tuple[str, ...] | None:
    """Returns the names of features and context; None where the data have no names."""
    names: Sequence[str] | None = source.feature_names
    return None if names is None else (*names, *getattr(source, "context_names", ()))


def missing_in(source: EventSource, options: DataOptions) -> float | Floats | None:
    """Returns the value of missing entries of all columns, or of each, shape (n,).

    Raises OptionError for a name that no column has.
    """
    return missing_values(options.missing, columns_of(source))


def refuse_moving_columns(source: EventSource) -> None:
    """Raises OptionError for columns that mean something only once all events have been read."""
    texts = [name for name, known in getattr(source, "texts", {}).items() if known is not None]
    sets = [*getattr(source, "lengths", {}), *getattr(source, "fillings", {})]
    if texts or sets:
        raise OptionError(
            f"cannot be used with columns of text and with sets of varying size"
            f" ({join_names([*texts, *sets])}), whose meaning is known only once all events have"
            " been read: leave it out",
            option="survey",
        )


def look_again(
    source: EventSource, options: DataOptions, slots: Slots, known: KnownSurvey | None
) -> Survey:
    """Surveys the data without the entries of padded slots.

    Raises OptionError for a survey that is known and has them.
    """
    if known is not None:
        raise OptionError(
            "cannot be used with sets of padded slots, which only the model tells apart: leave it"
            " out",
            option="survey",
        )
    return survey(source, missing=missing_in(source, options), padded=slots.padded)
