"""Findings on responses that are one another's mirror image: see ``results.mirror_images``.

A finding on one of them is a finding on the other, too: it is reported once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isclose
from typing import Any

from onnxtaylor.audit.finding import Finding
from onnxtaylor.audit.phrases import quote_name

__all__ = ["merge_mirrored", "without_mirror_images"]

SAME = 1e-3  # relative difference of two measured values that count as equal


def without_mirror_images(names: Iterable[str], images: Mapping[str, str]) -> list[str]:
    """Removes the names whose mirror image is among them."""
    kept = list(names)
    return [name for name in kept if images.get(name) not in kept]


def merge_mirrored(findings: Sequence[Finding], images: Mapping[str, str]) -> tuple[Finding, ...]:
    """Merges the findings on mirror images into one, whose message names both responses.

    Parameters
    ----------
    findings
        Findings of one check.
    images
        Mirror images by the names of the responses: see ``results.mirror_images``.
    """
    if not images:
        return tuple(findings)
    places = {_key(finding): k for k, finding in enumerate(findings)}
    dropped: set[int] = set()
    repeated: dict[int, list[str]] = {}
    for k, finding in enumerate(findings):
        image = images.get(finding.subject.output or "")
        if image is None:
            continue
        place = places.get(_key(_renamed(finding, image)))
        if place is None or not _equal(findings[place].measured, finding.measured):
            continue
        dropped.add(k)
        repeated.setdefault(place, []).append(str(finding.subject.output))
    return tuple(
        _with_images(finding, repeated.get(k, []))
        for k, finding in enumerate(findings)
        if k not in dropped
    )


def _renamed(finding: Finding, output: str) -> Finding:
    """Returns the finding with another response in place of its own."""
    subject = finding.subject
    name = output if subject.name == subject.output else subject.name
    return replace(finding, subject=replace(subject, name=name, output=output))


def _key(finding: Finding) -> tuple[Any, ...]:
    return (finding.check, finding.level, finding.subject, finding.location, finding.quantity)


def _equal(a: float | str, b: float | str) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return isclose(a, b, rel_tol=SAME, abs_tol=1e-12)


def _with_images(finding: Finding, names: Sequence[str]) -> Finding:
    if not names:
        return finding
    quoted = ", ".join(map(quote_name, names))
    message = f"{finding.message}; the same holds for its mirror image {quoted}"
    return replace(finding, message=message)
