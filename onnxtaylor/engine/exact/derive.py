"""A function's graph → its derivative graph: normalize, observe, compile."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.compiler import DerivativeGraph, compile_joints, compile_terms
from onnxtaylor.compiler.facts import GraphFacts, shapes_from
from onnxtaylor.compiler.sums import is_reserved
from onnxtaylor.compiler.third import third_order
from onnxtaylor.errors import UNKNOWN_FORM, ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.half_precision import without_half_precision
from onnxtaylor.graph.normalize import (
    OPSET,
    modernize,
    settle_branches,
    settle_sequences,
    simplify,
)
from onnxtaylor.graph.rename import rename_reserved
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES
from onnxtaylor.rules.versions import operator_set
from onnxtaylor.runtime.observe import observe

__all__ = ["count_joints", "derive", "derive_normal", "normal_form"]

Floats = npt.NDArray[np.float64]
Observed = tuple[Mapping[str, npt.NDArray[Any]], Mapping[str, tuple[int, ...]]]


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

    Parameters
    ----------
    function
        The function; its batch must be free.
    indices
        The coefficients, up to order 3.
    x
        Events (B, n) at which the graph is observed; stand-ins by default.
    loose
        Leaves the coefficients of order 1 or 2 in several output tensors, ``pieces``, which is
        faster than putting them together in the graph.
    joints
        Adds an output that says which events lie on a joint.
    strong
        Makes zeros of products strong, 0 · ∞ = 0, as a branch that is not taken may have no finite
        slope. None: only where a slope may not be finite.

    Raises
    ------
    ModelError
        The graph cannot be differentiated; the message names the operator and node.
    """
    normal = normal_form(function, x)
    if indices.order <= 2:
        return _compile(normal, indices, x, loose=loose, joints=joints, strong=strong)

    def compiled(
        function: GraphFunction, indices: MultiIndices, *keep: str, joints: bool = False
    ) -> DerivativeGraph:
        return _compile(function, indices, x, *keep, joints=joints, strong=strong)

    return third_order(normal, indices, compiled, joints=joints)


def count_joints(function: GraphFunction, x: Floats | None = None) -> onnx.ModelProto:
    """Makes the graph that counts the joints that each event lies on, see ``compile_joints``.

    Parameters as in ``derive``. Raises ModelError.
    """
    normal = normal_form(function, x)
    try:
        return compile_joints(normal, observe(normal, x), operator_set(normal.proto))
    except UNKNOWN_FORM as error:
        message = f"{type(error).__name__} {printable(error)}".strip()
        raise ModelError(f"the compiler fails: {message}") from error


def normal_form(function: GraphFunction, x: Floats | None = None) -> GraphFunction:
    """Writes a function in the operators that have rules.

    Parameters
    ----------
    function
        The function.
    x
        Events (B, n) at which conditions of branches are observed; stand-ins by default.

    Raises
    ------
    ModelError
        The graph cannot be written so, or its batch is fixed.
    """
    if function.fixed_batch:
        raise ModelError(
            function.fixed_because
            or f"its batch is fixed to {function.fixed_batch}: the derivative graph needs a free"
            " one"
        )
    wide = function.with_proto(without_half_precision(function.proto))
    plain = simplify(_settle(wide, x).proto, RULES)
    return function.with_proto(rename_reserved(plain, is_reserved))


def derive_normal(
    normal: GraphFunction,
    indices: MultiIndices,
    x: Floats | None,
    weights: Collection[str],
    *,
    strong: bool = False,
) -> DerivativeGraph:
    """Compiles the loose derivative graph of a function in normal form, its weights as inputs.

    Parameters
    ----------
    normal
        The function, from ``normal_form``.
    indices
        The coefficients, up to order 2.
    x
        Events (B, n) at which the graph is observed; stand-ins by default.
    weights
        Names of initializers that become inputs.
    strong
        Makes zeros of products strong; otherwise the graph says which events lie on a joint.

    Raises
    ------
    ModelError
        The graph cannot be differentiated; the message names the operator and node.
    """
    return _compile(
        normal, indices, x, loose=True, weights=weights, joints=not strong, strong=strong
    )


def _settle(function: GraphFunction, x: Floats | None) -> GraphFunction:
    """Modernizes a function, and removes its branches and sequences as far as that is possible.

    Removes every If whose condition does not vary, and every sequence of known tensors.
    """

    def evaluate(proto: onnx.ModelProto, conditions: set[str]) -> dict[str, bool]:
        modern = function.with_proto(proto)
        fixed = GraphFacts(modern, observe(modern, x), OPSET).e.constants
        return {name: bool(fixed[name]) for name in conditions if name in fixed}

    def observed(proto: onnx.ModelProto) -> Observed:
        modern = function.with_proto(proto)
        tensors = observe(modern, x)
        return GraphFacts(modern, tensors, OPSET).e.constants, shapes_from(tensors)

    branched = settle_branches(modernize(function.proto), evaluate)
    plain = settle_sequences(branched, observed)
    # once more: a condition may be the length of a sequence
    return function.with_proto(plain if plain is branched else settle_branches(plain, evaluate))


def _compile(
    function: GraphFunction,
    indices: MultiIndices,
    x: Floats | None,
    *keep: str,
    loose: bool = False,
    weights: Collection[str] = (),
    joints: bool = False,
    strong: bool | None = False,
) -> DerivativeGraph:
    """Observes a function in normal form and compiles its derivative graph."""
    opset, tensors = operator_set(function.proto), observe(function, x)
    try:
        return compile_terms(
            function,
            indices,
            tensors,
            opset,
            keep=keep,
            loose=loose,
            weights=weights,
            joints=joints,
            strong=strong,
        )
    except UNKNOWN_FORM as error:
        message = f"{type(error).__name__} {printable(error)}".strip()
        raise ModelError(f"the compiler fails: {message}") from error
