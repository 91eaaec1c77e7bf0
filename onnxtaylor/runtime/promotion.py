"""Rewrites a function in double precision, and verifies it against the original.

Finite differences in single precision lose half of their digits to round-off. Evaluated in double
precision the same graph is a smooth function to 1e-16, so it is promoted where it can be. The
promoted graph is verified: its responses must agree with the original's, up to the rounding of the
original's format.

A model that is in double precision already may hold operators that onnxruntime computes in single
precision alone. These are replaced by other operators, and the result is compared with the original
in single precision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

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
from onnxtaylor.runtime.provider import available_threads
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import Session, start
from onnxtaylor.runtime.sharing import share

__all__ = ["ROUNDINGS", "Promotion", "open_session", "promote", "round_to_digits"]

Floats = npt.NDArray[np.float64]

EVENTS = 64  # at which the two are compared
ROUNDINGS = 2.0**9  # see _limit
COARSEST = 2.0**-4


@dataclass(frozen=True)
class Promotion:
    """The ``function`` in double precision; or the original, and the reason why it is ``refused``.

    The reason is one line: the operator and node, or the difference of the responses. ``session``
    evaluates the promoted function in one thread.
    """

    function: GraphFunction
    refused: str | None
    session: Session | None = None


def promote(
    function: GraphFunction,
    x: Floats,
    *,
    provider: str = "cpu",
    original: Session | None = None,
) -> Promotion:
    """The function f: Rⁿ → R^C evaluated in float64, verified at events x (B, n).

    A function that is in double precision already is returned as it is. The responses must agree to
    2⁹ ε of their largest size, ε the spacing of the original's format: the sum of K terms, each
    rounded, is off by about √K ε, so this allows for K = 2¹⁸ (N. J. Higham and T. Mary, SIAM J.
    Sci. Comput. 41, 2019, A2815). With a link, it suffices that they agree before the link, as the
    logit of a saturated response is mostly round-off. ``original`` is a session of the function,
    where there is one.
    """
    if function.precision == "float64":
        return Promotion(function, None)
    try:
        # one thread: it may serve the threads of an engine
        double = Session(_promoted(function), provider=provider, threads=1)
        apart = _apart(original or function, double, x[:EVENTS])
    except ModelError as error:
        # what to do about it is said for graphs that do not run at all
        return Promotion(function, str(error).removesuffix(": export the model in float32"))
    except UNKNOWN_FORM as error:
        return Promotion(function, f"the passes fail: {type(error).__name__} {printable(error)}")
    limit = _limit(function.digits)
    if not apart <= limit:
        return Promotion(
            function,
            f"in float64 the responses differ by up to {apart:.2g} of their size, more than"
            f" {function.precision} explains ({limit:.2g})",
        )
    return Promotion(double.function, None, double)


def open_session(function: GraphFunction, x: Floats, *, provider: str = "cpu") -> Session:
    """Opens a session of a function, without operators that onnxruntime lacks in double precision.

    Where onnxruntime lacks an operator, the graph is rewritten with others, and its responses at
    events x (B, n) must agree with the original's in single precision, within the limit of
    ``promote``. ``session.function`` is the evaluated function. Raises ModelError where neither can
    be loaded.
    """
    if "float64" not in {function.precision, *function.dependence.formats}:
        return Session(function, provider=provider)
    session = None
    try:
        session = Session(function, provider=provider)
        session(x[:1])  # of some operators it says so only when it runs them
        # and some it has in one operator set alone, which is not that of the derivatives
        start(modernize(function.proto), provider=provider, threads=1)
    except ModelError:
        found = _session_in_double(function, x, provider) or session
        if found is None:
            raise
        return found
    return session


def _session_in_double(function: GraphFunction, x: Floats, provider: str) -> Session | None:
    try:
        double = _promoted(function)
        session = Session(double, provider=provider)
        # one at a time: the batch of some files is fixed without their saying so
        alone = replace(function, fixed_batch=function.fixed_batch or 1)
        with np.errstate(over="ignore"):
            proto = retyped(function.proto, {TensorProto.DOUBLE}, TensorProto.FLOAT)
        single = replace(alone.with_proto(proto), precision="float32")
        twin = Session(alone.with_proto(double.proto), provider=provider)
        apart = _apart(single, twin, x[:EVENTS])
    except (ModelError, *UNKNOWN_FORM):
        return None
    return session if apart <= _limit(single.digits) else None


def _promoted(function: GraphFunction) -> GraphFunction:
    modern = restore_weights(_branched(modernize(function.proto), function.feed))
    proto = promote_graph(modern)
    prune(proto.graph, [function.response])
    path = replace(
        function.dependence,
        formats=function.dependence.formats - {"float16", "bfloat16", "float32"},
    )
    return replace(function.with_proto(proto), precision="float64", dependence=path)


def _branched(proto: onnx.ModelProto, feed: str) -> onnx.ModelProto:
    """The graph in which each If with a constant condition is replaced by its branch.

    Passes look at the top level of a graph, and an If of an exporter hides half of the model.
    """

    def known(proto: onnx.ModelProto, waiting: set[str]) -> dict[str, bool]:
        fixed = [c for c in sorted(waiting) if feed not in needed_inputs(proto.graph, [c])]
        return _values(proto, fixed) if fixed else {}

    return settle_branches(proto, known)


def _values(proto: onnx.ModelProto, names: list[str]) -> dict[str, bool]:
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
    """Allowed relative deviation: 2⁹ ε, but at most 1/16 for half precision."""
    return min(ROUNDINGS * 2.0 ** (1 - digits), COARSEST)


def _apart(original: GraphFunction | Session, double: Session, x: Floats) -> float:
    """max |f₆₄ − f| / max |f| at x rounded to the original's format; ∞ where it is not finite.

    Events with a response that is not finite in the original are left out.
    """
    known = original.function if isinstance(original, Session) else original
    rows = np.where(known.is_varied, round_to_digits(x, known.digits), x)
    found = _in_threads(double, rows).astype(np.float64)
    # the original comes second: a graph that cannot be promoted costs no session of it
    if not isinstance(original, Session):
        original = Session(original, provider=double.provider)
    expected = original(rows).astype(np.float64)
    if found.shape != expected.shape:
        return np.inf
    finite = np.isfinite(expected)
    if not finite.any():
        return np.inf
    apart = _largest(found[finite], expected[finite])
    if known.link == "identity" or apart <= _limit(known.digits):
        return apart
    behind = [_behind_link(v[finite], known.link) for v in (found, expected)]
    return min(apart, _largest(*behind))


def _in_threads(session: Session, rows: Floats) -> npt.NDArray[Any]:
    """The responses of a session of one thread at the rows, which are shared among threads."""
    size = -(-len(rows) // available_threads()) if session.provider == "cpu" else len(rows)
    answers: dict[int, npt.NDArray[Any]] = {}

    def work(part: slice) -> None:
        answers[part.start] = session(rows[part])

    share(len(rows), size, [work] * available_threads())
    return np.concatenate([answers[start] for start in sorted(answers)])


def _largest(responses: Floats, expected: Floats) -> float:
    gap = np.abs(responses - expected).max()
    return float(gap / max(np.abs(expected).max(), np.finfo(np.float32).tiny)) if gap else 0.0


def _behind_link(values: Floats, link: str) -> Floats:
    """The responses that the link was applied to."""
    with np.errstate(over="ignore"):
        return np.exp(values) if link == "log" else 1 / (1 + np.exp(-values))


def round_to_digits(x: Floats, digits: int) -> Floats:
    """Rounds x to this number of binary digits, so that two graphs get the same numbers."""
    mantissa, exponent = np.frexp(x)
    return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, digits)), exponent - digits))
