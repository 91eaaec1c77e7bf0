"""ONNX's own backend node tests: the derivative of that very node at that very input.

``python -m validation.backend_nodes`` takes every case that ships in the ``onnx`` package with one
node, real input and real output. ``validation.node_embeddings`` finds an axis of events for it,
``validation.node_paths`` makes it a function of four features. The compiled derivative graph,
forward and reverse, first and second order, at three events (the case's own input is the first one)
is held against differences of sixth order of the untouched node, evaluated by ``onnx.reference`` in
double precision, one event at a time: neither the axis of events, nor normalization, nor a rule,
nor onnxruntime has a part in them.

Differences at two steps tell their own error. Where that is large, the input lies at a kink, a tie
or the edge of a domain, where there is no derivative; the other two events, beside it, count then.

A case passes if both orders agree, for straight and for bent paths through the input. The table,
``backend_nodes.md``, says for every operator how many did, and why others were left out.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from onnxtaylor.compiler import missing_rules
from onnxtaylor.errors import ModelError
from onnxtaylor.rules import RULES
from validation.evaluators import function_of, terms
from validation.node_cases import Case, SkipError
from validation.node_embeddings import Embedding, embeddings
from validation.node_paths import FEATURES, Path

__all__ = ["Outcome", "collected", "examine", "table"]

TABLE = File(__file__).with_suffix(".md")
STEPS = (1e-2, 3e-3, 1e-3, 3e-4)
NEAR, FAR = 1e-8, 1e-6  # of the largest coefficient of a response, first and second order
SINGLE = 3e-6  # the same for operators in whose definition some numbers are in single precision
ROUNDED = {
    "GridSample": "the places in ONNX's reference",
    "DFT": "the factor of the inverse in onnxruntime",
    "Resize": "the places in ONNX's reference",
    "CausalConvWithState": "the sigmoid in ONNX's reference",
}
UNSURE = 1e-4  # a difference quotient that is less certain than this says nothing
MOST_SECONDS = 6.0  # of the reference for all points of a case

Array = npt.NDArray[Any]
Status = str  # passed, beside, skipped, failed

# sixth order of accuracy, at -3 … 3
FIRST = np.array([-1, 9, -45, 0, 45, -9, 1]) / 60
SECOND = np.array([2, -27, 270, -490, 270, -27, 2]) / 180
THIRD = np.array([1, -8, 13, 0, -13, 8, -1]) / 8  # fourth order of accuracy


@dataclass(frozen=True)
class Outcome:
    """What became of a case: passed, beside (its input is at a kink), skipped or failed."""

    name: str
    kind: str
    status: Status
    reason: str = ""
    how: str = ""


def collected() -> list[Any]:
    """All node tests of the onnx package, without those of function bodies."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    return [t for t in found if t.model is not None and len(t.model.graph.node) == 1]


def examine(test: Any) -> Outcome:
    """Compiles a case and compares."""
    node = test.model.graph.node[0]
    kind = f"{node.domain}.{node.op_type}" if node.domain else str(node.op_type)
    name = test.name.removeprefix("test_")
    try:
        try:
            case = Case(test)
        except SkipError:
            raise
        except Exception as error:
            raise SkipError(f"ONNX's reference does not run it ({type(error).__name__})") from None
        ways = embeddings(case)
    except SkipError as why:
        return Outcome(name, kind, "skipped", str(why))
    found = [_examined(case, way) for way in ways]
    failed = [o for o in found if o.status == "failed"]
    good = [o for o in found if o.status in ("passed", "beside")]
    how = "; ".join(o.how for o in good)
    if failed and _other_meaning(test):
        why = "onnxruntime gives another output than ONNX does"
        return Outcome(name, kind, "skipped", why)
    if failed:
        return failed[0]
    if not good:
        return found[0]
    status = "passed" if all(o.status == "passed" for o in good) else "beside"
    return Outcome(name, kind, status, "", how)


def _other_meaning(test: Any) -> bool:
    """Whether onnxruntime, whose operators are differentiated, disagrees with the case itself."""
    given, wanted = test.data_sets[0]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            test.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        names = [i.name for i in test.model.graph.input]
        found = session.run(None, dict(zip(names, given, strict=True)))
    except Exception:  # it does not run the case: no disagreement
        return False
    return any(
        np.shape(a) != np.shape(b) or not np.allclose(a, b, max(test.rtol, 1e-3), 1e-3)
        for a, b in zip(found, wanted, strict=True)
    )


