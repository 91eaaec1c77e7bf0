"""Long names made short for figures and pages, so that no two of them look alike.

A name is cut in its middle, since both ends tell names apart: ``a_very_…_indeed``. Where names of a
list would be the same then, what they differ in is kept as well, with some of what stands before
it: ``jets_lea…stituent_0…r_jet_pt``. A formula between two ``$`` is kept or left out as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["shorten", "shortened", "unlike"]

GAP = "…"
LEAST = 10  # letters: with fewer a name with two gaps cannot be read
FORMULA = 60  # letters: longer ones are no formulas
CONTEXT = 8  # letters before what differs

Atoms = tuple[str, ...]  # letters and formulas


def shorten(text: str, limit: int) -> str:
    """Text of at most ``limit`` letters, its middle left out; a formula that is longer stays whole.

    >>> shorten("a_very_long_feature_name_indeed", 15)
    'a_very_…_indeed'
    """
    return "".join(_cut(_atoms(text), limit))


def shortened(names: Sequence[str], limit: int) -> list[str]:
    """Each name with about ``limit`` letters, and different ones for different names.

    Names that fit are left as they are. More letters than ``limit`` have formulas, and names that
    get a number because too few letters tell them apart.

    >>> shortened(["jets_leading_0_pt_over_mass", "jets_leading_1_pt_over_mass", "pt"], 20)
    ['jets_l…ding_0…r_mass', 'jets_l…ding_1…r_mass', 'pt']
    """
    return list(_shortened(tuple(names), limit))


def unlike(names: Sequence[str], texts: Sequence[str]) -> list[str]:
    """The texts that are written for the names; one that is taken by another name gets a number.

    >>> unlike(["a", "b", "a"], ["x", "x", "x"])
    ['x', 'x (2)', 'x']
    """
    taken: set[str] = set()
    found: dict[str, str] = {}
    # whoever is written as called keeps it
    pairs = dict(zip(names, texts, strict=True))
    for name, text in sorted(pairs.items(), key=lambda pair: pair[0] != pair[1]):
        number, label = 1, text
        while label in taken:
            number += 1
            label = f"{text} ({number})"
        taken.add(label)
        found[name] = label
    return [found[name] for name in names]


@lru_cache(maxsize=64)
def _shortened(names: tuple[str, ...], limit: int) -> tuple[str, ...]:
    distinct = list(dict.fromkeys(names))
    short = ["".join(atoms) for atoms in _told_apart([_atoms(n) for n in distinct], limit)]
    found = dict(zip(distinct, unlike(distinct, short), strict=True))
    return tuple(found[name] for name in names)


def _told_apart(names: Sequence[Atoms], limit: int) -> list[Atoms]:
    """The names cut to the limit; of those that are then alike, what they differ in is kept."""
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
    """Different names with the same ends: the ends, and what stands between what they share."""
    before = _shared(names)
    rest = [name[before:] for name in names]
    behind = _shared([tuple(reversed(name)) for name in rest])
    middles = [name[: len(name) - behind] for name in rest]
    head, tail = names[0][:before], rest[0][len(rest[0]) - behind :]
    needed = max(map(_width, middles))
    spare = max(limit - needed - 2, LEAST // 2)  # for the ends and for the context
    near = min(CONTEXT, spare // 3)
    first = _cut_before(head, (spare - near + 1) // 2, near)
    most = (spare - near) // 2
    last = tail if _width(tail) <= most + 1 else (GAP, *_kept(tail, most, from_end=True))
    room = max(limit - _width(first) - _width(last), 0)
    told = middles if needed <= room else _told_apart(middles, room)
    found = [(*first, *middle, *last) for middle in told]
    # a cut that saves next to nothing only makes names harder to read
    pairs = list(zip(names, found, strict=True))
    saves = any(_width(name) <= limit or _width(made) < _width(name) - 3 for name, made in pairs)
    return found if saves else list(names)


def _cut_before(head: Atoms, most: int, near: int) -> Atoms:
    """The beginning of a head, and what stands right before what follows it."""
    if _width(head) <= most + near + 1:
        return head
    return (*_kept(head, most), GAP, *_kept(head, near, from_end=True))


def _cut(name: Atoms, limit: int) -> Atoms:
    """The name without its middle, where it is longer than the limit."""
    if _width(name) <= limit or len(name) < 2:
        return name
    tail = _kept(name, (limit - 1) // 2, from_end=True)
    head = _kept(name[: len(name) - len(tail)], limit - 1 - _width(tail))
    if not head and not tail:  # a formula at either end: one of them says more than none
        head = name[:1]
    return (*head, GAP, *tail)


def _kept(atoms: Atoms, most: int, *, from_end: bool = False) -> Atoms:
    """As many of the first, or of the last, atoms as have at most so many letters."""
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
    """How many of their first atoms all names have in common."""
    low, high = min(names), max(names)  # all others lie between these
    count = 0
    for a, b in zip(low, high, strict=False):
        if a != b:
            break
        count += 1
    return count


def _width(atoms: Atoms) -> int:
    return sum(map(len, atoms))


def _atoms(text: str) -> Atoms:
    """Letters, and formulas between two ``$`` as one."""
    return tuple(re.findall(rf"\$[^$]{{1,{FORMULA - 2}}}\$|.", text, re.DOTALL))
