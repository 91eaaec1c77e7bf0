"""Responses that are one another's mirror image: p and 1 − p of a binary classifier.

Their coefficients differ by the sign alone, so what is found of one is found of the other: it is
told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isclose
from typing import Any

import numpy as np

from onnxtaylor.audit.finding import Finding
from onnxtaylor.errors import printable
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["distinct", "merged", "mirror_images"]

ROUNDING = 1e-4  # of the largest coefficient of an order: more than float32 makes of 1 − p
SAME = 1e-3  # of two measured values


def mirror_images(result: TaylorResult) -> dict[str, str]:
    """Responses whose coefficients are minus those of an earlier one, with its name.

    Of every group and coefficient scores and RMS are equal, and signed means opposite.

    >>> mirror_images(result)                     # doctest: +SKIP
    {'probabilities[1]': 'probabilities[0]'}
    """
    found: dict[str, str] = {}
    for c, name in enumerate(result.outputs):
        for earlier in range(c):
            if result.outputs[earlier] not in found and _mirrored(result, earlier, c):
                found[name] = result.outputs[earlier]
                break
    return found


def distinct(names: Iterable[str], images: Mapping[str, str]) -> list[str]:
    """The names without those whose mirror image is among them."""
    kept = list(names)
    return [name for name in kept if images.get(name) not in kept]


def merged(findings: Sequence[Finding], images: Mapping[str, str]) -> tuple[Finding, ...]:
    """The findings, without those that repeat one of the mirror image.

    The message of the one that stays names both.
    """
    if not images:
        return tuple(findings)
    of = {_key(finding): k for k, finding in enumerate(findings)}
    dropped: set[int] = set()
    told: dict[int, list[str]] = {}
    for k, finding in enumerate(findings):
        image = images.get(finding.subject.output or "")
        if image is None:
            continue
        place = of.get(_key(_renamed(finding, image)))
        if place is None or not _equal(findings[place].measured, finding.measured):
            continue
        dropped.add(k)
        told.setdefault(place, []).append(str(finding.subject.output))
    return tuple(
        _with_images(finding, told.get(k, []))
        for k, finding in enumerate(findings)
        if k not in dropped
    )


def _mirrored(result: TaylorResult, a: int, b: int) -> bool:
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
    whose = ", ".join(f"'{printable(name)}'" for name in names)
    return replace(finding, message=f"{finding.message}; the same of its mirror image {whose}")
