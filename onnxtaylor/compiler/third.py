"""Third order: differentiates the graph of the Jacobian once more, up to second order.

With g_ci = ∂f_c/∂x_i as responses of the Jacobian graph, the second-order coefficients of g are

    s_ci,jk = ∂³f_c/∂x_i∂x_j∂x_k, halved where j = k,

and for every triple, with any of its features taken as i and the other two as j ≤ k,

    t_ijk = (1/α!) ∂³f_c/∂x_i∂x_j∂x_k = s_ci,jk · β!/α!      β = (j, k), α = (i, j, k).

Each i costs as much as a response of f does at second order. So only a few features are taken as i,
such that each requested triple has one of them: n features for all triples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.compiler.derivative import TERMS, DerivativeGraph
from onnxtaylor.compiler.joints import JOINT_EVENTS
from onnxtaylor.compiler.path import MissingRuleError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.rename import rename_tensors, unused_stem
from onnxtaylor.indices import MultiIndices

__all__ = ["Compile", "third_order"]

Alpha = tuple[int, ...]


class Compile(Protocol):
    """A function that compiles coefficients up to second order.

    ``keep`` are tensors to compute although nothing reads them. With ``joints`` the graph marks the
    events that lie on a joint.
    """

    def __call__(
        self, function: GraphFunction, indices: MultiIndices, *keep: str, joints: bool = False
    ) -> DerivativeGraph:
        """The graph of t_α(x) for all α of ``indices``."""


def third_order(
    function: GraphFunction, indices: MultiIndices, compiled: Compile, *, joints: bool = False
) -> DerivativeGraph:
    """The graph of t_α(x) for all α of ``indices``, some of which have third order.

    Parameters
    ----------
    function
        The original graph.
    indices
        The coefficients.
    compiled
        Compiles coefficients up to second order.
    joints
        Whether the graph marks the events that lie on a joint.

    Raises
    ------
    MissingRuleError
        An operator of the model, or of its Jacobian's graph, has no rule.
    ModelError
        A rule cannot differentiate a node.
    """
    plan, stem = _plan(indices), unused_stem(function.proto.graph, "third")
    lower, low, kinks = function, f"{stem}/low", None
    if plan.low:
        graph = compiled(function, MultiIndices.of(indices.n_features, plan.low))
        lower = function.with_proto(_without_terms(graph.proto, low))
        kinks = graph.kinks  # those of the model: its derivatives have slopes that jump, too
    keep = [low] if plan.low else []
    rows = MultiIndices.of(indices.n_features, [(i,) for i in plan.rows])
    once = compiled(lower, rows, *keep)
    jacobian = function.with_proto(_as_responses(once.proto, len(rows), stem))
    pairs = MultiIndices.of(indices.n_features, plan.pairs)
    try:
        twice = compiled(jacobian, pairs, function.response, *keep, joints=joints)
    except MissingRuleError as error:
        raise MissingRuleError(f"third order: in the Jacobian's graph, {error}") from None
    proto = _collected(twice.proto, once.proto.graph.output[0], plan, stem)
    strong = once.strong or twice.strong
    kinks = once.kinks if kinks is None else kinks
    return DerivativeGraph(proto, indices, kinks, joints=twice.joints, strong=strong)


@dataclass(frozen=True)
class _Plan:
    """The steps to all coefficients.

    ``low`` has the α up to second order, ``rows`` the features i, ``pairs`` the (j, k). For each
    triple, ``places`` has the numbers of its row and its pair, ``factors`` has β!/α!.
    """

    low: list[Alpha]
    rows: list[int]
    pairs: list[Alpha]
    places: list[tuple[int, int]]
    factors: list[float]


def _plan(indices: MultiIndices) -> _Plan:
    """Splits each triple into a row i and a pair (j, k)."""
    triples = [alpha for alpha in indices.tuples() if len(alpha) == 3]
    rows = _covering(triples)
    split = []
    for alpha in triples:
        i = next(i for i in rows if i in alpha)
        rest = list(alpha)
        rest.remove(i)
        split.append((rows.index(i), (rest[0], rest[1])))
    pairs = sorted({pair for _, pair in split})
    number = {pair: k for k, pair in enumerate(pairs)}
    inverse = indices.inverse_factorials[indices.orders == 3]  # 1/α!
    return _Plan(
        [alpha for alpha in indices.tuples() if len(alpha) < 3],
        rows,
        list(pairs),
        [(row, number[pair]) for row, pair in split],
        [a * (2 if j == k else 1) for a, (_, (j, k)) in zip(inverse, split, strict=True)],
    )


def _covering(triples: Sequence[Alpha]) -> list[int]:
    """A small set of features that has at least one of every triple.

    Takes the feature that occurs most often first (greedy set cover).
    """
    chosen, waiting = [], list(triples)
    while waiting:
        frequent = Counter(i for alpha in waiting for i in set(alpha))
        best = max(sorted(frequent), key=frequent.__getitem__)
        chosen.append(best)
        waiting = [alpha for alpha in waiting if best not in alpha]
    return sorted(chosen)


def _without_terms(proto: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """A derivative graph with the response as its only output; TERMS is renamed to ``name``."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    # the graph that is compiled from this one needs the name TERMS for its own coefficients
    rename_tensors(copy.graph, {TERMS: name})
    del copy.graph.output[1:]
    return copy