def _examined(case: Case, way: Embedding) -> Outcome:
    """One way to give a case events."""
    at_kink = False
    for bent in (False, True):
        status, reason = _compared(Path(way, bent=bent, plus=_flat(case)))
        if status == "refused" and len(way.varied) > 1:
            # not all inputs at once: one after the other
            parts = [_examined(case, _alone(way, name)) for name in way.varied]
            good = [p for p in parts if p.status in ("passed", "beside", "failed")]
            if not good:
                return parts[0]
            worst = max(good, key=lambda p: ("passed", "beside", "failed").index(p.status))
            how = "; ".join(p.how for p in good)
            return Outcome(case.name, case.kind, worst.status, worst.reason, how)
        if status in ("failed", "refused", "undecided", "skipped"):
            word = "failed" if status == "failed" else "skipped"
            return Outcome(case.name, case.kind, word, reason, way.how)
        at_kink |= status == "beside"
    return Outcome(case.name, case.kind, "beside" if at_kink else "passed", "", way.how)


def _flat(case: Case) -> bool:
    """Whether the derivative vanishes, so that the response needs something else that varies."""
    return case.kind in RULES and RULES[case.kind].kind == "constant"


def _alone(way: Embedding, name: str) -> Embedding:
    others = tuple(n for n in way.varied if n != name)
    return Embedding(
        way.case, way.node, (name,), (*way.tiled, *others), way.axis, way.shapes, way.held,
        way.outputs,
    )  # fmt: skip


def _compared(path: Path) -> tuple[str, str]:
    """passed, beside, undecided, refused, skipped or failed, and why."""
    try:
        function = function_of(path.graph())
        missing = missing_rules(function)
        if missing:
            return "skipped", f"no rule for {missing[0][0]}"
    except ModelError as error:
        return "refused", f"refused: {error}"
    random = np.random.default_rng(0)
    events = np.concatenate([np.zeros((1, FEATURES)), random.uniform(-0.03, 0.03, (2, FEATURES))])
    begin = time.process_time()  # whatever else the machine does
    expected = [path(s) for s in events]
    each = (time.process_time() - begin) / len(events)
    if each * len(events) * 2 * (6 * _lines() + 1) > MOST_SECONDS:
        return "skipped", "the reference takes too long"
    try:
        y, found = terms(function, events, 2)
        _, back = terms(function, events, 1)
    except ModelError as error:
        if "does not vary" in str(error) and np.ptp(expected, axis=0).any():
            return "failed", f"{path.e.how}: {error}"
        return "refused", f"refused: {error}"
    except Exception as error:
        return "failed", f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    near = SINGLE if path.case.kind in ROUNDED else NEAR
    if not np.allclose(y, expected, near, near, equal_nan=True):
        worst = np.abs(y - expected).max()
        return "failed", f"the response differs from the reference's by {worst:.2g}"
    decided = []
    for e, s in enumerate(events):
        wanted, error = _differences(path, s)
        first, second = wanted[:, :FEATURES], wanted[:, FEATURES:]
        size = np.abs(wanted).max(axis=1, keepdims=True) + np.abs(y[e])[:, None] * 1e-2 + 1e-3
        unsure = error / size
        if not (np.isfinite(wanted).all() and (unsure < UNSURE).all()):
            decided.append(False)
            continue
        decided.append(True)
        limit = 3 * error + near * size
        far = 3 * error[:, FEATURES:] + FAR * size
        for what, have, want, allowed in (
            ("first order, forward sweep", found[e, :, :FEATURES], first, limit[:, :FEATURES]),
            ("first order, reverse sweep", back[e], first, limit[:, :FEATURES]),
            ("second order", found[e, :, FEATURES:], second, far),
        ):
            off = np.abs(have - want)
            if not (off <= allowed).all():
                c, k = np.unravel_index(
                    np.argmax(np.nan_to_num(off / allowed, nan=np.inf)), off.shape
                )
                return "failed", (
                    f"{what} of {path.e.how}{', bent' if path.bent else ''}, event {e}:"
                    f" {have[c, k]:.10g} instead of {want[c, k]:.10g}"
                )
    if decided[0]:
        return "passed", ""
    if any(decided):
        return "beside", ""
    return "undecided", "no derivative at its input, nor beside it"


def _lines() -> int:
    return FEATURES * (FEATURES + 1) // 2


def _differences(f: Callable[[Array], Array], s: Array) -> tuple[Array, Array]:
    """Taylor coefficients (C, K) at s up to second order, and what they are uncertain by.

    Second derivatives along e_i and e_i + e_j give ∂²f/∂s_i∂s_j = (D²_{i+j} − D²_i − D²_j) / 2.
    """
    best: tuple[Array, Array] | None = None
    last: tuple[float, Array, Array] | None = None
    centre = f(s)
    for step in STEPS:
        now, jump = _at_step(f, s, centre, step)
        if last is not None:
            # what is left of h·f‴ when h gets smaller is a jump of f″
            ratio = step / last[0]
            error = np.abs(now - last[1]) + np.abs(jump - ratio * last[2]) / (1 - ratio)
            if best is None or not np.nanmax(error) > np.nanmax(best[1]):
                best = (now, error)
            if np.isfinite(now).all() and error.max() < 1e-7 * (np.abs(now).max() + 1e-3):
                break
        last = (step, now, jump)
    assert best is not None
    return best


