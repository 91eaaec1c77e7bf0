"""A function's graph → its derivative graph: normalize, observe, compile."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.compiler import DerivativeGraph, compile_joints, compile_terms, require_rules
from onnxtaylor.compiler.directions import Directions
from onnxtaylor.compiler.facts import GraphFacts, shapes_from
from onnxtaylor.compiler.kinks import count_kinks
from onnxtaylor.compiler.path import nodes_on_path
from onnxtaylor.compiler.seeded import Gradient, compile_jvp, compile_vjp
from onnxtaylor.compiler.sums import is_reserved
from onnxtaylor.compiler.third import third_order
from onnxtaylor.engine.exact.settle import settle
from onnxtaylor.errors import UNKNOWN_FORM, ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.half_precision import without_half_precision
from onnxtaylor.graph.normalize import simplify
from onnxtaylor.graph.rename import rename_reserved
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES
from onnxtaylor.rules.versions import operator_set
from onnxtaylor.runtime.observe import observe, stand_ins

__all__ = [
    "count_joints",
    "derive",
    "derive_normal",
    "derive_product",
    "find_kinks",
    "normal_form",
]

Floats = npt.NDArray[np.float64]


def derive(
    function: GraphFunction,
    indices: MultiIndices,
    x: Floats | None = None,
    *,
    loose: bool = False,
    kernel: bool = False,
    joints: bool = False,
    strong: bool | None = False,
    directions: Directions | None = None,
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
    kernel
        Leaves products of rows in a loose graph to a kernel, ``products``.
    joints
        Adds an output that says which events lie on a joint.
    strong
        Makes zeros of products strong, 0 · ∞ = 0, as a branch that is not taken may have no finite
        slope. None: only where a slope may not be finite.
    directions
        Vectors that are fed: the multi-indices, up to order 2, are of these, not of the features.

    Raises
    ------
    ModelError
        The graph cannot be differentiated; the message names the operator and node.
    """
    normal = normal_form(function, x)
    if indices.order <= 2:
        return _compile(
            normal,
            indices,
            x,
            loose=loose,
            kernel=kernel,
            joints=joints,
            strong=strong,
            directions=directions,
        )

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
    require_rules(normal)
    try:
        return compile_joints(normal, observe(normal, x), operator_set(normal.proto))
    except UNKNOWN_FORM as error:
        message = f"{type(error).__name__} {printable(error)}".strip()
        raise ModelError(f"the compiler fails: {message}") from error


def derive_product(
    function: GraphFunction,
    mode: str,
    x: Floats | None = None,
    *,
    by_adjoint: bool = False,
) -> onnx.ModelProto:
    """Compiles the graph of products of derivatives with vectors that are fed.

    See ``compiler.seeded``.

    Parameters
    ----------
    function
        The function; its batch must be free.
    mode
        ``jvp``: J v_l; ``vjp``: Jᵀ u_l; ``hvp``: Σ_c u_c H_c v_l.
    x
        Events (B, n) at which the graph is observed; stand-ins by default.
    by_adjoint
        Whether ``hvp`` is the derivative of Jᵀ u by u, too, along vectors (v_l, u̇_l) of n + C
        numbers: Σ_c u_c H_c v_l + Jᵀ u̇_l.

    Returns
    -------
    onnx.ModelProto
        Its first input is ``feed``, its first output the response, its last output ``PRODUCT``.

    Raises
    ------
    ModelError
        The graph cannot be differentiated; the message names the operator and node.
    """
    normal = normal_form(function, x)
    opset = operator_set(normal.proto)
    try:
        if mode == "jvp":
            return compile_jvp(normal, observe(normal, x), opset)
        if mode == "vjp":
            return compile_vjp(normal, observe(normal, x), opset)
        once = compile_vjp(normal, observe(normal, x), opset, lead=1)
        gradient = Gradient(normal, once, by_adjoint=by_adjoint)
        rows = stand_ins(normal, x)
        u = np.random.default_rng(1).normal(size=(len(rows), gradient.responses))
        seen = observe(gradient.function, gradient.rows(rows, u))
        twice = compile_jvp(gradient.function, seen, opset, keep=gradient.keep)
        return gradient.with_inputs(twice)
    except UNKNOWN_FORM as error:
        message = f"{type(error).__name__} {printable(error)}".strip()
        raise ModelError(f"the compiler fails: {message}") from error


def find_kinks(function: GraphFunction, x: Floats | None = None) -> dict[str, int]:
    """Counts nodes of each operator whose slope or value jumps, see ``compiler.kinks``.

    Parameters as in ``derive``. Raises ModelError.
    """
    normal = normal_form(function, x)
    require_rules(normal)
    facts = GraphFacts(normal, observe(normal, x), operator_set(normal.proto))
    return count_kinks(facts, nodes_on_path(facts))


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

    def shapes(proto: onnx.ModelProto) -> Mapping[str, tuple[int, ...]]:
        return shapes_from(observe(function.with_proto(proto), x)) | {
            t.name: tuple(t.dims) for t in proto.graph.initializer
        }

    plain = simplify(settle(wide, x).proto, RULES.keys(), shapes)
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
        normal,
        indices,
        x,
        loose=True,
        kernel=not strong,  # a kernel's zeros are not strong
        weights=weights,
        joints=not strong,
        strong=strong,
    )


def _compile(
    function: GraphFunction,
    indices: MultiIndices,
    x: Floats | None,
    *keep: str,
    loose: bool = False,
    kernel: bool = False,
    weights: Collection[str] = (),
    joints: bool = False,
    strong: bool | None = False,
    directions: Directions | None = None,
) -> DerivativeGraph:
    """Observes a function in normal form and compiles its derivative graph."""
    require_rules(function)  # before it runs: a loop that is left may run for ever
    opset, tensors = operator_set(function.proto), observe(function, x)
    try:
        return compile_terms(
            function,
            indices,
            tensors,
            opset,
            keep=keep,
            loose=loose,
            kernel=kernel,
            weights=weights,
            joints=joints,
            strong=strong,
            directions=directions,
        )
    except UNKNOWN_FORM as error:
        message = f"{type(error).__name__} {printable(error)}".strip()
        raise ModelError(f"the compiler fails: {message}") from error
