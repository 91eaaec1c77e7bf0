"""A file that onnxruntime saved after optimizing is the model that it was made from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

import onnxtaylor
from tests.graph.test_contributed import DOMAIN, apart


def test_a_file_that_onnxruntime_saved_after_optimizing(tmp_path):
    """A transformer's layer, fused by onnxruntime itself; derivatives as before it was."""
    before = transformer()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(tmp_path / "fused.onnx")
    onnxruntime.InferenceSession(
        before.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    fused = onnx.load(tmp_path / "fused.onnx")
    kinds = {n.op_type for n in fused.graph.node if n.domain == DOMAIN}
    assert kinds >= {"FusedMatMul", "BiasGelu", "FusedGemm"}
    x = np.random.default_rng(1).normal(size=(5, 12)).astype(np.float32)
    one, other = onnxtaylor.differentiate(before)(x), onnxtaylor.differentiate(fused)(x)
    assert np.abs(one.value - other.value).max() < 1e-5
    assert apart(other.jacobian, one.jacobian) < 3e-6
    assert apart(other.hessian, one.hessian) < 5e-6
    result = onnxtaylor.analyze(fused, x.repeat(4, axis=0), bootstrap=0, check=5)
    assert result.model.engine == "exact"
    assert result.check["verdict"] == "agrees"


def transformer() -> onnx.ModelProto:
    text = """<ir_version: 8, opset_import: ["" : 17]>
    layer (float[N,12] features) => (float[N,2] y)
    <int64[3] s = {-1, 3, 4}, float root = {1.4142135}, float one = {1.0}, float half = {0.5}>
    {
      x = Reshape(features, s)
      q = MatMul(x, wq)
      k = MatMul(x, wk)
      v = MatMul(x, wv)
      kt = Transpose<perm=[0, 2, 1]>(k)
      l = MatMul(q, kt)
      scaled = Mul(l, half)
      p = Softmax<axis=-1>(scaled)
      a = MatMul(p, v)
      r = Add(x, a)
      n = LayerNormalization<axis=-1, epsilon=0.01>(r, g, b)
      m = MatMul(n, w1)
      mb = Add(m, b1)
      d = Div(mb, root)
      e = Erf(d)
      f = Add(e, one)
      t = Mul(mb, f)
      h = Mul(t, half)
      o = MatMul(h, w2)
      z = Add(n, o)
      zn = LayerNormalization<axis=-1, epsilon=0.01>(z, g, b)
      flat = Flatten(zn)
      u = Gemm(flat, w3, b3)
      y = Tanh(u)
    }"""
    proto = onnx.parser.parse_model(text)
    sizes: Mapping[str, tuple[int, ...]] = {
        **dict.fromkeys(("wq", "wk", "wv"), (4, 4)),
        **{"g": (4,), "b": (4,), "w1": (4, 8), "b1": (8,), "w2": (8, 4), "w3": (12, 2), "b3": (2,)},
    }
    for name, size in sizes.items():
        value = np.random.default_rng(len(name) + sum(size)).normal(size=size) / 2
        proto.graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
    return proto
