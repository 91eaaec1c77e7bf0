"""Products of derivatives with vectors that are fed, without the whole Jacobian or Hessian.

    jvp    J v_l               the forward sweep, from the vectors v_l
    vjp    Jᵀ u_l              the reverse sweep, from the vectors u_l
    hvp    Σ_c u_c H_c v_l     the forward sweep through the graph of g = Jᵀ u, from v_l

Every event has vectors of its own, and any number L of them, which is known only when the graph
runs. Each costs a small multiple of the response itself, whatever n is.

The graph of g takes x and u in one row; the derivative by both is H v + Jᵀ u̇.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.compiler.assembly import assemble
from onnxtaylor.compiler.directions import ADJOINTS, DIRECTIONS
from onnxtaylor.compiler.facts import GraphFacts, Observation
from onnxtaylor.compiler.path import require_rules
from onnxtaylor.compiler.singular import has_singular_slopes
from onnxtaylor.compiler.sweeps import Sweeps
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.prune import prune
from onnxtaylor.graph.rename import rename_tensors, unused_stem
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules.bundle import ANY, Bundle

__all__ = ["GRADIENT", "PRODUCT", "Gradient", "compile_jvp", "compile_vjp"]

PRODUCT, GRADIENT = "onnxtaylor/product", "onnxtaylor/gradient"


def compile_jvp(
    function: GraphFunction, seen: Observation, opset: int, *, keep: Sequence[str] = ()
) -> onnx.ModelProto:
    """The graph of J v_l: inputs ``feed`` (N, n) and ``DIRECTIONS`` (L, N, n).

    Its outputs are the response (N, C) and ``PRODUCT`` (L, N, C), which is 0 for a response that
    does not vary. ``keep`` are further tensors to compute.

    Raises MissingRuleError for an operator without a rule, ModelError for a node that its rule
    cannot differentiate.
    """
    facts = _facts(function, seen, opset)
    sweeps, n = Sweeps(facts, _none(function)), function.n_varied
    tangents = sweeps.push(Bundle(DIRECTIONS, ANY, (-1, n), varies=True))
    return _finished(facts, tangents, DIRECTIONS, (n, sweeps.responses), keep)


def compile_vjp(
    function: GraphFunction, seen: Observation, opset: int, *, lead: int = ANY
) -> onnx.ModelProto:
    """The graph of Jᵀ u_l: inputs ``feed`` (N, n) and ``ADJOINTS`` (L, N, C).

    Its outputs are the response (N, C) and ``PRODUCT`` (L, N, n). ``lead`` is the number L, if it
    is known. Raises as ``compile_jvp`` does.
    """
    facts = _facts(function, seen, opset)
    sweeps, n = Sweeps(facts, _none(function)), function.n_varied
    adjoints = sweeps.pull(Bundle(ADJOINTS, lead, (-1, sweeps.responses), varies=True))
    return _finished(facts, adjoints, ADJOINTS, (sweeps.responses, n), ())


def _none(function: GraphFunction) -> MultiIndices:
    return MultiIndices.full(function.n_varied, 1)


def _facts(function: GraphFunction, seen: Observation, opset: int) -> GraphFacts:
    """The facts of a graph; zeros of products are strong only where a slope may not be finite."""
    require_rules(function)
    facts = GraphFacts(function, seen, opset)
    if has_singular_slopes(facts):
        facts = GraphFacts(function, seen, opset, strong=True)
    return facts


def _finished(
    facts: GraphFacts,
    found: Bundle | None,
    seeds: str,
    sizes: tuple[int, int],
    keep: Sequence[str],
) -> onnx.ModelProto:
    """The model of a sweep from ``seeds`` (L, N, size) to ``found`` (L, N, size)."""
    e = facts.e
    if found is None:
        size = e.op("Slice", e.op("Shape", seeds), e.constant([0]), e.constant([2]))
        shape = e.op("Concat", size, e.constant([sizes[1]]), axis=0)
        zero = helper.make_tensor("", helper.np_dtype_to_tensor_dtype(e.dtype), [1], [0.0])
        name = e.op("ConstantOfShape", shape, value=zero)
    else:
        name = found.name
    e.nodes.append(helper.make_node("Identity", [name], [PRODUCT], name=PRODUCT))
    proto = assemble(facts, {PRODUCT: None}, keep, flagged=False)
    kind = helper.np_dtype_to_tensor_dtype(e.dtype)
    port, result = (
        helper.make_tensor_value_info(name, kind, ["L", "N", size])
        for name, size in zip((seeds, PRODUCT), sizes, strict=True)
    )
    proto.graph.input.append(port)
    proto.graph.output[1].CopyFrom(result)
    return proto


class Gradient:
    """The function g = Jᵀ u of rows (x, u, context), of a function f with n features.

    ``function`` is g: its responses are the n derivatives of Σ_c u_c f_c. It is differentiated by x
    alone, or by x and u.

    Parameters
    ----------
    original
        The function f.
    proto
        The graph of Jᵀ u with one u for each event, from ``compile_vjp``.
    by_adjoint
        Whether g is differentiated by u, too.
    """

    def __init__(
        self, original: GraphFunction, proto: onnx.ModelProto, *, by_adjoint: bool
    ) -> None:
        self._original = original
        copy = onnx.ModelProto()
        copy.CopyFrom(proto)
        graph = copy.graph
        self._stem = stem = unused_stem(graph, "gradient")
        self._response, self._feed = graph.output[0].name, graph.input[0]
        self._adjoints = graph.input[1]
        self.responses = int(graph.output[0].type.tensor_type.shape.dim[1].dim_value)
        n, m, kind = original.n_varied, original.n_context, self._feed.type.tensor_type.elem_type
        rename_tensors(graph, {PRODUCT: GRADIENT})
        del graph.input[:], graph.output[:]
        row, seed, ends = f"{stem}/row", f"{stem}/seed", n + self.responses
        width = ends + m
        self._front: list[onnx.NodeProto] = []
        nodes = list(graph.node)
        self._gather(graph, row, range(ends if by_adjoint else n), seed)
        if by_adjoint:
            self._gather(graph, seed, range(n), f"{stem}/x")
        x = f"{stem}/x" if by_adjoint else seed
        self._gather(graph, seed if by_adjoint else row, range(n, ends), f"{stem}/u")
        self._write("Unsqueeze", [f"{stem}/u", self._constant(graph, "front", [0])], ADJOINTS)
        if m:
            self._gather(graph, row, range(ends, width), f"{stem}/context")
            self._write("Concat", [x, f"{stem}/context"], self._feed.name, axis=1)
        else:
            self._write("Identity", [x], self._feed.name)
        shape = self._constant(graph, "shape", [-1, n])
        last = helper.make_node("Reshape", [GRADIENT, shape], [f"{stem}/g"], name=f"{stem}/g")
        del graph.node[:]
        graph.node.extend([*self._front, *nodes, last])
        graph.input.append(helper.make_tensor_value_info(row, kind, ["N", width]))
        graph.output.append(helper.make_tensor_value_info(f"{stem}/g", kind, ["N", n]))
        self.function = replace(
            original,
            proto=copy,
            n_features=width,
            n_context=m if by_adjoint else m + self.responses,
            varied=seed,
        )

    @property
    def keep(self) -> list[str]:
        """Further tensors that the products need: the response of f, and g."""
        return [self._response, GRADIENT]

    def rows(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Rows (N, n + C + m) of g, from rows (N, n + m) of f and vectors u (N, C)."""
        n = self._original.n_varied
        return np.concatenate([x[:, :n], u, x[:, n:]], axis=1)

    def with_inputs(self, proto: onnx.ModelProto) -> onnx.ModelProto:
        """Gives the graph of products of g the inputs of f, and u and v.

        Inputs are ``feed`` (N, n + m), ``ADJOINTS`` (1, N, C) and ``DIRECTIONS``; outputs the
        response, ``GRADIENT`` (1, N, n) and ``PRODUCT``.
        """
        copy = onnx.ModelProto()
        copy.CopyFrom(proto)
        graph = copy.graph
        row, feed = graph.input[0].name, self._feed.name
        own = {name for node in self._front for name in node.output}
        kept = [node for node in graph.node if not own.intersection(node.output)]
        for node in kept:  # what else reads the row counts its events
            node.input[:] = [feed if name == row else name for name in node.input]
        product, directions = graph.output[1], graph.input[1]
        kind, n = self._feed.type.tensor_type.elem_type, self._original.n_varied
        outputs = [
            helper.make_tensor_value_info(self._response, kind, ["N", self.responses]),
            helper.make_tensor_value_info(GRADIENT, kind, [1, "N", n]),
            onnx.ValueInfoProto.FromString(product.SerializeToString()),
        ]
        adjoints = helper.make_tensor_value_info(ADJOINTS, kind, [1, "N", self.responses])
        inputs = [
            onnx.ValueInfoProto.FromString(info.SerializeToString())
            for info in (self._feed, adjoints, directions)
        ]
        del graph.node[:], graph.input[:], graph.output[:]
        graph.node.extend(kept)
        graph.output.extend(outputs)
        prune(graph, [info.name for info in outputs])
        del graph.input[:]
        graph.input.extend(inputs)
        return copy

    def _gather(self, graph: onnx.GraphProto, source: str, places: range, output: str) -> None:
        """Writes columns of a matrix."""
        columns = self._constant(graph, f"{output}/columns", list(places))
        self._write("Gather", [source, columns], output, axis=1)

    def _write(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        node = helper.make_node(kind, inputs, [output], name=output, **attributes)
        self._front.append(node)

    def _constant(self, graph: onnx.GraphProto, name: str, value: list[int]) -> str:
        name = f"{self._stem}/constant/{name}"
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), name))
        return name
