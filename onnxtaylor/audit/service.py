"""The library call: model, data and policy → outcome."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy.typing as npt

from onnxtaylor.audit.base import Check, FileCheck, Looked, NotApplicableError
from onnxtaylor.audit.checks import BUILT_IN
from onnxtaylor.audit.evidence import Evidence, sha256_of
from onnxtaylor.audit.outcome import AuditOutcome, CheckOutcome, File
from onnxtaylor.audit.policy import Policy, find_policy, read_policy
from onnxtaylor.bars import showing
from onnxtaylor.data import EventSource, file_names
from onnxtaylor.errors import OnnxTaylorError, OptionError, printable
from onnxtaylor.files import moment
from onnxtaylor.inputs import Paths, Progress, tell

__all__ = ["audit", "gather"]

# keys of a policy's table, and what ``analyze`` calls them
RENAMED = {"features": "feature_names", "label": "labels", "weight": "weights"}
BESIDE = ("baseline", "reference", "gof")


def audit(
    model: str | os.PathLike[str],
    x: npt.ArrayLike | EventSource | Paths,
    policy: str | os.PathLike[str] | Policy | None = None,
    *,
    baseline: str | os.PathLike[str] | None = None,
    reference: str | os.PathLike[str] | None = None,
    gof: str | os.PathLike[str] | None = None,
    strict: bool = False,
    progress: Progress | bool | None = None,
    **options: Any,
) -> AuditOutcome:
    """Whether a model passes the checks of a policy on a data set.

    Parameters
    ----------
    model
        An ONNX file.
    x
        Events as ``analyze`` takes them: one or several file names, an array (N, n), a data frame,
        or an ``EventSource``.
    policy
        A TOML file or a ``Policy``; by default that of the working directory: see
        ``onnxtaylor.audit.policy``.
    baseline, reference, gof
        A saved result, another file of the same model, and a saved goodness of fit, which some
        checks compare with; in place of those that the policy names.
    strict
        Whether warnings count as errors.
    progress
        Called with (stage, events done, events in all); True draws a bar, also in notebooks.
    **options
        Those of ``analyze``, in place of those of the policy. ``scale`` is ``sigma`` by default:
        coefficients of different features are compared with one another.

    Raises OnnxTaylorError for a wrong call and for input that cannot be read or analyzed. What is
    raised otherwise is a fault of this program, or of a check that another one brought.

    >>> outcome = audit("model.onnx", "events.parquet")    # doctest: +SKIP
    >>> outcome.passed, outcome.verdict                    # doctest: +SKIP
    """
    timestamp = f"{moment():%Y-%m-%dT%H:%M:%SZ}"
    if not isinstance(policy, Policy):
        policy = find_policy() if policy is None else read_policy(policy)
    given = {"baseline": baseline, "reference": reference, "gof": gof}
    beside = {name: _path(given[name] or getattr(policy, name)) for name in BESIDE}
    _complete(policy, beside, given)
    with showing(progress) as told:
        evidence = gather(model, x, policy, beside, told, options)
        evidence.open()
        for check in policy.checks:
            if not _lacking(check, evidence):
                check.ready(evidence)
        outcomes: dict[str, CheckOutcome] = {}
        # a model that is not finite has no coefficients, and no other check can say why
        for check in sorted(policy.checks, key=lambda check: check.id != "finite"):
            tell(told, check.name, 0, None)
            outcomes[check.name] = _outcome(check, evidence, policy, outcomes)
        result = None if evidence.failure is not None else evidence.result
    return AuditOutcome(
        model=File(str(evidence.path), evidence.model.sha256),
        data=tuple(File(where.path, digest) for where, digest in evidence.data_hashes),
        policy=policy.origin,
        strict=strict or policy.strict,
        analysis=_analysis(evidence),
        checks=tuple(outcomes[check.name] for check in policy.checks),
        timestamp=timestamp,
        version=version("onnxtaylor"),
        result=result,
        warnings=() if result is None else result.warnings,
        **{
            name: None if at is None else File(str(at), sha256_of(at))
            for name, at in beside.items()
        },
    )


def gather(
    model: str | os.PathLike[str],
    x: npt.ArrayLike | EventSource | Paths,
    policy: Policy,
    beside: Mapping[str, Path | None],
    progress: Progress | None,
    options: Mapping[str, Any],
) -> Evidence:
    """What the checks look at; ``options`` go before those of the policy."""
    if not isinstance(model, str | os.PathLike):
        raise OptionError(
            "an audit tells which file passed, by its hash: save the model, and name the file"
        )
    files = file_names(x)
    if files is None and isinstance(x, list | tuple) and not x:
        raise OptionError("no data: name one file at least")
    kept = {
        RENAMED.get(key, key.replace("-", "_")): value for key, value in policy.analysis.items()
    }
    kept |= {key: value for key, value in options.items() if value is not None}
    if kept.get("finite_step") is None:
        kept.setdefault("scale", "sigma")
    return Evidence(
        path=Path(model),
        files=tuple(Path(file) for file in files or ()),
        x=None if files else x,
        options=kept,
        baseline_path=beside.get("baseline"),
        reference_path=beside.get("reference"),
        gof_path=beside.get("gof"),
        progress=progress,
    )


def _path(path: str | os.PathLike[str] | None) -> Path | None:
    return None if path is None else Path(path)


def _complete(
    policy: Policy, beside: Mapping[str, Path | None], given: Mapping[str, object]
) -> None:
    """Raises OptionError where a check that is asked for lacks a file, or a file lacks a check."""
    for check in policy.checks if policy.listed else ():
        for name in check.needs:
            if beside[name] is None and not _only_when_given(check):
                raise OptionError(
                    f"{policy.origin}: check '{printable(check.name)}' needs a {name}: name it with"
                    f' --{name}, or by {name} = "…" in the policy'
                )
    for name in BESIDE:
        if given[name] and not any(name in check.needs for check in policy.checks):
            users = [id for id, check in BUILT_IN.items() if name in check.needs]
            raise OptionError(
                f"--{name} {printable(given[name])}: no check of {policy.origin} uses it: add one"
                f" that does ({', '.join(users)}), or leave it out"
            )


def _only_when_given(check: Check) -> bool:
    return isinstance(check, FileCheck) and check.when_given


def _lacking(check: Check, evidence: Evidence) -> list[str]:
    """Which of the files that a check needs are not there."""
    return [name for name in check.needs if getattr(evidence, f"{name}_path") is None]


def _outcome(
    check: Check, evidence: Evidence, policy: Policy, before: Mapping[str, CheckOutcome]
) -> CheckOutcome:
    """What came of one check."""
    looked, reason, hidden = Looked(0, ""), None, False
    lacking = _lacking(check, evidence)
    try:
        if lacking:
            raise NotApplicableError(f"no {lacking[0]} was given (--{lacking[0]})")
        looked = check.look(evidence)
        if not looked.number:
            raise NotApplicableError("there was nothing to look at")
    except NotApplicableError as error:
        reason = printable(error, 400)
    except OnnxTaylorError as error:
        # what is not finite has been told; anything else is a wrong call or input
        if error is not evidence.failure or not any(
            one.id == "finite" and one.status == "fail" for one in before.values()
        ):
            raise
        hidden = True
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
        looked_at=looked.number if reason is None else 0,
        noun=looked.noun if reason is None else "",
        summary=looked.summary if reason is None else "",
        options=check.options(),
    )


def _analysis(evidence: Evidence) -> dict[str, Any]:
    """How the coefficients were computed, and of what."""
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
