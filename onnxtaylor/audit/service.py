"""The library call: model, data and policy → outcome."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxtaylor.audit.beside import (
    BESIDE,
    files_of,
    hashed_files,
    lacking_files,
    open_evidence,
    paths_of,
    require_files,
)
from onnxtaylor.audit.check import Check, CheckReport, FileCheck, NotApplicableError
from onnxtaylor.audit.check_outcome import CheckOutcome
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.mirrored import merge_mirrored
from onnxtaylor.audit.outcome import AuditOutcome, File
from onnxtaylor.audit.policy import Policy, find_policy, read_policy
from onnxtaylor.data import are_class_files, file_names
from onnxtaylor.errors import (
    DisagreementError,
    ModelError,
    OnnxTaylorError,
    OptionError,
    printable,
)
from onnxtaylor.files.whole import time_of_writing
from onnxtaylor.options import DataOptions
from onnxtaylor.options.declare import take_fields
from onnxtaylor.options.functions import with_options
from onnxtaylor.options.process import ProcessOptions, require_isolated
from onnxtaylor.problem import Problem
from onnxtaylor.problem.calls import refuse_beside_problem
from onnxtaylor.problem.events import Events, Paths, events_of
from onnxtaylor.progress import Progress, progress_callback, report_progress
from onnxtaylor.run.isolation import isolate

if TYPE_CHECKING:
    from typing import Unpack

    from onnxtaylor.options.keywords import AuditKeywords

__all__ = ["audit", "gather"]

# keys of a policy's table, and what ``analyze`` calls them
RENAMED = {
    "features": "feature_names",
    "friend": "friends",
    "label": "labels",
    "weight": "weights",
}
AGREEMENT = ("response-agreement", "derivative-agreement")
# checks that find out why there are no coefficients
TELLING = ("response-agreement", "finite")


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
    isolated: bool = False,
    timeout: float | None = None,
    opening_time: float | None = None,
    opening_memory: str | None = None,
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
    isolated
        Whether all is done in another process, for a model that is not trusted: if it crashes or
        exceeds a limit, WorkerError is raised here. It is no sandbox.
    timeout, opening_time, opening_memory
        Limits of that process, see ``onnxtaylor.options.process``.
    **options
        Options of ``analyze``, in place of those of the policy.

    Raises
    ------
    OnnxTaylorError
        For a wrong call and for input that cannot be read or analyzed. What is raised otherwise is
        a fault of this program, or of a check that another one brought.
    """
    limits = ProcessOptions(
        timeout=timeout, opening_time=opening_time, opening_memory=opening_memory
    )
    given: dict[str, Any] = {"baseline": baseline, "reference": reference, "gof": gof}
    if isolated:
        given |= {"strict": strict, **options}
        with progress_callback(progress) as report:
            outcome: AuditOutcome = isolate(
                f"{__name__}:audit", *(model, x, policy), limits=limits, progress=report, **given
            )
        return outcome
    require_isolated(limits)
    with progress_callback(progress) as report:
        return _audit(model, x, policy, given, options, strict=strict, progress=report)


def _audit(
    model: str | os.PathLike[str] | Problem,
    x: Events | None,
    policy: str | os.PathLike[str] | Policy | None,
    given: Mapping[str, Paths | None],
    options: Mapping[str, Any],
    *,
    strict: bool,
    progress: Progress | None,
) -> AuditOutcome:
    """Audits in this process; ``given`` are the files that the model is compared with."""
    timestamp = f"{time_of_writing():%Y-%m-%dT%H:%M:%SZ}"
    if not isinstance(policy, Policy):
        policy = find_policy() if policy is None else read_policy(policy)
    beside = {name: paths_of(given[name] or getattr(policy, name)) for name in BESIDE}
    require_files(policy, beside, given)
    evidence = gather(model, x, policy, beside, progress, options)
    checks = open_evidence(policy, evidence)
    outcomes: dict[str, CheckOutcome] = {}
    # why a model has no coefficients one check can say, and no other
    disagree = isinstance(evidence.failure, DisagreementError)
    first = "response-agreement" if disagree else "finite"
    for check in sorted(checks, key=lambda check: check.id != first):
        report_progress(progress, check.name, 0, None)
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
        **hashed_files(beside),
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
        kept |= {**vars(opened.model_options), **vars(opened.data_options)}
        kept.pop("fold")
        by_class = opened.data_options.files_by_class is not None
        model, x = opened.model.path, None if by_class else files_of(opened) or opened.source
    if not isinstance(model, str | os.PathLike) or (opened and not Path(model).is_file()):
        raise OptionError(
            "an audit reports which file has passed, by its hash: save the model, and name the file"
        )
    if kept.get("files_by_class") is not None:
        x = events_of(x, take_fields(DataOptions, kept))
    files = file_names(x)
    if files is None and (x is None or (isinstance(x, list | tuple) and not x)):
        raise OptionError("there are no data: name at least one file")
    return Evidence(
        path=Path(model),
        files=tuple(os.fspath(file) for file in files or ()),
        x=None if files and not are_class_files(x) else x,
        opened=opened,
        options=kept,
        baseline_paths=beside.get("baseline", ()),
        reference_path=next(iter(beside.get("reference", ())), None),
        gof_path=next(iter(beside.get("gof", ())), None),
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


def _outcome(
    check: Check, evidence: Evidence, policy: Policy, before: Mapping[str, CheckOutcome]
) -> CheckOutcome:
    """Runs one check."""
    looked, reason, hidden = CheckReport(0, ""), None, False
    lacking = lacking_files(check, evidence)
    try:
        if lacking:
            one = lacking[0]
            raise NotApplicableError(
                f'no {one} was given: name it in the call, or by {one} = "…" in the policy'
            )
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
        excused = hidden or (lacking and isinstance(check, FileCheck) and check.when_given)
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