def _at_step(
    f: Callable[[Array], Array], s: Array, centre: Array, step: float
) -> tuple[Array, Array]:
    """Coefficients by differences, and h·f‴ along the same lines (0 for the first order)."""
    eye = np.eye(FEATURES)
    pairs = [(i, j) for i in range(FEATURES) for j in range(i, FEATURES)]
    first, lines, jumps = [], {}, {}
    for i, j in pairs:
        way = eye[i] if i == j else eye[i] + eye[j]
        values = np.array([centre if k == 0 else f(s + k * step * way) for k in range(-3, 4)])
        lines[i, j], jumps[i, j] = SECOND @ values / step**2, THIRD @ values / step**2
        if i == j:
            first.append(FIRST @ values / step)

    def joined(of: dict[tuple[int, int], Array]) -> list[Array]:
        return [of[i, i] / 2 if i == j else (of[i, j] - of[i, i] - of[j, j]) / 2 for i, j in pairs]

    none = [np.zeros_like(centre)] * FEATURES
    return np.stack([*first, *joined(lines)], 1), np.stack([*none, *joined(jumps)], 1)


def table(outcomes: Iterable[Outcome]) -> str:
    """The outcomes in Markdown, a line for every operator that has been compared, others below."""
    by_kind: dict[str, list[Outcome]] = defaultdict(list)
    for o in outcomes:
        by_kind[o.kind].append(o)
    total = Counter(o.status for group in by_kind.values() for o in group)
    lines = [
        "# ONNX's backend node tests",
        "",
        "Written by `python -m validation.backend_nodes`: derivatives of first and second order of"
        " the node of each case at the case's own input, against differences of sixth order of the"
        " untouched node, evaluated by `onnx.reference` in double precision. Beside: the input of"
        " the case is at a kink or the edge of a domain, and the events next to it agree.",
        "",
        f"{total['passed']} passed, {total['beside']} passed beside their input,"
        f" {total['failed']} failed, {total['skipped']} skipped.",
        "",
        "| operator | passed | beside | failed | skipped |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    rest: dict[str, list[str]] = defaultdict(list)
    for kind, group in sorted(by_kind.items(), key=lambda item: item[0].lower()):
        count = Counter(o.status for o in group)
        reasons = Counter(o.reason for o in group if o.status == "skipped")
        if not count["passed"] + count["beside"] + count["failed"]:
            for reason, many in reasons.items():
                rest[reason].append(kind if many == 1 else f"{kind} ({many})")
            continue
        said = "; ".join(f"{many}: {reason}" for reason, many in reasons.most_common())
        cells = [str(count[s]) for s in ("passed", "beside", "failed")]
        lines.append(f"| {kind} | {' | '.join(cells)} | {_cell(said)} |")
    lines += ["", "Operators of which no case was compared:", "", "| why | operators |"]
    lines += ["| --- | --- |"]
    for reason, kinds in sorted(rest.items()):
        lines.append(f"| {_cell(reason)} | {', '.join(kinds)} |")
    failed = [o for group in by_kind.values() for o in group if o.status == "failed"]
    if failed:
        lines += ["", "Failed:", ""]
        lines += [f"- {o.name} ({o.kind}): {_cell(o.reason)}" for o in failed]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def main(arguments: Sequence[str] | None = None) -> int:
    """Examines all cases; 1 if one fails."""
    parser = argparse.ArgumentParser(description="ONNX's backend node tests, differentiated")
    parser.add_argument("--only", default="", help="cases with this in their operator or name")
    chosen = parser.parse_args(arguments)
    outcomes, begin = [], time.monotonic()
    for test in collected():
        if chosen.only and chosen.only not in f"{test.model.graph.node[0].op_type} {test.name}":
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcomes.append(examine(test))
        o = outcomes[-1]
        if chosen.only or o.status == "failed":
            print(f"{o.name} ({o.kind}): {o.status} {o.reason or o.how}", flush=True)
    count = Counter(o.status for o in outcomes)
    print(f"{dict(count)} in {time.monotonic() - begin:.0f} s")
    if not chosen.only:
        TABLE.write_text(table(outcomes), encoding="utf-8")
    failed = [o for o in outcomes if o.status == "failed"]
    if failed:
        print(f"error: {len(failed)} cases failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
