"""A commented policy for a given model and data, with limits from what was measured on them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10
from typing import Any

import numpy as np

from onnxtaylor.audit.check import Check, Looked, NotApplicableError
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

__all__ = ["suggest"]

SUGGESTED = 3  # features that are expected among the first coefficients
ROOM = 1.5  # of a limit over what was measured
WIDTH = 100
WARNINGS = 20  # that are written
BY_NUMBER = [
    "# level: warning with one baseline, since the statistics of events is not all that another",
    "# training changes; error with the results of three retrainings or more, or of this model",
    '# level = "error"',
]

Limits = dict[str, tuple[Any, str]]  # of a key, its value and what was measured


def suggest(
    model: str | os.PathLike[str],
    data: Paths,
    progress: Progress | None = None,
    unnamed: Mapping[str, str] | None = None,
    **options: Any,
) -> tuple[str, TaylorResult]:
    """The text of an ``audit.toml`` which that model passes on those data, if it is sound.

    With it comes the result of the analysis behind it: it may have warnings. ``unnamed`` are files
    without a lasting name, and what stands for them: stdin has no hash to be held to. ``options``
    are those of ``analyze``. Raises as ``analyze`` does.
    """
    unnamed = unnamed or {}
    evidence = gather(model, data, default_policy(), {}, progress, options)
    result = evidence.result
    blocks = [_head(evidence, unnamed), _analysis(options, result)]
    for id in ("finite", "primal-agreement", "derivative-agreement", "constant-response"):
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
    data = evidence.result.data
    files = ", ".join(printable(unnamed.get(str(path), path)) for path in evidence.files)
    return "\n".join(
        [
            "# A policy of `onnxtaylor audit`, written by `onnxtaylor audit --init` for",
            f"#   model  {printable(evidence.path)}",
            f"#   data   {files}: {data.events} events, N_eff = {data.n_eff:.6g}",
            "# What was measured on these stands behind the limits; change what does not suit you.",
            "# `onnxtaylor schema policy` describes every key. Names may be patterns: DER_*.",
            "",
            f"schema = {_toml(SCHEMA)}",
            "strict = false  # true: warnings count as errors",
            "# Files to compare with, as --baseline, --reference and --gof name them, too:",
            '# baseline = "baseline.json"  # by `onnxtaylor audit MODEL DATA -o baseline.json`',
            '# baseline = ["a.json", "b.json", "c.json"]  # of three retrainings or more',
            '# reference = "float.onnx"  # another file of the same model',
            '# gof = "gof.json"  # made by `onnxtaylor gof -o`',
        ]
    )


def _analysis(options: Mapping[str, Any], result: TaylorResult) -> str:
    lines = ["# how coefficients are computed, unless the command line says so", "[analysis]"]
    names = {value: key for key, value in RENAMED.items()}
    for key, value in options.items():
        if value is None or key in ("threads", "provider"):
            continue
        if key == "finite_step" and set(value) == {"*"}:
            value = value["*"]
        lines.append(f"{names.get(key, key.replace('_', '-'))} = {_toml(value)}")
    if "scale" not in options or options["scale"] is None:
        lines.append('# scale = "sigma"  # per standard deviation of each feature')
    told = [printable(one.message, 400) for one in result.warnings]
    lines += [f"# Warning: {text}" for text in told[:WARNINGS]]
    if len(told) > WARNINGS:
        lines.append(f"# … and {len(told) - WARNINGS} more warnings: see `onnxtaylor analyze`")
    return "\n".join(lines)


def _block(check: Check, evidence: Evidence, limits: Limits) -> str:
    """One check with what was measured; commented out where it does not apply."""
    head = f"# {type(check).title()}"
    try:
        looked = check.look(evidence)
    except NotApplicableError as error:
        lines = _lines(check, {key: (value, "") for key, (value, _) in limits.items()})
        reason = f"# Not here: {printable(error, 200)}"
        return "\n".join([head, reason, *(f"# {line}" for line in lines)])
    measured = f"# Measured: {looked.summary}" if looked.summary else "#"
    return "\n".join([head, measured, *_failing(check, looked, limits), *_lines(check, limits)])


def _failing(check: Check, looked: Looked, limits: Limits) -> list[str]:
    """What the model does not pass at present, and no limit was found for."""
    if limits or not looked.findings:
        return []
    return [
        f"# It does not pass at present: {printable(f.message, 200)}" for f in looked.findings[:3]
    ]


def _lines(check: Check, limits: Limits) -> Iterator[str]:
    yield "[[checks]]"
    yield f"id = {_toml(check.id)}"
    yield f"level = {_toml(check.level)}"
    for key, (value, comment) in limits.items():
        yield f"{key} = {_toml(value)}" + (f"  # {comment}" if comment else "")


def _roomy(strictest: Check, evidence: Evidence, least: float = 0.0) -> Limits:
    """A ``max-share`` with room over the largest share, which the strictest limit brings out."""
    try:
        found = strictest.look(evidence).findings
    except NotApplicableError:
        return {}
    worst = max((f.measured for f in found if isinstance(f.measured, float)), default=0.0)
    return {"max-share": (min(max(least, _up(ROOM * worst)), 1.0), f"measured {worst:.3g}")}


def _statistics(evidence: Evidence) -> Limits:
    fewest = min(group.n_eff for group in evidence.result.data.groups)
    strictest = EnoughStatistics(min_n_eff=0.0, max_rank_interval=-1)
    limits: Limits = {
        "min-n-eff": (_down(fewest / 2), f"of every group; measured {fewest:.4g} at least")
    }
    if evidence.result.rank_low is None:
        return limits
    widths = [f.measured for f in strictest.look(evidence).findings]
    widest = max((int(width) for width in widths if not isinstance(width, str)), default=0)
    return limits | {
        "max-rank-interval": (max(5, 2 * widest), f"places, in 68 %; measured {widest} at most"),
        "top": (strictest.top, "of so many coefficients"),
    }


def _expected(evidence: Evidence) -> str:
    """The features of the first coefficients of the first response."""
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
    """What was measured, to be held to: the files' hashes are left to the reader."""
    hashes = [d for where, d in evidence.data_hashes if d and where.path not in unnamed]
    opset = evidence.model.opset.get("ai.onnx")
    check = BUILT_IN["provenance"]()
    lines = [
        f"# {type(check).title()}",
        "[[checks]]",
        'id = "provenance"',
        'level = "error"',
        f"operators = {_toml(sorted(operators_of(evidence.model.proto)))}",
        *([f"max-opset = {opset}"] if opset else []),
        f"# model-sha256 = {_toml([d for _, d in evidence.model_hashes if d])}  # no other model",
    ]
    if hashes:
        lines.append(f"# data-sha256 = {_toml(hashes)}  # no other data")
    if evidence.model.producer:
        lines.append(f"# producers = {_toml([evidence.model.producer])}")
    return "\n".join(lines)


