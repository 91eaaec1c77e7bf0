"""JAX: networks of plain functions, exported by jax2onnx, derivatives by JAX itself.

J by ``jax.jacrev``, H by ``jax.hessian`` = ``jacfwd(jacrev)``, in double precision. ``jax2tf`` is
no way to ONNX any more: what it writes is one ``XlaCallModule``, which tf2onnx cannot read; Keras's
own export of its JAX backend takes jax2onnx as well.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from validation.both_engines import Answer, Sides

__all__ = ["EXPORTERS", "NETWORKS", "answer", "jax_in", "polynomial", "sides_of"]

Floats = npt.NDArray[np.float64]
Function = Callable[..., Any]
BENT = ("elu", "selu", "relu")
EPSILON = 1e-3
HEAD = 4  # 1/√4 is a number of any format


@contextmanager
def jax_in(dtype: str) -> Iterator[Any]:
    """JAX on the CPU, in a format."""
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", dtype == "float64")
    try:
        yield jax
    finally:
        jax.config.update("jax_enable_x64", before)


def _weights(*shapes: tuple[int, ...], seed: int = 1) -> list[npt.NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    sizes = [sqrt(1 / shape[0]) if len(shape) > 1 else 0.3 for shape in shapes]
    drawn = [s * random.normal(size=shape) for s, shape in zip(sizes, shapes, strict=True)]
    return [w.astype(np.float32) for w in drawn]


def _cast(weights: Sequence[Any], x: Any) -> list[Any]:
    return [np.asarray(w, x.dtype) for w in weights]


def _normalized(x: Any, file: str) -> Any:
    """Layer normalization, with the ε of a file."""
    epsilon = float(np.float32(EPSILON)) if file == "float32" else EPSILON
    centred = x - x.mean(-1, keepdims=True)
    return centred / ((centred * centred).mean(-1, keepdims=True) + epsilon) ** 0.5


def _selu(x: Any, file: str) -> Any:
    """Its two numbers are attributes in ONNX, and of single precision in any file."""
    from jax import nn
    from jax import numpy as jnp

    if not file:
        return nn.selu(x)
    alpha, gamma = float(np.float32(1.6732632423543772)), float(np.float32(1.0507009873554805))
    return gamma * jnp.where(x > 0, x, alpha * jnp.expm1(jnp.where(x > 0, 0.0, x)))


def _named(name: str, **options: Any) -> Callable[[Any, str], Any]:
    def activation(x: Any, file: str) -> Any:
        from jax import nn

        return getattr(nn, name)(x, **options)

    return activation


Written = Callable[[str], Function]


def _mlp(activation: Callable[[Any, str], Any]) -> Written:
    weights = _weights((6, 10), (10,), (10, 8), (8,), (8, 3), (3,))

    def write(file: str) -> Function:
        def f(x: Any, *, sides: bool = False) -> Any:
            from jax import nn
            from jax import numpy as jnp

            w1, b1, w2, b2, w3, b3 = _cast(weights, x)
            first = x @ w1 + b1
            second = activation(first, file) @ w2 + b2
            if sides:
                return jnp.concatenate([first, second], axis=1)
            return nn.softmax(activation(second, file) @ w3 + b3)

        return f

    return write


def sides_of(name: str) -> Sides | None:
    """What goes into the activations of a network, (N, m) at rows (N, n); None if none is bent."""
    if name not in BENT:
        return None
    f = NETWORKS[name][1]("float64")

    def sides(rows: Floats) -> Floats:
        with jax_in("float64"):
            return np.asarray(f(rows, sides=True))

    return sides


def _layer_norm(file: str) -> Function:
    weights = _weights((6, 10), (10,), (10, 3), (3,))

    def f(x: Any) -> Any:
        from jax import nn

        w1, b1, w2, b2 = _cast(weights, x)
        return nn.softmax(nn.gelu(_normalized(x @ w1 + b1, file), approximate=False) @ w2 + b2)

    return f


def _attention(file: str) -> Function:
    weights = _weights((3, 8), (3, 8), (3, 8), (8, 3), (12, 3), (3,))

    def f(x: Any) -> Any:
        from jax import nn

        query, key, value, out, w, b = _cast(weights, x)
        t = x.reshape(-1, 4, 3)
        parts = [(t @ p).reshape(-1, 4, 2, HEAD).transpose(0, 2, 1, 3) for p in (query, key, value)]
        scores = nn.softmax(parts[0] @ parts[1].transpose(0, 1, 3, 2) / HEAD**0.5)
        mixed = (scores @ parts[2]).transpose(0, 2, 1, 3).reshape(-1, 4, 8) @ out
        return nn.softmax(_normalized(t + mixed, file).reshape(-1, 12) @ w + b)

    return f


def _recurrent(file: str) -> Function:
    weights = _weights((3, 5), (5, 5), (5,), (5, 3), (3,))

    def f(x: Any) -> Any:
        from jax import nn
        from jax import numpy as jnp

        w, r, b, last, bias = _cast(weights, x)
        t, state = x.reshape(-1, 4, 3), 0.0 * (x[:, :1] @ r[:1])
        for step in range(4):
            state = jnp.tanh(t[:, step] @ w + state @ r + b)
        return nn.softmax(state @ last + bias)

    return f


def _branches(file: str) -> Function:
    weights = _weights((6, 6), (6,), (6, 6), (6,), (18, 3), (3,))

    def f(x: Any) -> Any:
        from jax import nn
        from jax import numpy as jnp

        w1, b1, w2, b2, w3, b3 = _cast(weights, x)
        a, b = jnp.tanh(x @ w1 + b1), nn.sigmoid(x @ w2 + b2)
        return nn.softmax(jnp.concatenate([a + x, a * b, b], axis=1) @ w3 + b3)

    return f


NETWORKS: Mapping[str, tuple[int, Written]] = {
    "tanh": (6, _mlp(_named("tanh"))),
    "sigmoid": (6, _mlp(_named("sigmoid"))),
    "softplus": (6, _mlp(_named("softplus"))),
    "gelu": (6, _mlp(_named("gelu", approximate=False))),
    "gelu, tanh form": (6, _mlp(_named("gelu", approximate=True))),
    "swish": (6, _mlp(_named("swish"))),
    "elu": (6, _mlp(_named("elu"))),
    "selu": (6, _mlp(_selu)),
    "relu": (6, _mlp(_named("relu"))),
    "layer normalization, gelu": (6, _layer_norm),
    "attention": (12, _attention),
    "recurrent, four steps": (12, _recurrent),
    "add, multiply, concatenate": (6, _branches),
}
"""Features, and f: (N, n) → (N, C) with the numbers of a float32 or float64 file, or JAX's own."""


