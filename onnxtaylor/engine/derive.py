"""A function's graph → its derivative graph: normalize, observe, compile."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.compiler import DerivativeGraph, compile_terms
from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.compiler.third import third_order
from onnxtaylor.engine.observe import observe
from onnxtaylor.errors import UNKNOWN_FORM, ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.normalize import OPSET, modernize, settle_branches, simplify
from onnxtaylor.graph.widen import widened
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES
from onnxtaylor.rules.versions import operator_set

__all__ = ["derive", "derive_normal", "normal_form"]

Floats = npt.NDArray[np.float64]


def derive(
    function: GraphFunction,
    indices: MultiIndices,
    x: Floats | None = None,
    *,
    loose: bool = False,
) -> DerivativeGraph:
    """Normalizes a function's graph, observes it and compiles its derivative graph.

    A ``loose`` graph of order 1 or 2 leaves its coefficients in ``pieces``. Raises ModelError,
    naming the operator and node, where that cannot be done.
    """
    normal = normal_form(function, x)
    if indices.order <= 2:
        return _compiled(normal, indices, x, loose=loose)
    return third_order(normal, indices, lambda f, some, *keep: _compiled(f, some, x, *keep))


def normal_form(function: GraphFunction, x: Floats | None = None) -> GraphFunction:
    """The function written in the operators that rules are for.

    Raises ModelError where that cannot be done, and for a fixed batch.
    """
    if function.fixed_batch:
        raise ModelError(
            f"its batch is fixed to {function.fixed_batch}: the derivative graph needs a free one"
        )
    wide = function.with_proto(widened(function.proto))
    return function.with_proto(simplify(_branched(wide, x).proto, RULES))


def derive_normal(
    normal: GraphFunction, indices: MultiIndices, x: Floats | None, weights: Collection[str]
) -> DerivativeGraph:
    """The loose derivative graph, up to order 2, of a function in normal form, whose initializers
    ``weights`` become inputs. Raises ModelError, naming the operator and node.
    """
    return _compiled(normal, indices, x, loose=True, weights=weights)


def _branched(function: GraphFunction, x: Floats | None) -> GraphFunction:
    """The modernized function with the branches taken whose conditions do not vary."""

    def known(proto: onnx.ModelProto, waiting: set[str]) -> dict[str, bool]:
        modern = function.with_proto(proto)
        fixed = GraphFacts(modern, observe(modern, x), OPSET).e.constants
        return {name: bool(fixed[name]) for name in waiting if name in fixed}

    return function.with_proto(settle_branches(modernize(function.proto), known))


def _compiled(
    function: GraphFunction,
    indices: MultiIndices,
    x: Floats | None,
    *keep: str,
    loose: bool = False,
    weights: Collection[str] = (),
) -> DerivativeGraph:
    opset, seen = operator_set(function.proto), observe(function, x)
    try:
        return compile_terms(
            function, indices, seen, opset, keep=keep, loose=loose, weights=weights
        )
    except UNKNOWN_FORM as error:
        raise ModelError(f"the compiler fails: {_said(error)}") from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__} {printable(error)}".strip()
