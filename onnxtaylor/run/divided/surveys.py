"""The survey of the data as a file: of all of them, or of a part that others make whole.

Parts begin at multiples of 65 536 events, and keep the sums of so many apart: put together, they
are the survey of the whole to the last bit. Of selected events, whose numbers have gaps, the blocks
are others, and the sums agree up to round-off.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import EventRange, SurveyAccumulator, class_files, count_numbers
from onnxtaylor.data.survey import BLOCK
from onnxtaylor.errors import DataError, OptionError, printable
from onnxtaylor.graph import read_model
from onnxtaylor.options import DataOptions, ModelOptions
from onnxtaylor.options.division import ShardOptions, read_shard
from onnxtaylor.options.functions import read_keywords
from onnxtaylor.options.missing import read_missing
from onnxtaylor.problem import ModelSource, Problem
from onnxtaylor.problem.events import Events, events_of, open_data
from onnxtaylor.problem.looked import (
    FIRST_EVENTS,
    FirstRows,
    KnownSurvey,
    columns_of,
    missing_in,
    refuse_moving_columns,
)
from onnxtaylor.problem.specified import settle_options
from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.run.divided.part_file import (
    SURVEY,
    below,
    damaged,
    read_arrays,
    read_header,
    under,
    write_part,
)
from onnxtaylor.run.facts import column_words, file_facts, file_name, plain_facts
from onnxtaylor.statistics.checkpoint import different_facts

if TYPE_CHECKING:
    from typing import Unpack

    from onnxtaylor.options.keywords import SurveyKeywords

__all__ = ["SurveyPart", "known_survey", "merge_surveys", "require_same_files", "survey_data"]

# columns and events, by their options; the folds of events change nothing of a survey
CHOSEN = ("weights", "labels", "where", "tree", "friends", "events")


@dataclass(frozen=True, eq=False)
class SurveyPart:
    """The survey of a part of the data.

    Parameters
    ----------
    shard
        K and N of part K of N.
    facts
        What the data are, the same for all parts.
    sums
        The sums of the events.
    first
        The first events of the part, at most 64, (B, n).
    """

    shard: tuple[int, int]
    facts: Mapping[str, Any]
    sums: SurveyAccumulator
    first: npt.NDArray[np.float64]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the survey, whole or not at all. Raises ResultError."""
        header = {"schema": SURVEY, "shard": list(self.shard), "facts": dict(self.facts)}
        write_part(path, header, under("sums", self.sums.state()) | {"first": self.first})

    @property
    def words(self) -> str:
        """Phrase such as ``part 3 of 200, 5000 events``."""
        number, of = self.shard
        part = f"part {number} of {of}, " if of > 1 else ""
        return f"{part}{self.sums.events} event{'' if self.sums.events == 1 else 's'}"


