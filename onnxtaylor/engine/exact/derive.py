"""A function's graph → its derivative graph: normalize, observe, compile."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.compiler import DerivativeGraph, compile_terms
from onnxtaylor.compiler.facts import GraphFacts, shapes_from
from onnxtaylor.compiler.sums import is_reserved
from onnxtaylor.compiler.third import third_order
from onnxtaylor.errors import UNKNOWN_FORM, ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.normalize import (
    OPSET,
    modernize,
    settle_branches,
    settle_sequences,
    simplify,
)
from onnxtaylor.graph.rename import give_way
from onnxtaylor.graph.widen import widened
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES
from onnxtaylor.rules.versions import operator_set
from onnxtaylor.runtime.observe import observe

__all__ = ["derive", "derive_normal", "normal_form"]

Floats = npt.NDArray[np.float64]
Seen = tuple[Mapping[str, npt.NDArray[Any]], Mapping[str, tuple[int, ...]]]


def derive(
    function: GraphFunction,
    indices: MultiIndices,
    x: Floats | None = None,
    *,
    loose: bool = False,
    joints: bool = False,
    strong: bool | None = False,
) -> DerivativeGraph:
    """Normalizes a function's graph, observes it and compiles its derivative graph.

    A ``loose`` graph of order 1 or 2 leaves its coefficients in ``pieces``. With ``joints`` the
    graph says which events lie on one; ``strong`` zeros make products 0 whatever the other factor
    is; None: where a slope may not be finite. Raises ModelError, naming the operator and node,
    where that cannot be done.
    """
    normal = normal_form(function, x)
    if indices.order <= 2:
        return _compiled(normal, indices, x, loose=loose, joints=joints, strong=strong)

    def compiled(
        function: GraphFunction, indices: MultiIndices, *keep: str, joints: bool = False
    ) -> DerivativeGraph:
        return _compiled(function, indices, x, *keep, joints=joints, strong=strong)

    return third_order(normal, indices, compiled, joints=joints)


def normal_form(function: GraphFunction, x: Floats | None = None) -> GraphFunction:
    """The function written in the operators that rules are for.

    Raises ModelError where that cannot be done, and for a fixed batch.
    """
    if function.fixed_batch:
        raise ModelError(
            f"its batch is fixed to {function.fixed_batch}: the derivative graph needs a free one"
        )
    wide = function.with_proto(widened(function.proto))
    plain = simplify(_branched(wide, x).proto, RULES)
    return function.with_proto(give_way(plain, is_reserved))


def derive_normal(
    normal: GraphFunction,
    indices: MultiIndices,
    x: Floats | None,
    weights: Collection[str],
    *,
    strong: bool = False,
) -> DerivativeGraph:
    """The loose derivative graph, up to order 2, of a function in normal form, whose initializers
    ``weights`` become inputs; it says which events lie on a joint, or has ``strong`` zeros. Raises
    ModelError, naming the operator and node.
    """
    return _compiled(
        normal, indices, x, loose=True, weights=weights, joints=not strong, strong=strong
    )


def _branched(function: GraphFunction, x: Floats | None) -> GraphFunction:
    """The modernized function with the branches taken whose conditions do not vary, and without
    the sequences that are known.
    """

    def known(proto: onnx.ModelProto, waiting: set[str]) -> dict[str, bool]:
        modern = function.with_proto(proto)
        fixed = GraphFacts(modern, observe(modern, x), OPSET).e.constants
        return {name: bool(fixed[name]) for name in waiting if name in fixed}

    def observed(proto: onnx.ModelProto) -> Seen:
        modern = function.with_proto(proto)
        seen = observe(modern, x)
        return GraphFacts(modern, seen, OPSET).e.constants, shapes_from(seen)

    branched = settle_branches(modernize(function.proto), known)
    plain = settle_sequences(branched, observed)
    # a condition may be the length of a sequence
    return function.with_proto(plain if plain is branched else settle_branches(plain, known))


def _compiled(
    function: GraphFunction,
    indices: MultiIndices,
    x: Floats | None,
    *keep: str,
    loose: bool = False,
    weights: Collection[str] = (),
    joints: bool = False,
    strong: bool | None = False,
) -> DerivativeGraph:
    opset, seen = operator_set(function.proto), observe(function, x)
    try:
        return compile_terms(
            function,
            indices,
            seen,
            opset,
            keep=keep,
            loose=loose,
            weights=weights,
            joints=joints,
            strong=strong,
        )
    except UNKNOWN_FORM as error:
        raise ModelError(f"the compiler fails: {_said(error)}") from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__} {printable(error)}".strip()