def answer(f: Function, x: Floats) -> Answer:
    """y, J and H of a function in double precision at x (N, n)."""
    with jax_in("float64") as jax:

        def one(v: Any) -> Any:
            return f(v[None])[0]

        parts = (f, jax.vmap(jax.jacrev(one)), jax.vmap(jax.hessian(one)))
        y, j, h = (np.asarray(jax.jit(part)(x), np.float64) for part in parts)
    return Answer(y, j, h)


def polynomial() -> float:
    """JAX on x₀²x₁ + 3x₁x₂ and x₂³: the largest error of J and H, whose values are known."""

    def f(x: Any) -> Any:
        from jax import numpy as jnp

        a, b, c = x[:, 0], x[:, 1], x[:, 2]
        return jnp.stack([a**2 * b + 3 * b * c, c**3], axis=1)

    x, off = np.array([[0.5, -1.25, 2.0], [1.0, 2.0, -0.75]]), 0.0
    _, j, h = answer(f, x)
    for k, (a, b, c) in enumerate(x):
        first = [[2 * a * b, a**2 + 3 * c, 3 * b], [0, 0, 3 * c**2]]
        second = [[[2 * b, 2 * a, 0], [2 * a, 0, 3], [0, 3, 0]], np.diag([0, 0, 6 * c])]
        off = max(off, float(np.abs(j[k] - first).max()), float(np.abs(h[k] - second).max()))
    return off


def by_jax2onnx(f: Function, features: int, dtype: str) -> onnx.ModelProto:
    """``jax2onnx.to_onnx``."""
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)
    with jax_in(dtype):
        from jax2onnx import to_onnx

        double = dtype == "float64"
        proto = to_onnx(f, [("batch", features)], enable_double_precision=double)
    assert isinstance(proto, onnx.ModelProto)
    return proto


EXPORTERS = {"jax2onnx": by_jax2onnx}
