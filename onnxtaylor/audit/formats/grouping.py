"""Findings of a check by the feature that they are about: a log and a pipeline show a few of each.

A feature that changed changes its pairs as well: that is one thing to look at, not fifty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnxtaylor.audit.finding import Finding
from onnxtaylor.errors import listed, printable

__all__ = ["Group", "grouped"]

NAMED = 4  # further features of a group


@dataclass(frozen=True)
class Group:
    """The first finding of a feature, and further ones that have it, too."""

    first: Finding
    others: tuple[Finding, ...] = ()
    feature: str = ""

    @property
    def more(self) -> str:
        """How many others there are, and about which features; empty without any."""
        if not self.others:
            return ""
        names = [n for f in (self.first, *self.others) for n in _features(f) if n != self.feature]
        distinct = list(dict.fromkeys(names))
        whom = f", with {listed(distinct, NAMED)}" if distinct else ""
        return f"and {len(self.others)} more about '{printable(self.feature, 60)}'{whom}"


def grouped(findings: Sequence[Finding]) -> list[Group]:
    """The findings, each in one group, in the order of the first ones.

    A group is opened by the first finding that is in none. It takes all others of the same level
    that have the one of its features which most of them have.
    """
    left = list(findings)
    groups: list[Group] = []
    while left:
        first = left[0]
        level = [finding for finding in left if finding.level == first.level]
        names = list(dict.fromkeys(_features(first)))
        if not names:
            groups.append(Group(first))
            left = left[1:]
            continue
        having = {name: [f for f in level if name in _features(f)] for name in names}
        feature = max(names, key=lambda name: len(having[name]))
        taken = {id(finding) for finding in having[feature]}
        groups.append(Group(first, tuple(having[feature][1:]), feature))
        left = [finding for finding in left if id(finding) not in taken]
    return groups


def _features(finding: Finding) -> tuple[str, ...]:
    subject = finding.subject
    return (subject.name,) if subject.kind == "feature" else subject.features
