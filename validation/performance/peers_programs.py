"""The programs that are compared, each computing the same sums of Taylor coefficients.

Each is written the way its documentation shows, with the sums over the batch inside what it
compiles. A program's module is imported when the program is made, after the threads are set, and
each program runs in a process of its own (``peers_worker``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from validation.performance.peers_net import Floats, Net

__all__ = ["PROGRAMS", "Program", "first_batch", "median_seconds"]

Scores = npt.NDArray[np.float64]


class Program(Protocol):
    """Sums over events, in whole batches."""

    version: str

    def prepare(self, batch: int) -> None:
        """Compiles for a batch size, up to the first answer, and stays with it."""

    def scores(self, x: Floats) -> Scores:
        """⟨t⟩ (C, K) over the events x, a multiple of the batch size."""

    def note(self) -> str:
        """What it chose by itself, in a few words."""


def median_seconds(call: Callable[[], object], seconds: float = 0.2) -> float:
    """Time of one call, after a first one, from as many as fit into the time given."""
    call()
    end, times = time.perf_counter() + seconds, []
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def first_batch(name: str, net: Net) -> int:
    """The batch size to begin the search with: a power of two, or 0 where none is to be chosen.

    Peers hold C·n tangents of the widest layer for every event: about 4 MiB of them.
    """
    if name in ("exact", "differences", "limit"):
        return 0  # they cut batches by themselves
    event = 4 * net.outputs * net.features * max(*net.hidden, net.features)
    return int(min(1024, 2 ** max(0, round(math.log2(2**22 / event)))))


class Exact:
    """Our exact engine."""

    def __init__(self, net: Net, threads: int) -> None:
        import onnxtaylor
        from validation.performance import peers_exact

        self.version = onnxtaylor.__version__
        self._adapter, self._model, self._threads = peers_exact, net.model(), threads
        self.compile_seconds: float | None = None
        self._note = ""

    def prepare(self, batch: int) -> None:
        """Compiles, and picks batch size and threads."""
        found = self._adapter.prepare(self._model, self._threads)
        self.compile_seconds = found.compile_seconds
        self._note = (
            f"{found.sessions} session{'s' * (found.sessions > 1)} × {found.threads_each} threads,"
            f" {found.batch} events at a time; trial {found.trial_seconds:.1f} s"
        )

    def scores(self, x: Floats) -> Scores:
        """⟨t⟩."""
        return self._adapter.exact_scores(self._model, x, self._threads)[0]

    def note(self) -> str:
        """The choice of the trial."""
        return self._note


class FiniteDifferences:
    """Our differences engine, fourth order in float32, the responses evaluated by onnxruntime."""

    def __init__(self, net: Net, threads: int) -> None:
        import onnxtaylor
        from onnxtaylor.engine.differences import Differences
        from onnxtaylor.graph import ModelRequest, build_function, choose, read_model
        from onnxtaylor.indices import MultiIndices

        self.version = onnxtaylor.__version__
        model = read_model(net.model())
        spread = np.ones(net.features)
        self._engine = Differences(
            build_function(model, choose(model, ModelRequest())),
            MultiIndices.full(net.features),
            spread=spread,
            largest=4 * spread,
            threads=threads,
        )
        self._x = net.events(1)

    def prepare(self, batch: int) -> None:
        """Compiles the kernels."""
        self._engine.coefficients(self._x.astype(np.float64))

    def scores(self, x: Floats) -> Scores:
        """⟨t⟩."""
        total: Any = 0.0
        step = self._engine.batch_events
        for k in range(0, len(x), step):
            terms = self._engine.coefficients(x[k : k + step].astype(np.float64)).terms
            total = total + np.abs(terms).sum(axis=0)
        return np.asarray(total / len(x))

    def note(self) -> str:
        """Its number of evaluations."""
        return f"{self._engine.points} evaluations an event"


class _Compiled:
    """Calls a compiled function batch by batch, and adds what it returns in float64."""

    def __init__(self, net: Net) -> None:
        self._net, self._batch = net, 1
        self._calls: dict[int, Callable[[Floats], tuple[Any, Any]]] = {}

    def _compile(self, batch: int) -> Callable[[Floats], tuple[Any, Any]]:
        """A function from x (batch, n) to Σ abs(J) (C, n) and Σ abs(H) (C, n, n)."""
        raise NotImplementedError

    def prepare(self, batch: int) -> None:
        """Compiles, if it has not yet done so for this batch size."""
        self._batch = batch
        if batch not in self._calls:
            self._calls[batch] = self._compile(batch)
            self.scores(self._net.events(3 * batch))  # what compiles anew for new values shows

    def scores(self, x: Floats) -> Scores:
        """⟨t⟩."""
        call, batch = self._calls[self._batch], self._batch
        # all batches are on their way before the first answer is asked for
        answers = [call(x[k : k + batch]) for k in range(0, len(x), batch)]
        first = sum(np.asarray(a, np.float64) for a, _ in answers) / len(x)
        second = sum(np.asarray(b, np.float64) for _, b in answers) / len(x)
        return self._net.scores(first, second)

    def note(self) -> str:
        """Nothing."""
        return ""


class Jax(_Compiled):
    """jit(vmap(jacfwd(jacrev))): forward over reverse, the gradient out of the same jit."""

    def __init__(self, net: Net, threads: int) -> None:
        super().__init__(net)
        import jax

        self.version = jax.__version__

    def _compile(self, batch: int) -> Callable[[Floats], tuple[Any, Any]]:
        import jax
        import jax.numpy as jnp

        functions = {
            "tanh": jnp.tanh,
            "relu": jax.nn.relu,
            "softmax": jax.nn.softmax,
            "sigmoid": jax.nn.sigmoid,
        }
        *hidden, last = [(jnp.asarray(w), jnp.asarray(b)) for w, b in self._net.weights()]

        def response(x: Any) -> Any:
            for w, b in hidden:
                x = functions[self._net.activation](x @ w + b)
            return functions[self._net.last](x @ last[0] + last[1])

        def gradient(x: Any) -> tuple[Any, Any]:
            jacobian = jax.jacrev(response)(x)
            return jacobian, jacobian

        both = jax.vmap(jax.jacfwd(gradient, has_aux=True))

        @jax.jit
        def sums(x: Any) -> tuple[Any, Any]:
            hessian, jacobian = both(x)
            return jnp.abs(jacobian).sum(axis=0), jnp.abs(hessian).sum(axis=0)

        return sums


class Torch(_Compiled):
    """torch.func: vmap(jacfwd(jacrev))."""

    def __init__(self, net: Net, threads: int) -> None:
        super().__init__(net)
        import torch

        torch.set_num_threads(threads)
        self.version = torch.__version__

    def _compile(self, batch: int) -> Callable[[Floats], tuple[Any, Any]]:
        import torch
        from torch.func import jacfwd, jacrev, vmap

        functions: dict[str, Callable[[Any], Any]] = {
            "tanh": torch.tanh,
            "relu": torch.relu,
            "softmax": lambda z: torch.softmax(z, dim=-1),
            "sigmoid": torch.sigmoid,
        }
        weights = [(torch.tensor(w), torch.tensor(b)) for w, b in self._net.weights()]
        *hidden, last = weights

        def response(x: Any) -> Any:
            for w, b in hidden:
                x = functions[self._net.activation](x @ w + b)
            return functions[self._net.last](x @ last[0] + last[1])

        def gradient(x: Any) -> tuple[Any, Any]:
            jacobian = jacrev(response)(x)
            return jacobian, jacobian

        both = vmap(jacfwd(gradient, has_aux=True))

        def sums(x: Floats) -> tuple[Any, Any]:
            with torch.no_grad():
                hessian, jacobian = both(torch.from_numpy(x))
                return jacobian.abs().sum(dim=0).numpy(), hessian.abs().sum(dim=0).numpy()

        return sums


class TensorFlow(_Compiled):
    """batch_jacobian of batch_jacobian by two nested tapes in a tf.function."""

    xla = False

    def __init__(self, net: Net, threads: int) -> None:
        super().__init__(net)
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        self.version = tf.__version__

    def _compile(self, batch: int) -> Callable[[Floats], tuple[Any, Any]]:
        import tensorflow as tf

        functions = {
            "tanh": tf.tanh,
            "relu": tf.nn.relu,
            "softmax": tf.nn.softmax,
            "sigmoid": tf.sigmoid,
        }
        *hidden, last = [(tf.constant(w), tf.constant(b)) for w, b in self._net.weights()]

        def response(x: Any) -> Any:
            for w, b in hidden:
                x = functions[self._net.activation](x @ w + b)
            return functions[self._net.last](x @ last[0] + last[1])

        @tf.function(
            input_signature=[tf.TensorSpec((batch, self._net.features), tf.float32)],
            jit_compile=self.xla,
        )
        def sums(x: Any) -> tuple[Any, Any]:
            jacobian, hessian = self._both(response, x)
            return tf.reduce_sum(abs(jacobian), axis=0), tf.reduce_sum(abs(hessian), axis=0)

        return lambda x: sums(tf.constant(x))

    def _both(self, response: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
        """The Jacobian (B, C, n) and the Hessian (B, C, n, n) at x (B, n)."""
        import tensorflow as tf

        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = response(x)
            jacobian = inner.batch_jacobian(y, x)
        return jacobian, outer.batch_jacobian(jacobian, x)


class TensorFlowForward(TensorFlow):
    """Forward over reverse, a ForwardAccumulator around a tape, in a tf.function.

    The tangents are vectorized, the responses unrolled.
    """

    def _both(self, response: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
        """The Jacobian (B, C, n) and the Hessian (B, C, n, n) at x (B, n)."""
        import tensorflow as tf

        def column(direction: Any) -> tuple[Any, Any]:
            with tf.autodiff.ForwardAccumulator(x, tf.broadcast_to(direction, x.shape)) as forward:
                with tf.GradientTape(persistent=True) as reverse:
                    reverse.watch(x)
                    responses = tf.unstack(response(x), axis=1)
                rows = [reverse.gradient(y, x) for y in responses]
                jacobian = tf.stack(rows, axis=1)
            return jacobian, forward.jvp(jacobian)

        jacobian, columns = tf.vectorized_map(column, tf.eye(self._net.features))
        return jacobian[0], tf.transpose(columns, (1, 2, 3, 0))


class TensorFlowXla(TensorFlowForward):
    """The same with jit_compile=True.

    The nested batch_jacobian is no choice here: with XLA, TensorFlow 2.21 takes the *values* of x
    for compile-time constants, compiles for seconds at every batch that it has not seen before, and
    folds constants, so that a timing over the same batch again and again measures no derivatives.
    """

    xla = True


class Limit:
    """Plain float32 matrix products of as many FLOPs, in the shape and library that is fastest.

    (M, h)·(h, h) as the tangents need it, h the width of the last hidden layer, and square ones of
    1024, by onnxruntime and by NumPy. No coefficients come out of it.
    """

    def __init__(self, net: Net, threads: int) -> None:
        import onnxruntime

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
        import onnx
        import onnxruntime
        from onnx import helper, numpy_helper

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


PROGRAMS: dict[str, type[Any]] = {
    "exact": Exact,
    "differences": FiniteDifferences,
    "jax": Jax,
    "torch": Torch,
    "tensorflow-xla": TensorFlowXla,
    "tensorflow-forward": TensorFlowForward,
    "tensorflow": TensorFlow,
    "limit": Limit,
}
