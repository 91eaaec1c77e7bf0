"""Puts the parts of an analysis, or of a survey, together: checked, and in their order."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, TypeAlias

from onnxtaylor.errors import ResultError, join_names, printable
from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.run.divided.part import Part, Sums
from onnxtaylor.run.divided.part_file import KINDS, SURVEY, read_header
from onnxtaylor.run.divided.surveys import SurveyPart, merge_surveys
from onnxtaylor.run.divided.tree import add_in_tree
from onnxtaylor.run.doubt import doubt_unseen
from onnxtaylor.statistics.checkpoint import different_facts

__all__ = ["merge_parts"]

Path: TypeAlias = str | os.PathLike[str]

SHOWN = 20  # missing parts that a message names


def merge_parts(
    paths: Sequence[Path], *, progress: Progress | None = None
) -> TaylorResult | SurveyPart:
    """Returns the result of all parts of an analysis, or the survey of all parts of one.

    The parts may come in any order: the result has the same bits. One file at a time is in memory,
    with the sums of few others.

    Parameters
    ----------
    paths
        The files of all parts.
    progress
        Called with (stage, parts done, parts in all).

    Raises
    ------
    ResultError
        A file is no part, or damaged; parts do not belong together; one is missing or there twice.
    DataError
        The weights of all events, or of those of a class, do not sum to a positive number.
    """
    found = _in_order({path: read_header(path) for path in dict.fromkeys(paths)})
    files, headers = list(found), list(found.values())
    if headers[0]["schema"] == SURVEY:
        return merge_surveys(files, headers)
    loaded = (_loaded(path, header, files, progress) for path, header in found.items())
    head = Part.load(files[0], headers[0])
    sums = add_in_tree((part.sums for part in loaded), Sums.merge)
    report_progress(progress, "ranking", 0, None)
    return doubt_unseen(replace(head, sums=sums).result())


def _loaded(
    path: Path, header: Mapping[str, Any], files: Sequence[Path], progress: Progress | None
) -> Part:
    """Reads a part, and reports which it is."""
    report_progress(progress, "merging parts", files.index(path), len(files))
    return Part.load(path, header)


def _in_order(found: Mapping[Path, dict[str, Any]]) -> dict[Path, dict[str, Any]]:
    """Returns the headers of all parts in their order.

    Raises ResultError for parts that do not belong together, are missing, or there twice.
    """
    if not found:
        raise ResultError("there are no parts: name the files of all of them")
    first, head = next(iter(found.items()))
    of = head["shard"][1]
    places: dict[int, Path] = {}
    for path, header in found.items():
        number = header["shard"][0]
        if header["schema"] != head["schema"]:
            kinds = KINDS[header["schema"]], KINDS[head["schema"]]
            raise _apart(path, first, f"it is a {kinds[0]}, the other a {kinds[1]}")
        if header["shard"][1] != of:
            raise _apart(path, first, f"it is one of {header['shard'][1]} parts in place of {of}")
        if differ := different_facts(header["facts"], head["facts"]):
            raise _apart(path, first, differ)
        if number in places:
            raise ResultError(
                f"part {number} of {of} is there twice, {printable(places[number])} and"
                f" {printable(path)}: leave one of them out"
            )
        places[number] = path
    if number := of - len(places):
        first_ones = (str(k) for k in range(1, of + 1) if k not in places)
        named = join_names(list(islice(first_ones, min(number, SHOWN))), SHOWN)
        more = f", … (+{number - SHOWN} more)" if number > SHOWN else ""
        which, verb = ("part", "is") if number == 1 else ("parts", "are")
        raise ResultError(f"{which} {named}{more} of {of} {verb} missing: make or name them")
    return {places[number]: found[places[number]] for number in sorted(places)}


def _apart(path: Path, first: Path, why: str) -> ResultError:
    return ResultError(f"{printable(path)} does not belong to {printable(first)}: {why}")
