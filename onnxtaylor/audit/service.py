"""The library call: model, data and policy → outcome."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxtaylor.audit.check import Check, CheckReport, FileCheck, NotApplicableError
from onnxtaylor.audit.check_outcome import CheckOutcome
from onnxtaylor.audit.checks import BUILT_IN
from onnxtaylor.audit.evidence import Evidence, sha256_of
from onnxtaylor.audit.mirrored import merge_mirrored
from onnxtaylor.audit.outcome import AuditOutcome, File
from onnxtaylor.audit.policy import Policy, find_policy, read_policy
from onnxtaylor.data import file_names
from onnxtaylor.errors import (
    DisagreementError,
    ModelError,
    OnnxTaylorError,
    OptionError,
    printable,
)
from onnxtaylor.files.whole import time_of_writing
from onnxtaylor.options.functions import with_options
from onnxtaylor.problem import Problem
from onnxtaylor.problem.calls import refuse_beside_problem
from onnxtaylor.problem.events import Events, Paths
from onnxtaylor.progress import Progress, progress_callback, report_progress

if TYPE_CHECKING:
    from typing import Unpack

    from onnxtaylor.options.keywords import AuditKeywords

__all__ = ["audit", "gather"]

# keys of a policy's table, and what ``analyze`` calls them
RENAMED = {"features": "feature_names", "label": "labels", "weight": "weights"}
BESIDE = ("baseline", "reference", "gof")
AGREEMENT = ("primal-agreement", "derivative-agreement")
# checks that find out why there are no coefficients
TELLING = ("primal-agreement", "finite")


@with_options("audit")
def audit(
    model: str | os.PathLike[str] | Problem,
    x: Events | None = None,
    policy: str | os.PathLike[str] | Policy | None = None,
    *,
    baseline: Paths | None = None,
    reference: str | os.PathLike[str] | None = None,
    gof: str | os.PathLike[str] | None = None,
    strict: bool = False,
    progress: Progress | bool | None = None,
    **options: Unpack[AuditKeywords],
) -> AuditOutcome:
    """Checks whether a model passes a policy on a data set.

    Parameters
    ----------
    model
        An ONNX file; or a ``Problem`` that was opened from one, which has its data.
    x
        Events as ``analyze`` takes them: one or several file names, an array (N, n), a data frame,
        or an ``EventSource``.
    policy
        A TOML file or a ``Policy``; by default that of the working directory: see
        ``onnxtaylor.audit.policy``.
    baseline, reference, gof
        A saved result, another file of the same model, and a saved goodness of fit, which some
        checks compare with; in place of those that the policy names. Several baselines are results
        of as many trainings, three or more: their spread counts.
    strict
        Whether warnings count as errors.
    progress
        Called with (stage, events done, events in all); True draws a bar, also in notebooks.
    **options
        Options of ``analyze``, in place of those of the policy.

    Raises OnnxTaylorError for a wrong call and for input that cannot be read or analyzed. What is
    raised otherwise is a fault of this program, or of a check that another one brought.

    >>> outcome = audit("model.onnx", "events.parquet")    # doctest: +SKIP
    >>> outcome.passed, outcome.verdict                    # doctest: +SKIP
    """
    timestamp = f"{time_of_writing():%Y-%m-%dT%H:%M:%SZ}"
    if not isinstance(policy, Policy):
        policy = find_policy() if policy is None else read_policy(policy)
    given: dict[str, Paths | None] = {"baseline": baseline, "reference": reference, "gof": gof}
    beside = {name: _paths(given[name] or getattr(policy, name)) for name in BESIDE}
    _complete(policy, beside, given)
    with progress_callback(progress) as report:
        evidence = gather(model, x, policy, beside, report, options)
        evidence.open()
        checks = [c if _lacking(c, evidence) else c.with_level_for(evidence) for c in policy.checks]
        for check in checks:
            if not _lacking(check, evidence):
                check.validate_files(evidence)
        outcomes: dict[str, CheckOutcome] = {}
        # why a model has no coefficients one check can say, and no other
        disagree = isinstance(evidence.failure, DisagreementError)
        first = "primal-agreement" if disagree else "finite"
        for check in sorted(checks, key=lambda check: check.id != first):
            report_progress(report, check.name, 0, None)
            outcomes[check.name] = _outcome(check, evidence, policy, outcomes)
        result = None if evidence.failure is not None else evidence.result
        _require_reported(evidence, policy, outcomes)
    return AuditOutcome(
        model=File(str(evidence.path), evidence.model.sha256),
        data=tuple(File(where.path, digest) for where, digest in evidence.data_hashes),
        policy=policy.origin,
        strict=strict or policy.strict,
        analysis=_analysis(evidence),
        checks=tuple(outcomes[check.name] for check in checks),
        timestamp=timestamp,
        version=version("onnxtaylor"),
        result=result,
        warnings=() if result is None else result.warnings,
        baseline=tuple(File(str(at), sha256_of(at)) for at in beside["baseline"]),
        **{
            name: File(str(at), sha256_of(at)) if (at := _only(beside[name])) else None
            for name in ("reference", "gof")
        },
    )


def gather(
    model: str | os.PathLike[str] | Problem,
    x: Events | None,
    policy: Policy,
    beside: Mapping[str, tuple[Path, ...]],
    progress: Progress | None,
    options: Mapping[str, Any],
) -> Evidence:
    """Gathers the evidence for the checks; ``options`` go before those of the policy."""
    kept = {
        RENAMED.get(key, key.replace("-", "_")): value for key, value in policy.analysis.items()
    }
    kept |= {key: value for key, value in options.items() if value is not None}
    opened = model if isinstance(model, Problem) else None
    if opened is not None:
        refuse_beside_problem(x, kept)
        model, x = opened.model.path, _files_of(opened) or opened.source
        kept |= {**vars(opened.model_options), **vars(opened.data_options)}
    if not isinstance(model, str | os.PathLike) or (opened and not Path(model).is_file()):
        raise OptionError(
            "an audit reports which file has passed, by its hash: save the model, and name the file"
        )
    files = file_names(x)
    if files is None and (x is None or (isinstance(x, list | tuple) and not x)):
        raise OptionError("there are no data: name at least one file")
    return Evidence(
        path=Path(model),
        files=tuple(Path(file) for file in files or ()),
        x=None if files else x,
        opened=opened,
        options=kept,
        baseline_paths=beside.get("baseline", ()),
        reference_path=_only(beside.get("reference", ())),
        gof_path=_only(beside.get("gof", ())),
        progress=progress,
    )


def _require_reported(
    evidence: Evidence, policy: Policy, outcomes: Mapping[str, CheckOutcome]
) -> None:
    """Raises ModelError where the engines differ and the policy has no check that reports it."""
    check = None if evidence.failure is not None else evidence.result.check
    if check is None or check["verdict"] != "differs":
        return
    if not any(one.id in AGREEMENT and one.status == "fail" for one in outcomes.values()):
        raise ModelError(
            f"{printable(evidence.path)}: the engines differ, and no check of {policy.origin}"
            f" reports it: list {' and '.join(AGREEMENT)}; `onnxtaylor check` says where"
        )


def _files_of(problem: Problem) -> list[str]:
    """Lists the files of a problem's events; empty for events in memory."""
    origins = list(problem.source.origins)
    return origins if all(Path(origin).is_file() for origin in origins) else []


