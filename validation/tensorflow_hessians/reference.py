"""Jacobians and Hessians by TensorFlow's nested GradientTapes, and what proves them.

    with GradientTape() as outer:
        with GradientTape() as inner:
            y = f(x)
        J = inner.batch_jacobian(y, x)       inside the outer tape: it must see how J is made
    H = outer.batch_jacobian(J, x)

Where J is taken after the outer tape has ended, TensorFlow raises nothing: it takes J for a
constant, and ``batch_jacobian`` answers with zeros. So the nesting is held against polynomials
whose derivatives are known before it is held against anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erf, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from validation.training import quiet_tensorflow

__all__ = [
    "Proof",
    "derivatives",
    "gelu_constant",
    "hessian_by_differences",
    "polynomial",
    "proof",
    "tensorflow",
    "wrongly_nested",
]

Floats = npt.NDArray[np.float64]
Function = Callable[[Any], Any]
Proof = dict[str, float]


def tensorflow() -> Any:
    """TensorFlow on the CPU, without its greetings."""
    quiet_tensorflow()
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    return tf


def derivatives(f: Function, x: Floats, dtype: str = "float64") -> tuple[Floats, Floats, Floats]:
    """y (N, C), J (N, C, n) and H (N, C, n, n) of f: (N, n) → (N, C) at x, in a format."""
    tf = tensorflow()

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def nested(rows: Any) -> tuple[Any, Any, Any]:
        with tf.GradientTape() as outer:
            outer.watch(rows)
            with tf.GradientTape() as inner:
                inner.watch(rows)
                y = f(rows)
            jacobian = inner.batch_jacobian(y, rows)
        return y, jacobian, outer.batch_jacobian(jacobian, rows)

    rows = tf.constant(x, dtype)
    y, j, h = (np.asarray(found, np.float64) for found in nested(rows))
    return y, j, h


def hessian_by_differences(f: Function, x: Floats, step: float = 2.0**-10) -> Floats:
    """H (N, C, n, n) from TensorFlow's own Jacobian, at x (N, n) and beside it, in float64.

    ∂J/∂x_i = (8 (J(x + h) − J(x − h)) − (J(x + 2h) − J(x − 2h))) / 12h, off by h⁴ J⁗/30. One tape
    alone: what is wrong with the second one cannot be wrong here.
    """
    tf = tensorflow()

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def single(rows: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(rows)
            y = f(rows)
        return tape.batch_jacobian(y, rows)

    events, n = x.shape
    moves = step * np.array([1, -1, 2, -2])[:, None, None] * np.eye(n)  # (4, n, n)
    rows = (x[None, None] + moves[:, :, None]).reshape(-1, n)
    j = np.asarray(single(tf.constant(rows, "float64"))).reshape(4, n, events, -1, n)
    slopes = (8 * (j[0] - j[1]) - (j[2] - j[3])) / (12 * step)
    return np.asarray(np.moveaxis(slopes, 0, -1), np.float64)


def wrongly_nested(f: Function, x: Floats) -> Floats:
    """What ``outer`` makes of a J that was taken behind its back: H (N, C, n, n) of zeros."""
    tf = tensorflow()
    rows = tf.constant(x, "float64")
    with tf.GradientTape() as outer:
        outer.watch(rows)
        with tf.GradientTape() as inner:
            inner.watch(rows)
            y = f(rows)
    jacobian = inner.batch_jacobian(y, rows)
    return np.asarray(outer.batch_jacobian(jacobian, rows), np.float64)


def polynomial(rows: Any) -> Any:
    """x₀²x₁ + 3x₁x₂ and x₂³."""
    a, b, c = rows[:, 0], rows[:, 1], rows[:, 2]
    stack: Any = tensorflow().stack
    return stack([a * a * b + 3.0 * b * c, c * c * c], axis=1)


def proof() -> Proof:
    """How far TensorFlow is from the polynomials' derivatives, by numbers that are written down.

    ``jacobian`` and ``hessian`` are the largest errors; ``wrongly_nested`` is the largest number
    in the Hessian of the wrong nesting, ``largest`` that in the right one.
    """
    x = np.array([[0.5, -1.25, 2.0], [1.0, 2.0, -0.75]])
    _, j, h = derivatives(polynomial, x)
    apart = [0.0, 0.0]
    for k, (a, b, c) in enumerate(x):
        first = [[2 * a * b, a * a + 3 * c, 3 * b], [0, 0, 3 * c * c]]
        second = [
            [[2 * b, 2 * a, 0], [2 * a, 0, 3], [0, 3, 0]],
            [[0, 0, 0], [0, 0, 0], [0, 0, 6 * c]],
        ]
        apart[0] = max(apart[0], float(np.abs(j[k] - first).max()))
        apart[1] = max(apart[1], float(np.abs(h[k] - second).max()))
    return {
        "jacobian": apart[0],
        "hessian": apart[1],
        "wrongly_nested": float(np.abs(wrongly_nested(polynomial, x)).max()),
        "largest": float(np.abs(h).max()),
    }


def gelu_constant() -> Proof:
    """How far ``tf.nn.gelu`` of a number in float64 is from x/2 (1 + erf(c x)), with c = √½ in
    ``double`` precision and rounded to ``single`` precision.
    """
    tf = tensorflow()
    x = np.linspace(-3.0, 3.0, 61)
    found = tf.nn.gelu(tf.constant(x, "float64"), approximate=False).numpy()
    constants = {"double": sqrt(0.5), "single": float(np.float32(sqrt(0.5)))}
    return {
        name: max(abs(y - v / 2 * (1 + erf(c * v))) for y, v in zip(found, x, strict=True))
        for name, c in constants.items()
    }
