"""Whether the analyzed function is that of the file, and whether other programs compute it, too.

Analyzed is what the file says. Each model that is opened is compared with its own graph run as it
is written, node by node, at the first events: where onnxruntime's optimizations make another
function of it, it is run without them. Where its default options would, which a program gets that
loads the file and says nothing more, one warning says how far apart the two are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.problem.probes import are_close
from onnxtaylor.results.taylor import Notice
from onnxtaylor.runtime.semantics import as_written, is_questionable
from onnxtaylor.runtime.session import Session

__all__ = ["compare_as_deployed", "run_as_written"]

Floats = npt.NDArray[np.float64]

EVENTS = 64  # at which functions are compared
TOGETHER = 16  # events in one call


@dataclass(frozen=True)
class _Cure:
    """A setting that may make a deployed session compute what the file says."""

    cause: str
    advice: str
    entries: Mapping[str, str]
    plain: bool = False
    written: bool = False  # the levels of MatMulNBits set to 0


CURES = (
    _Cure(
        "they round what enters MatMul and Gemm with stored integer weights to 8 bits, which makes"
        " steps",
        "deploy with session.qdq_matmulnbits_accuracy_level=0",
        {"session.qdq_matmulnbits_accuracy_level": "0"},
    ),
    _Cure(
        "they compute in whole numbers between QuantizeLinear and DequantizeLinear",
        "deploy with session.disable_quant_qdq=1",
        {"session.disable_quant_qdq": "1"},
    ),
    _Cure(
        "they make one quantization of two in a row",
        "deploy with session.disable_double_qdq_remover=1",
        {"session.disable_double_qdq_remover": "1"},
    ),
    _Cure(
        "accuracy_level 4 of MatMulNBits rounds its input to 8 bits, which makes steps",
        "set accuracy_level to 0 in the file",
        {},
        written=True,
    ),
    _Cure(
        "their graph optimizations make another function of it",
        "deploy with graph_optimization_level ORT_DISABLE_ALL",
        {},
        plain=True,
    ),
)


def run_as_written(session: Session, x: Floats) -> Session:
    """Returns the session, or one without optimizations where they change the function.

    x (B, n) are events of the data; the first 64 are compared. Requires: not random, no link.
    """
    rows, function = x[:EVENTS], session.function
    try:
        plain = Session(replace(function, plain=True), provider=session.provider)
        expected = _responses(plain, rows)
    except ModelError:
        return session  # some operators exist for onnxruntime only once it has fused them
    return session if are_close(_responses(session, rows), expected, function.digits) else plain


def compare_as_deployed(
    session: Session, x: Floats, names: Sequence[str], columns: Sequence[int]
) -> tuple[Notice, ...]:
    """Warns where onnxruntime with its default options gives other responses, and how far apart.

    ``names`` are the names of all responses, ``columns`` the numbers of the analyzed ones. There is
    no notice where both functions agree within round-off. Requires the same as ``run_as_written``,
    which must be called before.
    """
    function, rows = replace(session.function, plain=False), x[:EVENTS]
    if not session.function.plain and not is_questionable(function.proto):
        return ()
    expected = _responses(session, rows)[:, columns]
    kept = [names[c] for c in columns]

    def deployed_responses(cure: _Cure | None) -> Floats:
        cure = cure or _Cure("", "", {})
        other = replace(function, plain=cure.plain)
        if cure.written:
            other = other.with_proto(as_written(other.proto))
        deployed = Session(other, provider=session.provider, entries=cure.entries)
        return _responses(deployed, rows)[:, columns]

    def helps(cure: _Cure) -> bool:
        try:
            return are_close(deployed_responses(cure), expected, function.digits)
        except ModelError:
            return False

    try:
        usual = deployed_responses(None)
    except ModelError as error:
        why = printable(error, 120)
        finding, cause = f"with its default options onnxruntime refuses the model ({why})", ""
    else:
        if are_close(usual, expected, function.digits):
            return ()
        finding, cause = _apart(usual, expected, kept, function), ": {}"
    cure = next(filter(helps, CURES), None)
    if cure is None:
        return (Notice("deployed", None, f"{finding}; the analysis follows the file"),)
    text = f"{finding}{cause.format(cure.cause)}; the analysis follows the file: {cure.advice}"
    return (Notice("deployed", None, f"{text} for the same"),)


def _apart(usual: Floats, expected: Floats, names: Sequence[str], function: GraphFunction) -> str:
    """Names the response furthest from that of the file, by how much and at how many events."""
    finite = np.isfinite(usual) & np.isfinite(expected)
    gap = np.where(finite, np.abs(usual - expected), 0.0)
    gap[np.isfinite(usual) != np.isfinite(expected)] = np.inf
    with np.errstate(invalid="ignore", divide="ignore"):
        ranges = np.ptp(np.where(np.isfinite(expected), expected, 0.0), axis=0)
        shares = np.where(gap.max(axis=0) > 0, gap.max(axis=0) / ranges, 0.0)
    worst = int(np.argmax(shares))
    off = sum(
        not are_close(a[None], b[None], function.digits)
        for a, b in zip(usual, expected, strict=True)
    )
    share = f"{100 * shares[worst]:.2g} % of its range; " if np.isfinite(shares[worst]) else ""
    return (
        f"onnxruntime's default options change response '{printable(names[worst])}' by up to"
        f" {gap[:, worst].max():.2g} ({share}{off} of {len(usual)} events)"
    )


def _responses(session: Session, rows: Floats) -> Floats:
    parts = [session(rows[k : k + TOGETHER]) for k in range(0, len(rows), TOGETHER)]
    return np.concatenate(parts).astype(np.float64)