def _paths(paths: Paths | None) -> tuple[Path, ...]:
    if paths is None:
        return ()
    return (Path(paths),) if isinstance(paths, str | os.PathLike) else tuple(map(Path, paths))


def _only(paths: tuple[Path, ...]) -> Path | None:
    return paths[0] if paths else None


def _complete(
    policy: Policy, beside: Mapping[str, tuple[Path, ...]], given: Mapping[str, Paths | None]
) -> None:
    """Raises OptionError where a listed check lacks its file, or a file has no check."""
    for check in policy.checks if policy.listed else ():
        for name in check.needs:
            if not beside[name] and not _only_when_given(check):
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


def _only_when_given(check: Check) -> bool:
    return isinstance(check, FileCheck) and check.when_given


def _lacking(check: Check, evidence: Evidence) -> list[str]:
    """Lists the files that a check needs and that are not there."""
    return [name for name in check.needs if getattr(evidence, f"{name}_path") is None]


def _outcome(
    check: Check, evidence: Evidence, policy: Policy, before: Mapping[str, CheckOutcome]
) -> CheckOutcome:
    """Runs one check."""
    looked, reason, hidden = CheckReport(0, ""), None, False
    lacking = _lacking(check, evidence)
    try:
        if lacking:
            raise NotApplicableError(f"no {lacking[0]} was given: name it with {lacking[0]}=…")
        looked = check.run(evidence)
        looked = replace(looked, findings=merge_mirrored(looked.findings, evidence.mirror_images))
        if not looked.n_checked and not looked.findings:
            raise NotApplicableError("there was nothing to look at")
    except NotApplicableError as error:
        reason = printable(error, 400)
    except OnnxTaylorError as error:
        # a failure that a check has reported is reported once; any other is a wrong call or input
        reported = [one for one in before.values() if one.id in TELLING and one.status == "fail"]
        if error is not evidence.failure or not reported:
            raise
        # a policy that calls it a warning gets no pass of checks that could not look
        hidden = any(one.level == "error" for one in reported)
        reason = f"no coefficients: {printable(error, 400)}"
    except Exception as error:
        error.add_note(f"in check '{printable(check.name)}'")
        raise
    status = "fail" if looked.findings else "pass"
    if reason is not None:
        excused = hidden or (lacking and _only_when_given(check))
        status = "error" if policy.listed and not excused else "skipped"
    return CheckOutcome(
        id=check.id,
        name=check.name,
        title=check.title(),
        level=check.level,
        status=status,
        reason=reason,
        findings=(*looked.findings, *looked.notes) if reason is None else (),
        looked_at=looked.n_checked if reason is None else 0,
        noun=looked.unit if reason is None else "",
        summary=looked.summary if reason is None else "",
        options=check.options(),
    )


def _analysis(evidence: Evidence) -> dict[str, Any]:
    """Facts on the computation of the coefficients: method, engine, data, names."""
    if evidence.failure is not None:
        return {"failed": str(evidence.failure)}
    result = evidence.result
    kept = ("order", "scale", "link", "bootstrap", "seed")
    return {
        "method": result.method,
        "engine": result.model.engine,
        "precision": result.model.precision,
        **{key: result.options.get(key) for key in kept},
        "events": result.data.events,
        "n_eff": result.data.n_eff,
        "outputs": list(result.outputs),
        "groups": list(result.groups),
        "features": list(result.features),
        "producer": result.model.producer,
        "opset": dict(result.model.opset),
    }