def _forbidden(features: Sequence[str]) -> str:
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
    """The checks that need another file: skipped without it; their limits by default."""
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
            at = lines.index(f"level = {_toml(one.level)}")
            lines[at : at + 1] = BY_NUMBER
        yield "\n".join([f"# {check.title()}", *lines])


def _wrapped(text: str) -> list[str]:
    from textwrap import wrap

    return wrap(text, WIDTH - 4, break_on_hyphens=False)


def _toml(value: object) -> str:
    """A value as TOML; in strings, what an editor might obey comes as its escape."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(map(_letter, value)) + '"'
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(str(k))} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, Sequence | np.ndarray):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)


def _letter(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    return c if c.isprintable() else f"\\U{ord(c):08x}"


def _up(value: float) -> float:
    """Rounded up to two digits.

    >>> _up(0.3241), _up(0.0)
    (0.33, 0.0)
    """
    if value <= 0:
        return 0.0
    step = 10.0 ** (floor(log10(value)) - 1)
    return float(f"{ceil(value / step - 1e-9) * step:.2g}")


def _down(value: float) -> float:
    """Rounded down to two digits.

    >>> _down(163.1)
    160.0
    """
    if value <= 0:
        return 0.0
    step = 10.0 ** (floor(log10(value)) - 1)
    return float(f"{floor(value / step + 1e-9) * step:.6g}")
