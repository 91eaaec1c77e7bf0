"""One node in a model, and what a pass makes of it, both run on onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper

Array = npt.NDArray[Any]


def model(
    kind: str,
    x: Array,
    constants: Mapping[str, npt.ArrayLike],
    inputs: Sequence[str],
    outputs: Sequence[str] = ("y",),
    wanted: Sequence[str] = ("y",),
    sizes: Sequence[int | str] | None = None,
    ranks: Mapping[str, int] | None = None,
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one node, ``domain:Kind``, fed by ``x``."""
    domain, _, name = kind.rpartition(":")
    node = helper.make_node(name, list(inputs), list(outputs), domain=domain, **attributes)
    dims = sizes or ["N", *x.shape[1:]]
    whole = {"label": onnx.TensorProto.INT64}
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), dims)],
        [
            helper.make_tensor_value_info(
                o, whole.get(o, onnx.TensorProto.FLOAT), [None] * (ranks or {}).get(o, 2)
            )
            for o in wanted
        ],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def run(proto: onnx.ModelProto, x: Array) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, {"x": x}))


def same(
    before: onnx.ModelProto,
    step: Callable[[onnx.ModelProto], onnx.ModelProto],
    x: Array,
    tolerance: float = 2e-6,
) -> onnx.ModelProto:
    """The model behind the pass, which must be valid and have the values of the one before."""
    kept = before.SerializeToString()
    after = step(before)
    assert before.SerializeToString() == kept, "the pass has changed its input"
    onnx.checker.check_model(after)
    for wanted, found in zip(run(before, x), run(after, x), strict=True):
        assert wanted.shape == found.shape
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
    return after


def kinds(proto: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in proto.graph.node}
