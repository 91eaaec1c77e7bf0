"""The limit: what the machine does in matrix products alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from validation.performance.peers.net import Floats, Net
from validation.performance.peers.program import Scores, median_seconds

__all__ = ["Products"]


class Products:
    """Plain float32 matrix products of as many FLOPs, in the shape and library that is fastest.

    (M, h)·(h, h) as the tangents need it, h the width of the last hidden layer, and square ones of
    1024, by onnxruntime and by NumPy. No coefficients come out of it.
    """

    def __init__(self, net: Net, threads: int) -> None:
        self.version = f"onnxruntime {onnxruntime.__version__}, numpy {np.__version__}"
        self._threads, self._event = threads, sum(net.flops().values())
        self._width = net.hidden[-1] if net.hidden else 256
        self._products: Callable[[], object] = lambda: None
        self._each, self._note = 1, ""

    def prepare(self, batch: int) -> None:
        """Picks the fastest."""
        shapes = [(m, self._width) for m in (480, 1920, 7680)] + [(1024, 1024)]
        best = 0.0
        for rows, width in shapes:
            for library, make in (("onnxruntime", self._runtime), ("NumPy", self._numpy)):
                call = make(rows, width)
                flops = 2 * rows * width * width
                rate = flops / median_seconds(call)
                if rate > best:
                    best, self._products, self._each = rate, call, flops
                    self._note = f"({rows}, {width})·({width}, {width}) by {library}"

    def scores(self, x: Floats) -> Scores:
        """No scores: as many products as len(x) events need."""
        for _ in range(self.calls(len(x))):
            self._products()
        return np.empty((0, 0))

    def calls(self, events: int) -> int:
        """Products for so many events, rounded to the nearest."""
        return max(1, round(events * self._event / self._each))

    def effective(self, events: int) -> float:
        """The number of events whose FLOPs the products of ``scores`` have."""
        return self.calls(events) * self._each / self._event

    def note(self) -> str:
        """The fastest."""
        return self._note

    def _runtime(self, rows: int, width: int) -> Callable[[], object]:
        random = np.random.default_rng(0)
        w = random.normal(size=(width, width)).astype(np.float32)
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])],
            "product",
            [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [rows, width])],
            [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [rows, width])],
            [numpy_helper.from_array(w, "w")],
        )
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        session = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        x = random.normal(size=(rows, width)).astype(np.float32)
        binding, y = session.io_binding(), np.empty_like(x)
        for bind, name, array in ((binding.bind_input, "x", x), (binding.bind_output, "y", y)):
            bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        self._kept = [*getattr(self, "_kept", []), x, y]  # the binding holds addresses alone
        return lambda: session.run_with_iobinding(binding)

    def _numpy(self, rows: int, width: int) -> Callable[[], object]:
        random = np.random.default_rng(0)
        x, w = (random.normal(size=(m, width)).astype(np.float32) for m in (rows, width))
        y = np.empty((rows, width), np.float32)
        return lambda: np.matmul(x, w, out=y)
