"""Shortens long names for figures and pages, so that no two of them look alike.

The middle of a name is left out, since both ends distinguish names: ``a_very_…_indeed``. If names
of a list would then be equal, the part in which they differ is kept as well, with some letters
before it: ``jets_lea…stituent_0…r_jet_pt``. A formula between two ``$`` is kept or left out as a
whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["distinguish", "shorten", "shorten_all"]

GAP = "…"
LEAST = 10  # letters; with fewer, a name with two gaps cannot be read
FORMULA = 60  # letters of a formula; longer text between two $ is no formula
CONTEXT = 8  # letters kept before the part in which names differ

Atoms = tuple[str, ...]  # letters and formulas


def shorten(text: str, limit: int) -> str:
    """Shortens text to at most ``limit`` letters by leaving out its middle.

    A single formula stays whole even if it is longer.

    >>> shorten("a_very_long_feature_name_indeed", 15)
    'a_very_…_indeed'
    """
    return "".join(_cut(_atoms(text), limit))


def shorten_all(names: Sequence[str], limit: int) -> list[str]:
    """Shortens names to about ``limit`` letters, so that different names stay different.

    Names that fit are not changed. A result may be longer than ``limit`` if it has a formula, or a
    number that was added because too few letters distinguish the names.

    Parameters
    ----------
    names
        The names; equal ones get equal results.
    limit
        Number of letters.

    >>> shorten_all(["jets_leading_0_pt_over_mass", "jets_leading_1_pt_over_mass", "pt"], 20)
    ['jets_l…ding_0…r_mass', 'jets_l…ding_1…r_mass', 'pt']
    """
    return list(_shortened(tuple(names), limit))


def distinguish(names: Sequence[str], texts: Sequence[str]) -> list[str]:
    """The texts that stand for names, with a number added where another name has the same text.

    Parameters
    ----------
    names
        The names; equal ones get equal results.
    texts
        One text for each name.

    >>> distinguish(["a", "b", "a"], ["x", "x", "x"])
    ['x', 'x (2)', 'x']
    """
    taken: set[str] = set()
    chosen: dict[str, str] = {}
    # a name that equals its text comes first, and so keeps it without a number
    pairs = dict(zip(names, texts, strict=True))
    for name, text in sorted(pairs.items(), key=lambda pair: pair[0] != pair[1]):
        number, label = 1, text
        while label in taken:
            number += 1
            label = f"{text} ({number})"
        taken.add(label)
        chosen[name] = label
    return [chosen[name] for name in names]


@lru_cache(maxsize=64)
def _shortened(names: tuple[str, ...], limit: int) -> tuple[str, ...]:
    distinct = list(dict.fromkeys(names))
    short = ["".join(atoms) for atoms in _cut_all([_atoms(n) for n in distinct], limit)]
    results = dict(zip(distinct, distinguish(distinct, short), strict=True))
    return tuple(results[name] for name in names)


def _cut_all(names: Sequence[Atoms], limit: int) -> list[Atoms]:
    """Cuts names to the limit; where cut names are equal, keeps the part in which they differ."""
    cut = [_cut(name, limit) for name in names]
    alike: dict[Atoms, list[int]] = {}
    for k, atoms in enumerate(cut):
        alike.setdefault(atoms, []).append(k)
    for places in alike.values():
        if len(places) > 1 and limit >= LEAST:
            group = [names[k] for k in places]
            for k, atoms in zip(places, _with_middle(group, limit), strict=True):
                cut[k] = atoms
    return cut


def _with_middle(names: Sequence[Atoms], limit: int) -> list[Atoms]:
    """Cuts names that have the same ends: keeps the ends, and the parts in which they differ."""
    before = _shared(names)
    rest = [name[before:] for name in names]
    behind = _shared([tuple(reversed(name)) for name in rest])
    middles = [name[: len(name) - behind] for name in rest]
    head, tail = names[0][:before], rest[0][len(rest[0]) - behind :]
    needed = max(map(_width, middles))
    # letters that remain: half for each end, a third at most for the context before the middle
    spare = max(limit - needed - 2, LEAST // 2)  # for the ends and for the context
    near = min(CONTEXT, spare // 3)
    first = _cut_before(head, (spare - near + 1) // 2, near)
    most = (spare - near) // 2
    last = tail if _width(tail) <= most + 1 else (GAP, *_kept(tail, most, from_end=True))
    room = max(limit - _width(first) - _width(last), 0)
    shown = middles if needed <= room else _cut_all(middles, room)
    cut = [(*first, *middle, *last) for middle in shown]
    # a cut that saves next to nothing only makes names harder to read
    pairs = list(zip(names, cut, strict=True))
    saves = any(_width(name) <= limit or _width(short) < _width(name) - 3 for name, short in pairs)
    return cut if saves else list(names)


def _cut_before(head: Atoms, most: int, near: int) -> Atoms:
    """Cuts the common beginning of names: keeps its first letters, and ``near`` at its end."""
    if _width(head) <= most + near + 1:
        return head
    return (*_kept(head, most), GAP, *_kept(head, near, from_end=True))


def _cut(name: Atoms, limit: int) -> Atoms:
    """Leaves out the middle of a name that is longer than the limit."""
    if _width(name) <= limit or len(name) < 2:
        return name
    tail = _kept(name, (limit - 1) // 2, from_end=True)
    head = _kept(name[: len(name) - len(tail)], limit - 1 - _width(tail))
    if not head and not tail:  # a formula at either end: one of them says more than none
        head = name[:1]
    return (*head, GAP, *tail)


def _kept(atoms: Atoms, most: int, *, from_end: bool = False) -> Atoms:
    """The longest beginning (or end) of the atoms that has at most ``most`` letters."""
    order = tuple(reversed(atoms)) if from_end else atoms
    width = count = 0
    for atom in order:
        width += len(atom)
        if width > most:
            break
        count += 1
    kept = order[:count]
    return tuple(reversed(kept)) if from_end else kept


def _shared(names: Sequence[Atoms]) -> int:
    """The number of first atoms that all names have in common."""
    low, high = min(names), max(names)  # what these share, all names between them share
    count = 0
    for a, b in zip(low, high, strict=False):
        if a != b:
            break
        count += 1
    return count


def _width(atoms: Atoms) -> int:
    """The number of letters."""
    return sum(map(len, atoms))


def _atoms(text: str) -> Atoms:
    """Splits text into letters and formulas; a formula between two ``$`` is one atom."""
    return tuple(re.findall(rf"\$[^$]{{1,{FORMULA - 2}}}\$|.", text, re.DOTALL))
