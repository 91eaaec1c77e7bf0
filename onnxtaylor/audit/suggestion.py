"""Suggestion of a commented policy, with limits from a measurement on the given data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10
from typing import Any

from onnxtaylor.audit.check import Check, CheckReport, NotApplicableError
from onnxtaylor.audit.checks import BUILT_IN
from onnxtaylor.audit.checks.baseline_drift import BaselineDrift
from onnxtaylor.audit.checks.dominance import Dominance
from onnxtaylor.audit.checks.expected_top import ExpectedTop
from onnxtaylor.audit.checks.kinks import Kinks
from onnxtaylor.audit.checks.provenance import operators_of
from onnxtaylor.audit.checks.saturation import Saturation
from onnxtaylor.audit.checks.statistics import EnoughStatistics
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.policy import default_policy
from onnxtaylor.audit.schema import SCHEMA
from onnxtaylor.audit.service import RENAMED, gather
from onnxtaylor.errors import printable
from onnxtaylor.problem.events import Paths
from onnxtaylor.progress import Progress
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.text.toml_text import toml_text

__all__ = ["suggest"]

SUGGESTED = 3  # features that are expected among the first coefficients
ROOM = 1.5  # of a limit over what was measured
WIDTH = 100
WARNINGS = 20  # that are written
LEVEL_OF_DRIFT = [
    "# level: warning with one baseline, since the statistics of events is not all that another",
    "# training changes; error with the results of three retrainings or more, or of this model",
    '# level = "error"',
]

Limits = dict[str, tuple[Any, str]]  # by key: its value, and a comment on the measurement


def suggest(
    model: str | os.PathLike[str],
    data: Paths,
    progress: Progress | None = None,
    unnamed: Mapping[str, str] | None = None,
    **options: Any,
) -> tuple[str, TaylorResult]:
    """Writes the text of an ``audit.toml`` that this model passes on these data, if it is sound.

    Parameters
    ----------
    model, data
        An ONNX file, and files of events.
    progress
        Called with (stage, events done, events in all).
    unnamed
        Names to show for files without a lasting name, such as a copy of stdin: a policy demands no
        hash of these.
    **options
        Those of ``analyze``.

    Returns
    -------
    text, result
        The policy as text, and the analysis that it was measured on, which may have warnings.

    Raises OnnxTaylorError as ``analyze`` does.
    """
    unnamed = unnamed or {}
    evidence = gather(model, data, default_policy(), {}, progress, options)
    result = evidence.result
    blocks = [_head(evidence, unnamed), _analysis(options, result)]
    for id in ("finite", "response-agreement", "derivative-agreement", "constant-response"):
        blocks.append(_block(BUILT_IN[id](), evidence, {}))
    blocks.append(_block(EnoughStatistics(), evidence, _statistics(evidence)))
    blocks.append(_block(BUILT_IN["dead-feature"](), evidence, {}))
    blocks.append(_block(Dominance(), evidence, _roomy(Dominance(max_share=0.0), evidence)))
    blocks.append(_expected(evidence))
    blocks.append(_block(Kinks(), evidence, _roomy(Kinks(max_share=0.0), evidence, least=0.25)))
    saturated = Saturation(max_share=0.0)
    blocks.append(_block(Saturation(), evidence, _roomy(saturated, evidence, least=0.1)))
    blocks += [_provenance(evidence, unnamed), _forbidden(result.features), *_against_files()]
    return "\n\n".join(blocks) + "\n", result


def _head(evidence: Evidence, unnamed: Mapping[str, str]) -> str:
    """Writes the keys before the first table."""
    data = evidence.result.data
    files = ", ".join(printable(unnamed.get(name, name)) for name in evidence.files)
    return "\n".join(
        [
            "# A policy for an onnxtaylor audit, suggested for",
            f"#   model  {printable(evidence.path)}",
            f"#   data   {files}: {data.events} events, N_eff = {data.n_eff:.6g}",
            "# The limits follow from measurements on these data; change what does not suit you.",
            "# `onnxtaylor schema policy` describes every key. Names may be patterns: DER_*.",
            "",
            f"schema = {toml_text(SCHEMA)}",
            "strict = false  # true: warnings count as errors",
            "# Files to compare with, beside this one, unless the call names others:",
            '# baseline = "baseline.json"  # by `onnxtaylor audit MODEL DATA -o baseline.json`',
            '# baseline = ["a.json", "b.json", "c.json"]  # of three retrainings or more',
            '# reference = "float.onnx"  # another file of the same model',
            '# gof = "gof.json"  # made by `onnxtaylor gof -o`',
        ]
    )


def _analysis(options: Mapping[str, Any], result: TaylorResult) -> str:
    """Writes the table ``analysis``, and the warnings of the result as comments."""
    lines = ["# how coefficients are computed; options of the call go before these", "[analysis]"]
    names = {value: key for key, value in RENAMED.items()}
    for key, value in options.items():
        if value is None or key in ("files_by_class", "threads", "provider"):
            continue
        if key in ("finite_step", "missing") and isinstance(value, Mapping) and set(value) == {"*"}:
            value = value["*"]
        lines.append(f"{names.get(key, key.replace('_', '-'))} = {toml_text(value)}")
    if "scale" not in options or options["scale"] is None:
        lines.append('# scale = "sigma"  # per standard deviation of each feature')
    notices = [printable(notice.message, 400) for notice in result.warnings]
    lines += [f"# Warning: {text}" for text in notices[:WARNINGS]]
    if len(notices) > WARNINGS:
        lines.append(f"# … and {len(notices) - WARNINGS} more warnings: see `onnxtaylor analyze`")
    return "\n".join(lines)


def _block(check: Check, evidence: Evidence, limits: Limits) -> str:
    """Writes one check and the measurement of its limit; commented out where it does not apply."""
    head = f"# {type(check).title()}"
    try:
        looked = check.run(evidence)
    except NotApplicableError as error:
        lines = _lines(check, {key: (value, "") for key, (value, _) in limits.items()})
        reason = f"# Not here: {printable(error, 200)}"
        return "\n".join([head, reason, *(f"# {line}" for line in lines)])
    measured = f"# Measured: {looked.summary}" if looked.summary else "#"
    return "\n".join([head, measured, *_failing(check, looked, limits), *_lines(check, limits)])


def _failing(check: Check, report: CheckReport, limits: Limits) -> list[str]:
    """Writes comments on demands that the model does not meet, where no limit was measured."""
    if limits or not report.findings:
        return []
    return [
        f"# It does not pass at present: {printable(f.message, 200)}" for f in report.findings[:3]
    ]


def _lines(check: Check, limits: Limits) -> Iterator[str]:
    """Yields the lines of the table of a check."""
    yield "[[checks]]"
    yield f"id = {toml_text(check.id)}"
    yield f"level = {toml_text(check.level)}"
    for key, (value, comment) in limits.items():
        yield f"{key} = {toml_text(value)}" + (f"  # {comment}" if comment else "")


def _roomy(strictest: Check, evidence: Evidence, least: float = 0.0) -> Limits:
    """Returns a ``max-share`` above the largest share, measured by running the strictest limit."""
    try:
        found = strictest.run(evidence).findings
    except NotApplicableError:
        return {}
    worst = max((f.measured for f in found if isinstance(f.measured, float)), default=0.0)
    return {"max-share": (min(max(least, _up(ROOM * worst)), 1.0), f"measured {worst:.3g}")}


def _statistics(evidence: Evidence) -> Limits:
    """Returns limits, with some margin, on effective events and on the widths of rank intervals."""
    fewest = min(group.n_eff for group in evidence.result.data.groups)
    strictest = EnoughStatistics(min_n_eff=0.0, max_rank_interval=-1)
    limits: Limits = {
        "min-n-eff": (_down(fewest / 2), f"of every group; measured {fewest:.4g} at least")
    }
    if evidence.result.rank_low is None:
        return limits
    widths = [f.measured for f in strictest.run(evidence).findings]
    widest = max((int(width) for width in widths if not isinstance(width, str)), default=0)
    return limits | {
        "max-rank-interval": (max(5, 2 * widest), f"places, in 68 %; measured {widest} at most"),
        "top": (strictest.top, "of so many coefficients"),
    }


def _expected(evidence: Evidence) -> str:
    """Writes the check that the features of the first coefficients stay highly ranked."""
    result = evidence.result
    names: list[str] = []
    for row in result.top(min(10, len(result.indices))):
        names += [name for name in row["features"] if name not in names]
    check = ExpectedTop(features=tuple(names[:SUGGESTED]))
    limits: Limits = {
        "features": (list(check.features), "those ranked highest; write what is known to matter"),
        "top": (check.top, "coefficients of any order"),
        "outputs": ([result.outputs[0]], ""),
    }
    return _block(check, evidence, limits)


def _provenance(evidence: Evidence, unnamed: Mapping[str, str]) -> str:
    """Writes the check of operators and opset; hashes of the files are commented out."""
    hashes = [d for where, d in evidence.data_hashes if d and where.path not in unnamed]
    of_model = [d for _, d in evidence.model_hashes if d]
    opset = evidence.model.opset.get("ai.onnx")
    check = BUILT_IN["provenance"]()
    lines = [
        f"# {type(check).title()}",
        "[[checks]]",
        'id = "provenance"',
        'level = "error"',
        f"operators = {toml_text(sorted(operators_of(evidence.model.proto)))}",
        *([f"max-opset = {opset}"] if opset else []),
        f"# model-sha256 = {toml_text(of_model)}  # no other model",
    ]
    if hashes:
        lines.append(f"# data-sha256 = {toml_text(hashes)}  # no other data")
    if evidence.model.producer:
        lines.append(f"# producers = {toml_text([evidence.model.producer])}")
    return "\n".join(lines)


def _forbidden(features: Sequence[str]) -> str:
    """Writes the check of forbidden features, commented out: only the reader knows them."""
    names = ", ".join(printable(name, 60) for name in features)
    return "\n".join(
        [
            "# Forbidden features have no influence, alone or in any pair: name protected and"
            " unphysical ones.",
            *(f"#   {line}" for line in _wrapped(f"The features are {names}.")),
            "# [[checks]]",
            '# id = "forbidden-feature"',
            '# level = "error"',
            "# features = []",
            "# max-share = 0.01  # of ⟨t⟩ of an order: alone, in each pair, in all pairs together",
        ]
    )


def _against_files() -> Iterator[str]:
    """Yields the checks that compare with another file, skipped without it, with default limits."""
    for check in BUILT_IN.values():
        if not check.needs:
            continue
        one = check()
        limits = {
            key: (value, "") for key, value in one.options().items() if not isinstance(value, tuple)
        }
        limits["when-given"] = (True, f"false: there must be a {check.needs[0]}")
        lines = list(_lines(one, limits))
        if check is BaselineDrift:  # whose level is left to the number of baselines
            at = lines.index(f"level = {toml_text(one.level)}")
            lines[at : at + 1] = LEVEL_OF_DRIFT
        yield "\n".join([f"# {check.title()}", *lines])


def _wrapped(text: str) -> list[str]:
    """Breaks a text into lines of a comment."""
    from textwrap import wrap

    return wrap(text, WIDTH - 4, break_on_hyphens=False)


def _up(value: float) -> float:
    """Rounds up to two digits.

    >>> _up(0.3241), _up(0.0)
    (0.33, 0.0)
    """
    if value <= 0:
        return 0.0
    step = 10.0 ** (floor(log10(value)) - 1)
    return float(f"{ceil(value / step - 1e-9) * step:.2g}")


def _down(value: float) -> float:
    """Rounds down to two digits.

    >>> _down(163.1)
    160.0
    """
    if value <= 0:
        return 0.0
    step = 10.0 ** (floor(log10(value)) - 1)
    return float(f"{floor(value / step + 1e-9) * step:.6g}")