def _as_responses(proto: onnx.ModelProto, rows: int, stem: str) -> onnx.ModelProto:
    """A Jacobian graph whose coefficients (N, C, rows) are C·rows responses."""
    copy = _without_terms(proto, f"{stem}/first")
    graph = copy.graph
    info = graph.output[0].type.tensor_type
    width = int(info.shape.dim[1].dim_value) * rows
    shape = numpy_helper.from_array(np.array([-1, width]), f"{stem}/shape")
    name = f"{stem}/jacobian"
    graph.initializer.append(shape)
    graph.node.append(helper.make_node("Reshape", [f"{stem}/first", shape.name], [name], name=name))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(name, info.elem_type, ["N", width]))
    return copy


def _collected(
    proto: onnx.ModelProto, response: onnx.ValueInfoProto, plan: _Plan, stem: str
) -> onnx.ModelProto:
    """Gathers the t_ijk from the s_ci,jk (N, C·rows, pairs), and joins the lower orders."""
    copy = _without_terms(proto, f"{stem}/second")
    graph, info = copy.graph, response.type.tensor_type
    responses, pairs = int(info.shape.dim[1].dim_value), len(plan.pairs)
    dtype = helper.tensor_dtype_to_np_dtype(info.elem_type)
    constants = {
        "all": np.array([0, responses, len(plan.rows) * pairs]),
        "places": np.array([row * pairs + pair for row, pair in plan.places]),
        "factors": np.array(plan.factors, dtype=dtype),
    }
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(value, f"{stem}/{name}"))
    last = f"{stem}/third" if plan.low else TERMS

    def write(kind: str, *ends: str, **attributes: Any) -> None:
        node = helper.make_node(kind, ends[:-1], ends[-1:], name=ends[-1], **attributes)
        graph.node.append(node)

    write("Reshape", f"{stem}/second", f"{stem}/all", f"{stem}/flat")
    write("Gather", f"{stem}/flat", f"{stem}/places", f"{stem}/picked", axis=2)
    write("Mul", f"{stem}/picked", f"{stem}/factors", last)
    if plan.low:
        write("Concat", f"{stem}/low", last, TERMS, axis=2)
    flagged = any(info.name == JOINT_EVENTS for info in proto.graph.output)
    del graph.output[:]
    graph.output.append(response)
    count = len(plan.low) + len(plan.places)
    terms = helper.make_tensor_value_info(TERMS, info.elem_type, ["N", responses, count])
    graph.output.append(terms)
    if flagged:
        flags = helper.make_tensor_value_info(JOINT_EVENTS, onnx.TensorProto.FLOAT, ["N", 1])
        graph.output.append(flags)
    return copy
