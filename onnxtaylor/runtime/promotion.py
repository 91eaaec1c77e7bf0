"""A function rewritten in double precision, and checked against the original.

Finite differences in single precision lose half of their digits to round-off. In double precision
the same graph is a smooth function to 1e-16, so functions are promoted where they can be. The
promoted graph is not trusted: its responses must agree with the original's, up to the rounding of
the original's format.

A model that is in double precision already may hold operators that onnxruntime computes in single
precision alone. They are replaced by others that it has, and the new graph is compared with the
original in single precision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from onnxtaylor.errors import UNKNOWN_FORM, ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.formats import retyped
from onnxtaylor.graph.normalize import modernize, settle_branches
from onnxtaylor.graph.normalize.stored import restore_weights
from onnxtaylor.graph.promote import promote_graph
from onnxtaylor.graph.prune import needed_inputs, prune
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import Session, start

__all__ = ["ROUNDINGS", "Promotion", "on_grid", "promote", "session_of"]

Floats = npt.NDArray[np.float64]

EVENTS = 64  # at which the two graphs are compared
ROUNDINGS = 2.0**9  # ε that the responses may differ by: see ``promote``
COARSEST = 2.0**-4


@dataclass(frozen=True)
class Promotion:
    """The result of a promotion.

    ``function`` computes in double precision; where that cannot be had it is the original one, and
    ``refused`` says why, in one line that names the operator and node, or by how much the responses
    differ.
    """

    function: GraphFunction
    refused: str | None


def promote(function: GraphFunction, x: Floats, *, provider: str = "cpu") -> Promotion:
    """Rewrites a function f: Rⁿ → R^C in float64 and verifies it at events.

    max abs(f₆₄ − f) ≤ 2⁹ ε max abs(f)

    with ε the spacing of numbers of the original's format. A sum of K terms, each rounded, is off
    by about √K ε, so this allows for K = 2¹⁸ (N. J. Higham and T. Mary, SIAM J. Sci. Comput. 41,
    2019, A2815). Functions with a link may agree before it instead, as the logit of a saturated
    response consists of little but round-off.

    Parameters
    ----------
    function
        The function; one that is in double precision already is returned as it is.
    x
        Events (B, n), of which the first 64 are used.
    provider
        ``cpu`` or ``cuda``.

    Returns
    -------
    Promotion
        The promoted function, or the original one and why it cannot be promoted.
    """
    if function.precision == "float64":
        return Promotion(function, None)
    try:
        double = _rewrite(function)
        deviation = _deviation(function, double, x[:EVENTS], provider)
    except ModelError as error:
        # the advice is for models that do not run at all; this one runs in its own format
        return Promotion(function, str(error).removesuffix(": export the model in float32"))
    except UNKNOWN_FORM as error:
        return Promotion(function, f"the passes fail: {type(error).__name__} {printable(error)}")
    limit = _limit(function.digits)
    if not deviation <= limit:  # NaN is no agreement either
        return Promotion(
            function,
            f"in float64 the responses differ by up to {deviation:.2g} of their size, more than"
            f" {function.precision} explains ({limit:.2g})",
        )
    return Promotion(double, None)


def session_of(function: GraphFunction, x: Floats, *, provider: str = "cpu") -> Session:
    """Opens a session of a function, whatever kernels onnxruntime lacks in double precision.

    Where some are missing, the graph is written in operators that it has, and the responses must be
    those of the original in single precision, within the limit of ``promote``.

    Parameters
    ----------
    function
        The function, in any precision.
    x
        Events (B, n).
    provider
        ``cpu`` or ``cuda``.

    Returns
    -------
    Session
        The session; its ``function`` is the one that is evaluated.

    Raises
    ------
    ModelError
        Neither the graph nor the rewritten one can be loaded.
    """
    if "float64" not in {function.precision, *function.dependence.formats}:
        return Session(function, provider=provider)
    session = None
    try:
        session = Session(function, provider=provider)
        session(x[:1])  # some missing kernels show only when they are run
        # others exist in one operator set alone, which is not that of the derivative graph
        start(modernize(function.proto), provider=provider, threads=1)
    except ModelError:
        rewritten = _session_in_double(function, x, provider) or session
        if rewritten is None:
            raise
        return rewritten
    return session


def _session_in_double(function: GraphFunction, x: Floats, provider: str) -> Session | None:
    """Opens the rewritten function; None where it cannot be run or responds differently."""
    try:
        double = _rewrite(function)
        session = Session(double, provider=provider)
        # event by event, since in some files the batch size is fixed but not declared
        alone = replace(function, fixed_batch=function.fixed_batch or 1)
        with np.errstate(over="ignore"):
            proto = retyped(function.proto, {TensorProto.DOUBLE}, TensorProto.FLOAT)
        single = replace(alone.with_proto(proto), precision="float32")
        deviation = _deviation(single, alone.with_proto(double.proto), x[:EVENTS], provider)
    except (ModelError, *UNKNOWN_FORM):
        return None
    return session if deviation <= _limit(single.digits) else None


def _rewrite(function: GraphFunction) -> GraphFunction:
    """Writes the function in double precision, unverified."""
    modern = restore_weights(_settle_branches(modernize(function.proto), function.feed))
    proto = promote_graph(modern)
    prune(proto.graph, [function.response])
    before = function.dependence
    double = replace(before, formats=before.formats - {"float16", "bfloat16", "float32"})
    return replace(function.with_proto(proto), precision="float64", dependence=double)


def _settle_branches(proto: onnx.ModelProto, feed: str) -> onnx.ModelProto:
    """Replaces each If whose condition does not depend on the features by the branch taken.

    Passes look at the top level of a graph, and some exporters hide half of the model in an If.
    """

    def evaluate(proto: onnx.ModelProto, conditions: set[str]) -> dict[str, bool]:
        fixed = [c for c in sorted(conditions) if feed not in needed_inputs(proto.graph, [c])]
        return _values(proto, fixed) if fixed else {}

    return settle_branches(proto, evaluate)


def _values(proto: onnx.ModelProto, names: list[str]) -> dict[str, bool]:
    """Computes conditions that need no features."""
    part = onnx.ModelProto()
    part.CopyFrom(proto)
    prune(part.graph, names)
    del part.graph.output[:]
    part.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.BOOL, None) for name in names
    )
    session = start(part, threads=1)
    try:
        return {k: bool(v) for k, v in zip(names, session.run(None, {}), strict=True)}
    except Exception as error:
        raise ModelError(f"the condition of a branch cannot be computed: {reason(error)}") from None


def _limit(digits: int) -> float:
    """Returns 2⁹ ε, at most 1/16.

    2⁹ ε is 1/2 in half precision, and a graph that is another function must not pass.
    """
    return min(ROUNDINGS * 2.0 ** (1 - digits), COARSEST)


def _deviation(original: GraphFunction, double: GraphFunction, x: Floats, provider: str) -> float:
    """Computes max abs(f₆₄ − f) / max abs(f) at x (B, n), rounded to the original's format.

    Events with a response that is not finite in the original are left out. Returns ∞ where none
    is left, or the shapes differ.
    """
    rows = on_grid(x, original.digits)
    # the promoted graph comes first: where it fails, no session of the original is opened
    promoted = Session(double, provider=provider)(rows).astype(np.float64)
    expected = Session(original, provider=provider)(rows).astype(np.float64)
    if promoted.shape != expected.shape:
        return np.inf
    finite = np.isfinite(expected)
    if not finite.any():
        return np.inf
    deviation = _relative_gap(promoted[finite], expected[finite])
    if original.link == "identity" or deviation <= _limit(original.digits):
        return deviation
    before = [_undo_link(v[finite], original.link) for v in (promoted, expected)]
    return min(deviation, _relative_gap(*before))


def _relative_gap(values: Floats, expected: Floats) -> float:
    """Computes the largest distance in units of the largest expected value."""
    gap = np.abs(values - expected).max()
    return float(gap / max(np.abs(expected).max(), np.finfo(np.float32).tiny)) if gap else 0.0


def _undo_link(values: Floats, link: str) -> Floats:
    """Computes the responses before the link."""
    with np.errstate(over="ignore"):
        return np.exp(values) if link == "log" else 1 / (1 + np.exp(-values))


def on_grid(x: Floats, digits: int) -> Floats:
    """Rounds x to numbers of so many binary digits, so that graphs of two formats get the same.

    Parameters
    ----------
    x
        Events (B, n).
    digits
        Binary digits of the coarser format: 11, 24 or 53.

    Returns
    -------
    array
        The rounded events (B, n), as float64.
    """
    mantissa, exponent = np.frexp(x)
    return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, digits)), exponent - digits))
