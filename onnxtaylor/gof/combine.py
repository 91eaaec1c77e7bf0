"""p-values of CMS' combine, read from the files of ``combineTool.py -M CollectGoodnessOfFit``.

Such a file holds the observed statistic and those of toys, by the mass hypothesis, and with KS and
AD by the channel as well:

    {"125.0": {"obs": [21.3], "toy": [14.9, 30.2, …], "p": 0.14}}
    {"125.0": {"htt_mt_1": {"obs": […], "toy": […], "p": …}, "htt_mt_2": {…}}}

(CombineHarvester, CombineTools/python/combine/Output.py). There is one file for each variable or
pair, so that file names have to say which. They are found by a pattern, ``gof/{1}_{2}/gof.json``,
in which {1} and {2} stand for features; or in a folder, in all of whose JSON files the features'
names stand as words, in one and the same way for features and in one for pairs.

The p-value is (k + 1)/(T + 1) of T toys, as everywhere in this package, where combine writes k/T.
For a file without toys combine's own p-value is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import combinations, permutations
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np

from onnxtaylor.errors import OptionError, ResultError, join_names, printable
from onnxtaylor.files.bounded import read_text
from onnxtaylor.gof.result import FeatureFit, GoodnessOfFit, PairFit, TestResult
from onnxtaylor.gof.saturated import p_value

__all__ = ["read_combine"]

LARGEST = 1 << 28  # bytes of one file: a million toys take 20 MB
TEST = "combine"


def read_combine(
    places: Sequence[str], names: Sequence[str], key: str | None = None
) -> GoodnessOfFit:
    """Reads the goodness of fit of features from combine's files.

    Parameters
    ----------
    places
        Patterns such as ``gof/{1}_{2}/gof.json``, and folders.
    names
        Names of the features.
    key
        The mass, or ``MASS/CHANNEL``; it may be left out where a file has only one.

    Raises
    ------
    OptionError
        For a pattern without a place for a feature, and for names that occur twice.
    ResultError
        Where a file cannot be read, or is not clearly that of one feature or pair, and where no
        file belongs to any of the names.
    """
    if len(set(names)) < len(names) or not names:
        raise OptionError("name each feature once: combine's files are matched by these names")
    paths: dict[frozenset[str], Path] = {}
    for place in places:
        for features, path in _files(place, names):
            if (other := paths.setdefault(features, path)) != path:
                of = join_names(sorted(features))
                raise ResultError(
                    f"{printable(path)}: {printable(other)} is of {of} as well: leave one out"
                )
    tests = {features: (_test(path, key),) for features, path in paths.items()}
    untested = TestResult(TEST, None, None, None, None, None, 0, "no file of combine")
    singles = tuple(FeatureFit(n, tests.get(frozenset([n]), (untested,))) for n in names)
    pairs = tuple(
        PairFit(pair, tests[frozenset(pair)])
        for pair in combinations(names, 2)
        if frozenset(pair) in tests
    )
    if not tests:
        raise ResultError(
            f"{', '.join(map(printable, places))}: no file of {join_names(names)}: a pattern has"
            " {1}, and {2} for pairs, where the names stand"
        )
    options = {"places": list(map(str, places)), "key": key}
    return GoodnessOfFit("combine", singles, pairs, options, version=version("onnxtaylor"))


def _files(place: str, names: Sequence[str]) -> Iterator[tuple[frozenset[str], Path]]:
    """Maps each feature or pair to its file, by the pattern or folder."""
    if "{1}" in place:
        yield from _by_pattern(place, names)
    elif "{" in place:
        raise OptionError(
            f"{printable(place)}: a pattern must have {{1}}, and {{2}} for pairs, where the names"
            " of features stand"
        )
    elif Path(place).is_dir():
        yield from _in_folder(Path(place), names)
    else:
        raise OptionError(f"{printable(place)}: neither a folder nor a pattern with {{1}} in it")


def _by_pattern(pattern: str, names: Sequence[str]) -> Iterator[tuple[frozenset[str], Path]]:
    taken: dict[str, frozenset[str]] = {}
    choices = permutations(names, 2) if "{2}" in pattern else zip(names, names, strict=True)
    parts = re.split(r"\{([12])\}", pattern)  # in one go: a name may hold {2}
    fields = parts[1::2]
    for a, b in choices:
        parts[1::2] = [a if field == "1" else b for field in fields]
        path = "".join(parts)
        if not Path(path).is_file():
            continue
        features = frozenset((a, b))
        if taken.setdefault(path, features) != features:
            both = " and ".join(join_names(sorted(f)) for f in (taken[path], features))
            raise ResultError(f"{printable(path)}: may be of {both}: use another pattern")
        yield features, Path(path)


def _in_folder(folder: Path, names: Sequence[str]) -> Iterator[tuple[frozenset[str], Path]]:
    longest = sorted(names, key=len, reverse=True)
    words = re.compile(
        r"(?<![A-Za-z0-9])(" + "|".join(map(re.escape, longest)) + r")(?![A-Za-z0-9])"
    )
    templates: dict[int, tuple[str, Path]] = {}
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        features = words.findall(name)
        if len(features) not in (1, 2) or len(set(features)) < len(features):
            seen = f"the features {join_names(features)}" if features else "no feature"
            raise ResultError(
                f"{printable(path)}: its name has {seen} in it, not one or two: use a pattern such"
                " as 'gof/{1}_{2}.json'"
            )
        template = words.sub("{}", name)
        usual, first = templates.setdefault(len(features), (template, path))
        if template != usual:
            raise ResultError(
                f"{printable(path)}: is named {printable(template)}, {printable(first)}"
                f" {printable(usual)}, where {{}} is a feature: is a feature not in the list? Use a"
                " pattern such as 'gof/{1}_{2}.json'"
            )
        yield frozenset(features), path


def _test(path: Path, key: str | None) -> TestResult:
    where = printable(path)
    try:
        document = json.loads(read_text(path, LARGEST))
    except OSError as error:
        raise ResultError(f"{where}: {printable(error.strerror or error)}") from None
    except (ValueError, RecursionError) as error:
        raise ResultError(f"{where}: no JSON document: {printable(error)}") from None
    row = _chosen(document, key, where)
    try:
        observed, toys = _number(row.get("obs")), row.get("toy")
        if toys:
            values = np.array([_number(value) for value in toys])
            p, error_of_p = p_value(observed, values)
            return TestResult(TEST, observed, None, p, error_of_p, None, len(values))
        own = _number(row.get("p"))
        if not 0 <= own <= 1:
            raise ValueError(f"p is {own}")
        return TestResult(TEST, observed, None, own, None, None, 0, "no toys in the file")
    except (TypeError, ValueError) as error:
        raise ResultError(f"{where}: no result of combine: {printable(error)}") from None


def _chosen(document: Any, key: str | None, where: str) -> Mapping[str, Any]:
    """The object with ``obs``: the only one, or the one of this mass and channel."""
    rows: dict[str, Mapping[str, Any]] = {}
    for mass, entry in document.items() if isinstance(document, dict) else ():
        if not isinstance(entry, dict):
            continue
        if "obs" in entry:
            rows[mass] = entry
            continue
        for channel, part in entry.items():
            if isinstance(part, dict) and "obs" in part:
                rows[f"{mass}/{channel}"] = part
    if not rows:
        raise ResultError(
            f"{where}: no result of combine: it has no 'obs' below a mass"
            " (combineTool.py -M CollectGoodnessOfFit writes such files)"
        )
    if key is not None and key in rows:
        return rows[key]
    inside = [name for name in rows if key is None or name.startswith(f"{key}/")]
    if len(inside) == 1:
        return rows[inside[0]]
    what = f"no {printable(key)!r}" if key is not None and not inside else "several results"
    raise ResultError(f"{where}: {what} in it: choose one of {join_names(list(rows))} with key=…")


def _number(value: Any) -> float:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        number = inf
    if not isfinite(number):
        raise ValueError(f"{printable(value, 40)} is no number of double precision")
    return number
