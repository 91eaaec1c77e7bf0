"""Responses that are one another's mirror image: p and 1 − p of a binary classifier.

Their coefficients differ by the sign alone, so a finding on one is a finding on the other, too: it
is reported once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isclose
from typing import Any

import numpy as np

from onnxtaylor.audit.finding import Finding
from onnxtaylor.audit.phrases import quote_name
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["merge_mirrored", "mirror_images", "without_mirror_images"]

ROUNDING = 1e-4  # relative to the largest coefficient of an order: above that of 1 − p in float32
SAME = 1e-3  # relative difference of two measured values that count as equal


def mirror_images(result: TaylorResult) -> dict[str, str]:
    """Maps each response whose coefficients are minus those of an earlier one to the earlier name.

    Scores and RMS of every group and coefficient are equal, and the signed means opposite.

    >>> mirror_images(result)                     # doctest: +SKIP
    {'probabilities[1]': 'probabilities[0]'}
    """
    images: dict[str, str] = {}
    for c, name in enumerate(result.outputs):
        for earlier in range(c):
            if result.outputs[earlier] not in images and _mirrored(result, earlier, c):
                images[name] = result.outputs[earlier]
                break
    return images


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
        Mirror images by the names of the responses: see ``mirror_images``.
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


def _mirrored(result: TaylorResult, a: int, b: int) -> bool:
    """Whether responses a and b are mirror images, up to rounding."""
    for order in np.unique(result.indices.orders):
        mine = result.indices.orders == order
        room = ROUNDING * np.abs(result.score[a][:, mine]).max(initial=0.0)
        apart = (
            result.score[a] - result.score[b],
            result.rms[a] - result.rms[b],
            result.signed_mean[a] + result.signed_mean[b],
        )
        if any((np.abs(one[:, mine]) > room).any() for one in apart):
            return False
    return bool((result.score[a] != 0).any())


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
