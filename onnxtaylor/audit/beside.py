"""Files of an audit: those of the events, and those that a model is compared with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onnxtaylor.audit.check import Check, FileCheck
from onnxtaylor.audit.checks import BUILT_IN
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.outcome import File
from onnxtaylor.audit.policy import Policy
from onnxtaylor.errors import OptionError, printable
from onnxtaylor.files.hashes import sha256_of
from onnxtaylor.problem import Problem
from onnxtaylor.problem.events import Paths

__all__ = [
    "BESIDE",
    "files_of",
    "hashed_files",
    "lacking_files",
    "open_evidence",
    "paths_of",
    "require_files",
]

BESIDE = ("baseline", "reference", "gof")


def require_files(
    policy: Policy, beside: Mapping[str, tuple[Path, ...]], given: Mapping[str, Paths | None]
) -> None:
    """Raises OptionError where a listed check lacks its file, or a file has no check."""
    for check in policy.checks if policy.listed else ():
        for name in check.needs:
            if not beside[name] and not (isinstance(check, FileCheck) and check.when_given):
                raise OptionError(
                    f"{policy.origin}: check '{printable(check.name)}' needs a {name}: name it with"
                    f' {name}=…, or by {name} = "…" in the policy'
                )
    for name in BESIDE:
        if given[name] and not any(name in check.needs for check in policy.checks):
            users = [id for id, check in BUILT_IN.items() if name in check.needs]
            files = ", ".join(map(printable, beside[name]))
            raise OptionError(
                f"names {files}, and no check of {policy.origin} uses it: add one that does"
                f" ({', '.join(users)}), or leave it out",
                option=name,
            )


def lacking_files(check: Check, evidence: Evidence) -> list[str]:
    """Lists the files that a check needs and that are not there."""
    return [name for name in check.needs if getattr(evidence, f"{name}_path") is None]


def open_evidence(policy: Policy, evidence: Evidence) -> list[Check]:
    """Opens the evidence; returns the checks with their levels, their files validated."""
    evidence.open()
    checks = [
        c if lacking_files(c, evidence) else c.with_level_for(evidence) for c in policy.checks
    ]
    for check in checks:
        if not lacking_files(check, evidence):
            check.validate_files(evidence)
    return checks


def hashed_files(beside: Mapping[str, tuple[Path, ...]]) -> dict[str, Any]:
    """Returns the files that the model is compared with, as an outcome has them."""
    files = {name: tuple(File(str(at), sha256_of(at)) for at in beside[name]) for name in BESIDE}
    return {
        "baseline": files["baseline"],
        **{name: next(iter(files[name]), None) for name in ("reference", "gof")},
    }


def paths_of(paths: Paths | None) -> tuple[Path, ...]:
    """Returns one path or several as a tuple; empty for None."""
    if paths is None:
        return ()
    return (Path(paths),) if isinstance(paths, str | os.PathLike) else tuple(map(Path, paths))


def files_of(problem: Problem) -> list[str]:
    """Lists the files of a problem's events; empty for events in memory."""
    origins = list(problem.source.origins)
    return origins if all(Path(origin).is_file() for origin in origins) else []
