"""TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from validation.performance.peers.net import Floats, Net
from validation.performance.peers.program import Compiled

__all__ = ["Forward", "Nested", "Xla"]

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": tf.tanh,
    "relu": tf.nn.relu,
    "softmax": tf.nn.softmax,
    "sigmoid": tf.sigmoid,
}


class _TensorFlow(Compiled):
    version = tf.__version__
    xla = False

    def __init__(self, net: Net, threads: int) -> None:
        super().__init__(net)
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)

    def _both(self, response: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
        """The Jacobian (B, C, n) and the Hessian (B, C, n, n) at x (B, n)."""
        raise NotImplementedError

    def _compile(self, batch: int) -> Callable[[Floats], tuple[Any, Any]]:
        *hidden, last = [(tf.constant(w), tf.constant(b)) for w, b in self._net.weights()]

        def response(x: Any) -> Any:
            for w, b in hidden:
                x = FUNCTIONS[self._net.activation](x @ w + b)
            return FUNCTIONS[self._net.last](x @ last[0] + last[1])

        @tf.function(
            input_signature=[tf.TensorSpec((batch, self._net.features), tf.float32)],
            jit_compile=self.xla,
        )
        def sums(x: Any) -> tuple[Any, Any]:
            jacobian, hessian = self._both(response, x)
            return tf.reduce_sum(abs(jacobian), axis=0), tf.reduce_sum(abs(hessian), axis=0)

        return lambda x: sums(tf.constant(x))


class Nested(_TensorFlow):
    """batch_jacobian of batch_jacobian by two nested tapes."""

    def _both(self, response: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = response(x)
            jacobian = inner.batch_jacobian(y, x)
        return jacobian, outer.batch_jacobian(jacobian, x)


class Forward(_TensorFlow):
    """Forward over reverse, a ForwardAccumulator around a tape.

    The tangents are vectorized, the responses unrolled.
    """

    def _both(self, response: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
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


class Xla(Forward):
    """The same with jit_compile=True.

    The nested batch_jacobian is no choice here: with XLA, TensorFlow 2.21 takes the *values* of x
    for compile-time constants, compiles for seconds at every batch that it has not seen before, and
    folds constants, so that a timing over the same batch again and again measures no derivatives.
    """

    xla = True
