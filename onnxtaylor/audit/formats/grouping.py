"""Findings of a check, grouped by feature: logs and pipelines show a few of each group.

A feature that changed changes its pairs as well: that is one thing to look at, not fifty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnxtaylor.audit.finding import Finding
from onnxtaylor.errors import join_names, printable

__all__ = ["Group", "group_by_feature"]

NAMED = 4  # further features of a group that are named


@dataclass(frozen=True)
class Group:
    """Findings about one feature: the first one, and the others."""

    first: Finding
    others: tuple[Finding, ...] = ()
    feature: str = ""

    @property
    def others_phrase(self) -> str:
        """Phrase with the number of the others and their features; empty without others."""
        if not self.others:
            return ""
        names = [n for f in (self.first, *self.others) for n in _features(f) if n != self.feature]
        distinct = list(dict.fromkeys(names))
        partners = f", with {join_names(distinct, NAMED)}" if distinct else ""
        return f"and {len(self.others)} more about '{printable(self.feature, 60)}'{partners}"


def group_by_feature(findings: Sequence[Finding]) -> list[Group]:
    """Puts every finding in one group; groups come in the order of their first findings.

    The first finding that is in no group opens a new one. Of its features, the one that most of the
    remaining findings of its level have becomes the group's: they all join it.
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
        findings_of = {name: [f for f in level if name in _features(f)] for name in names}
        feature = max(names, key=lambda name: len(findings_of[name]))
        taken = {id(finding) for finding in findings_of[feature]}
        groups.append(Group(first, tuple(findings_of[feature][1:]), feature))
        left = [finding for finding in left if id(finding) not in taken]
    return groups


def _features(finding: Finding) -> tuple[str, ...]:
    subject = finding.subject
    return (subject.name,) if subject.kind == "feature" else subject.features
