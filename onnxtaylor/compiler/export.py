"""The derivative graph for use by others: value, Jacobian and Hessian as outputs of one file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.compiler.derivative import TERMS, DerivativeGraph
from onnxtaylor.compiler.joints import JOINT_EVENTS
from onnxtaylor.graph.prune import prune
from onnxtaylor.graph.rename import rename_reserved, unused_stem
from onnxtaylor.indices import MultiIndices

__all__ = ["arrays_of", "export", "terms_of"]

OUTPUTS = ("value", "jacobian", "hessian", "third")


def export(graph: DerivativeGraph, *, flagged: bool = False) -> onnx.ModelProto:
    """A model whose outputs are the derivatives, ∂^|α|f/∂x^α = α! t_α.

    It consists of standard operators. Tensors of the original model that have the name of an output
    are renamed.

    Parameters
    ----------
    graph
        A graph with all coefficients up to its order.
    flagged
        Whether ``JOINT_EVENTS`` remains an output, if the graph has it.

    Returns
    -------
    A model with the outputs ``value`` (N, C), ``jacobian`` (N, C, n), from second order on
    ``hessian`` (N, C, n, n), and for third order ``third`` (N, C, n, n, n).
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(rename_reserved(graph.proto, lambda name: name in OUTPUTS))
    stem = unused_stem(proto.graph, "export")
    indices, n = graph.indices, graph.indices.n_features
    response = proto.graph.output[0]
    kind = response.type.tensor_type.elem_type
    outputs = int(response.type.tensor_type.shape.dim[1].dim_value)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    nodes, constants = proto.graph.node, proto.graph.initializer

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value, f"{stem}/{name}"))
        return f"{stem}/{name}"

    value, jacobian, *higher = OUTPUTS
    nodes.append(helper.make_node("Identity", [response.name], [value]))
    if indices.order == 1:  # a copy of all terms would take as long as a product
        nodes.append(helper.make_node("Identity", [TERMS], [jacobian]))
    else:
        first = constant("first", np.arange(n))
        nodes.append(helper.make_node("Gather", [TERMS, first], [jacobian], axis=2))
    shapes: dict[str, list[str | int | None]] = {
        value: ["N", outputs],
        jacobian: ["N", outputs, n],
    }
    for order, name in enumerate(higher, start=2):
        if indices.order < order:
            break
        places, factors = _symmetric(indices, order)
        flat = constant(f"{name}/places", places.reshape(-1))
        target = constant(f"{name}/shape", np.array([0, outputs, *places.shape]))
        factor = constant(f"{name}/factors", factors.astype(dtype))
        parts = [f"{stem}/{name}/{what}" for what in ("gathered", "shaped")]
        nodes.append(helper.make_node("Gather", [TERMS, flat], parts[:1], axis=2))
        nodes.append(helper.make_node("Reshape", [parts[0], target], parts[1:]))
        nodes.append(helper.make_node("Mul", [parts[1], factor], [name]))
        shapes[name] = ["N", outputs, *places.shape]
    del proto.graph.output[:]
    proto.graph.output.extend(
        helper.make_tensor_value_info(name, kind, shape) for name, shape in shapes.items()
    )
    if flagged and graph.joints:
        flags = helper.make_tensor_value_info(JOINT_EVENTS, onnx.TensorProto.FLOAT, ["N", 1])
        proto.graph.output.append(flags)
    prune(proto.graph, [info.name for info in proto.graph.output])
    proto.producer_name = "onnxtaylor"
    return proto


def terms_of(arrays: Sequence[np.ndarray], indices: MultiIndices) -> np.ndarray:
    """t_α = (1/α!) ∂^|α|f/∂x^α, (N, C, K), from Jacobian (N, C, n), Hessian (N, C, n, n), …."""
    whole = [array.reshape(*array.shape[:2], -1) for array in arrays]
    places = [np.ravel_multi_index(a, (indices.n_features,) * len(a)) for a in indices.tuples()]
    terms = [
        whole[order - 1][:, :, place] for order, place in zip(indices.orders, places, strict=True)
    ]
    return np.asarray(np.stack(terms, axis=-1) * indices.inverse_factorials, np.float64)


def arrays_of(terms: np.ndarray, indices: MultiIndices) -> list[np.ndarray]:
    """Jacobian (N, C, n), Hessian (N, C, n, n), … from t_α (N, C, K): inverse of ``terms_of``."""
    tables = [_symmetric(indices, order) for order in range(1, indices.order + 1)]
    return [terms[..., places] * factors for places, factors in tables]


def _symmetric(indices: MultiIndices, order: int) -> tuple[np.ndarray, np.ndarray]:
    """The position of t_α in the list, and α!, as symmetric tensors (n, …, n) of an order."""
    shape = (indices.n_features,) * order
    places, factors = np.zeros(shape, dtype=np.int64), np.ones(shape)
    for k, alpha in enumerate(indices.tuples()):
        if len(alpha) == order:
            for permuted in permutations(alpha):
                places[permuted] = k
                factors[permuted] = 1 / indices.inverse_factorials[k]
    return places, factors
