"""Small ONNX graphs for tests, and what onnxruntime itself makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.graph import read_model
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.opening import OpenModel, open_model
from onnxtaylor.runtime.session import Session

F16, F32, F64 = TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE
I64, STRING = TensorProto.INT64, TensorProto.STRING
BF16 = TensorProto.BFLOAT16

op = helper.make_node


def port(name: str, shape: Sequence[object] | None, kind: int = F32) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Mapping[str, Any] | None = None,
    *,
    opset: int | None = 17,
    domains: Mapping[str, int] | None = None,
    functions: Sequence[onnx.FunctionProto] = (),
    metadata: Mapping[str, str] | None = None,
    ir: int = 8,
) -> onnx.ModelProto:
    stored = [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()]
    imports = [] if opset is None else [helper.make_opsetid("", opset)]
    imports += [helper.make_opsetid(name, version) for name, version in (domains or {}).items()]
    graph = helper.make_graph(list(nodes), "graph", list(inputs), list(outputs), stored)
    proto = helper.make_model(
        graph, opset_imports=imports, ir_version=ir, functions=list(functions)
    )
    if not imports:
        del proto.opset_import[:]
    if metadata:
        helper.set_model_props(proto, dict(metadata))
    return proto


def net(
    n: int = 3,
    outputs: int = 2,
    batch: object = "N",
    kind: int = F32,
    seed: int = 0,
    **options: Any,
) -> onnx.ModelProto:
    """y = tanh(x W1) W2 of [batch, n], with the inner tensor ``h``."""
    random = np.random.default_rng(seed)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    weights = {
        "W1": random.normal(size=(n, 4)).astype(dtype),
        "W2": random.normal(size=(4, outputs)).astype(dtype),
    }
    nodes = [
        op("MatMul", ["x", "W1"], ["a"]),
        op("Tanh", ["a"], ["h"]),
        op("MatMul", ["h", "W2"], ["y"]),
    ]
    return model(
        nodes,
        [port("x", [batch, n], kind)],
        [port("y", [batch, outputs], kind)],
        weights,
        **options,
    )


def events(n: int = 3, count: int = 6, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, n)).astype(np.float32).astype(float)


def ask(proto: onnx.ModelProto, **feeds: object) -> dict[str, np.ndarray]:
    """The outputs of the original file by onnxruntime alone."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    kinds = {i.name: i.type for i in session.get_inputs()}
    types = {"tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(int64)": np.int64}
    fed = {k: np.asarray(v).astype(types.get(kinds[k], np.float32)) for k, v in feeds.items()}
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(None, fed), strict=True))


def model_options(
    inputs: Sequence[str] = (), outputs: Sequence[str] = (), **options: Any
) -> ModelOptions:
    return ModelOptions(input=inputs, output=outputs, **options)


def opened(
    proto: onnx.ModelProto, x: np.ndarray, *, by_steps: bool = False, **options: Any
) -> OpenModel:
    return open_model(read_model(proto), model_options(**options), x, derivatives=not by_steps)


def respond(proto: onnx.ModelProto, x: np.ndarray, **request: Any) -> np.ndarray:
    """The responses of the rewritten function."""
    return Session(opened(proto, x, **request).function)(x)