def survey_data(
    model: ModelSource,
    x: Events | None,
    *,
    progress: Progress | None = None,
    **options: Unpack[SurveyKeywords],
) -> SurveyPart:
    """Surveys the data of a model, all of them or a shard: the model says which columns are used.

    Parameters
    ----------
    model, x
        As for ``analyze``.
    progress
        Called with (stage, events done, events in all).
    **options
        Those of model and data, and ``shard``.

    Raises
    ------
    ModelError, DataError, OptionError
        As ``analyze`` does; OptionError for data whose columns mean something only once all events
        have been read.
    """
    of_model, of_data, of_shard = read_keywords(
        "survey_data", options, ModelOptions, DataOptions, ShardOptions
    )
    loaded, x = read_model(model), events_of(x, of_data)
    of_model, of_data = settle_options(loaded, x, of_model, of_data)
    source = open_data(loaded, of_model, x, of_data)
    refuse_moving_columns(source)
    number, of = shard = read_shard(of_shard.shard or "1/1")
    total = count_numbers(source)
    blocks = -(-total // BLOCK)
    start, stop = (BLOCK * (blocks * k // of) for k in (number - 1, number))
    sums = SurveyAccumulator(missing_in(source, of_data), apart=of > 1)
    watched = FirstRows(EventRange(source, start, min(stop, total)), FIRST_EVENTS)
    for batch in watched.batches(BLOCK):
        sums.update(batch)
        report_progress(progress, "checking data", sums.events, min(stop, total) - start)
    if not total or (of == 1 and not sums.events):
        raise _no_events(of_data.where).located(", ".join(source.origins))
    columns = columns_of(source)
    facts = {
        "version": version("onnxtaylor"),
        "files": [[file_name(f), n] for f, n in getattr(source, "rows_of_files", {}).items()],
        "columns": columns,
        "missing": of_data.missing,
        "number of events": total,
        **_chosen(of_data),
        **file_facts(source.origins, times=False),
    }
    first = watched.x if sums.events else np.empty((0, 0))
    return SurveyPart(shard, plain_facts(facts), sums, first)


def known_survey(
    path: str | os.PathLike[str] | None, options: DataOptions
) -> tuple[KnownSurvey | None, dict[str, Any]]:
    """Reads the survey of all data, with the facts about them; None without a file.

    Raises ResultError for what is no survey, and OptionError for one of a part, and beside a random
    sample of the events.
    """
    if path is None:
        return None, {}
    if options.sample is not None:
        raise OptionError("is of all events: leave sample=… out", option="survey")
    header, where = read_header(path), printable(path)
    if header["schema"] != SURVEY:
        raise OptionError(f"{where}: is no survey, but a part of an analysis", option="survey")
    number, of = header["shard"]
    if of > 1:
        raise OptionError(
            f"{where}: is the survey of part {number} of {of}: merge all of them before",
            option="survey",
        )
    part, facts = _read(path, header), header["facts"]
    try:
        columns = None if facts["columns"] is None else tuple(facts["columns"])
        missing = read_missing(facts["missing"])
        found = part.sums.finalize(columns)
        if columns is not None and len(columns) != len(found.mean):
            raise ValueError(f"it names {len(columns)} columns, but has {len(found.mean)}")
        if part.first.shape[1] != len(found.mean):
            raise ValueError("its first events have another number of columns")
    except DataError:
        raise
    except Exception as error:
        raise damaged(path, error) from error
    return KnownSurvey(found, part.first, columns, missing), facts


def require_same_files(facts: Mapping[str, Any], problem: Problem) -> None:
    """Raises OptionError for a survey of other data than those of a problem.

    ``facts`` are those of the survey; without any, there is none.
    """
    if not facts:
        return
    options = problem.data_options
    own = file_facts(problem.source.origins, times=False)
    own |= _chosen(options)
    own = plain_facts({"version": version("onnxtaylor"), **own})
    if differ := different_facts({name: facts.get(name) for name in own}, own):
        raise OptionError(f"is of other data ({differ}): make it anew", option="survey")


def merge_surveys(
    paths: Sequence[str | os.PathLike[str]], headers: Sequence[Mapping[str, Any]]
) -> SurveyPart:
    """Returns the survey of all data, of its parts in their order.

    Raises ResultError for a damaged file, and DataError where no part has an event.
    """
    facts = headers[0]["facts"]
    sums = SurveyAccumulator()
    first: list[npt.NDArray[np.float64]] = []
    for path, header in zip(paths, headers, strict=True):
        part = _read(path, header)
        sums.merge(part.sums)
        if len(part.first):
            first.append(part.first)
    if not first:
        raise _no_events(facts.get("where"))
    return SurveyPart((1, 1), facts, sums, np.concatenate(first)[:FIRST_EVENTS])


def _read(path: str | os.PathLike[str], header: Mapping[str, Any]) -> SurveyPart:
    """Reads the survey of a part."""
    arrays = read_arrays(path)
    sums = SurveyAccumulator(apart=True)
    try:
        sums.restore(below("sums", arrays))
        number, of = header["shard"]
        first = arrays["first"]
        if first.dtype != np.float64 or first.ndim != 2 or len(first) > FIRST_EVENTS:
            raise ValueError("its first events are no table of numbers")
        return SurveyPart((number, of), header["facts"], sums, first)
    except Exception as error:  # of a file that somebody has written by hand: anything
        raise damaged(path, error) from error


def _chosen(options: DataOptions) -> dict[str, object]:
    """Returns the columns and events that options choose, as facts."""
    facts = {name: column_words(getattr(options, name)) for name in CHOSEN}
    if options.files_by_class is not None:
        found = class_files(options.files_by_class)
        facts["files by class"] = [[file_name(one.path), one.label] for one in found]
    return facts


def _no_events(where: object) -> DataError:
    """Returns the error about data of which no event is left."""
    if where is None:
        return DataError("there are no events (no row of values)")
    return DataError(f"holds at no event: {printable(where, 80)}", option="where")
