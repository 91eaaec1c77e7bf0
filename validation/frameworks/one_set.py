"""One set of weights in Keras, PyTorch and JAX: the same coefficients from every file?

Networks of 30 → 64 → 64 → 5 with a softmax: with tanh, or with a layer normalization and swish or
GELU behind either hidden layer. Every framework builds them with its own layers from the same
arrays and writes its own files, in single and in double precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from validation.both_engines import CELLS, Answer, Taylor, apart
from validation.frameworks.in_jax import by_jax2onnx
from validation.frameworks.in_pytorch import EXPORTERS as TORCH_EXPORTERS
from validation.tensorflow_hessians.exporters import by_keras, without_erfc

__all__ = ["KINDS", "compare", "files_of", "weights"]

Floats = npt.NDArray[np.float64]
Weights = list[npt.NDArray[np.float32]]

KINDS = ("tanh", "layer normalization, swish", "layer normalization, gelu")
SIZES = (30, 64, 64, 5)
EPSILON = 2.0**-10  # a number of any format


def weights(seed: int = 3) -> Weights:
    """W₁, b₁, γ₁, β₁, W₂, b₂, γ₂, β₂, W₃, b₃, with W of shape (inputs, outputs)."""
    random, found = np.random.default_rng(seed), []
    for k, (a, b) in enumerate(pairwise(SIZES)):
        found += [random.normal(size=(a, b)) / sqrt(a), 0.3 * random.normal(size=b)]
        if k < len(SIZES) - 2:
            found += [1 + 0.3 * random.normal(size=b), 0.3 * random.normal(size=b)]
    return [w.astype(np.float32) for w in found]


def files_of(kind: str, dtype: str) -> Iterator[tuple[str, onnx.ModelProto]]:
    """The files of every framework, in a format."""
    yield "Keras", _keras(kind, dtype)
    network = _pytorch(kind, dtype)
    for name, export in TORCH_EXPORTERS.items():
        yield f"PyTorch, {name}", export(network, SIZES[:1])
    yield "JAX", by_jax2onnx(_jax(kind), SIZES[0], dtype)


def _keras(kind: str, dtype: str) -> onnx.ModelProto:
    from validation.training import quiet_tensorflow

    keras = quiet_tensorflow()
    layers, normal = keras.layers, kind != "tanh"
    h = x = keras.Input(SIZES[:1], name="x", dtype=dtype)
    for width in SIZES[1:-1]:
        h = layers.Dense(width, dtype=dtype)(h)
        if normal:
            h = layers.LayerNormalization(epsilon=EPSILON, dtype=dtype)(h)
        h = layers.Activation(kind.rsplit(" ", 1)[-1], dtype=dtype)(h)
    model = keras.Model(x, layers.Dense(SIZES[-1], "softmax", dtype=dtype)(h))
    arrays = weights()
    model.set_weights(arrays if normal else [*arrays[:2], *arrays[4:6], *arrays[8:]])
    return without_erfc(by_keras(model))


def _pytorch(kind: str, dtype: str) -> Any:
    import torch

    nn, normal = torch.nn, kind != "tanh"
    arrays = iter(weights())
    parts: list[Any] = []

    def filled(module: Any, *values: Any) -> Any:
        module.weight.data, module.bias.data = (
            torch.tensor(np.ascontiguousarray(v)) for v in values
        )
        return module

    for a, b in pairwise(SIZES):
        parts.append(filled(nn.Linear(a, b), next(arrays).T, next(arrays)))
        if b == SIZES[-1]:
            break
        norm = filled(nn.LayerNorm(b, EPSILON), next(arrays), next(arrays))
        parts += [norm, nn.GELU() if "gelu" in kind else nn.SiLU()] if normal else [nn.Tanh()]
    return nn.Sequential(*parts, nn.Softmax(1)).to(getattr(torch, dtype)).eval()


def _jax(kind: str) -> Any:
    arrays, normal = weights(), kind != "tanh"

    def activation(h: Any) -> Any:
        from jax import nn
        from jax import numpy as jnp

        if not normal:
            return jnp.tanh(h)
        return nn.gelu(h, approximate=False) if "gelu" in kind else nn.swish(h)

    def f(x: Any) -> Any:
        from jax import nn

        cast = iter([np.asarray(w, x.dtype) for w in arrays])
        h = x
        for _ in SIZES[1:-1]:
            h = h @ next(cast) + next(cast)
            gamma, beta = next(cast), next(cast)
            if normal:
                h = h - h.mean(-1, keepdims=True)
                h = h / ((h * h).mean(-1, keepdims=True) + EPSILON) ** 0.5 * gamma + beta
            h = activation(h)
        return nn.softmax(h @ next(cast) + next(cast))

    return f


def compare(kind: str, events: int) -> dict[str, Any]:
    """The largest deviation between any two files, by the cells of ``both_engines``."""
    data = np.random.default_rng(7).normal(size=(64, SIZES[0]))
    data = data.astype(np.float32).astype(np.float64)
    x, files = data[:events], {d: dict(files_of(kind, d)) for d in ("float32", "float64")}
    cells = {}
    for cell in CELLS:
        found = {
            name: Taylor(proto, data, cell.engine, cell.precision)(x)
            for name, proto in files[cell.file].items()
        }
        cells[cell.title] = _between(found)
    return {"kind": kind, "files": list(files["float32"]), "cells": cells}


def _between(found: Mapping[str, Answer]) -> dict[str, Any]:
    """Deviations of J and H between any two files, and between those that are not Keras's."""
    pairs = {
        (a, b): max(apart(u, v) for u, v in zip(found[a][1:], found[b][1:], strict=True))
        for a, b in combinations(found, 2)
    }
    worst = max(pairs, key=pairs.__getitem__)
    others = [value for pair, value in pairs.items() if "Keras" not in pair]
    return {"largest": pairs[worst], "between": list(worst), "without_keras": max(others)}
