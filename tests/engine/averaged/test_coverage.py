"""Error estimates of averaged coefficients by differences, against a naive evaluation in NumPy.

The reference knows nothing of onnxtaylor but where an event is stepped to, which is checked in
``test_averaged``: gradients and responses of ReLU nets in double precision, written out.
"""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.engine.averaged.test_averaged import engine_of, events, graph_of, problem_of

N = 5


def random_net(seed, kind, slope, widths):
    """A net with a sigmoid, and its weights in double precision as the file holds them."""
    random, nodes, stored, layers = np.random.default_rng(seed), [], {}, []
    dtype, last = helper.tensor_dtype_to_np_dtype(kind), "x"
    for k, (size, width) in enumerate(zip((N, *widths), (*widths, 1), strict=True)):
        w = (random.normal(size=(size, width)) * np.sqrt(2 / size)).astype(dtype)
        b = (0.3 * random.normal(size=width)).astype(dtype)
        stored |= {f"w{k}": w, f"b{k}": b}
        layers.append((w.astype(float), b.astype(float)))
        nodes.append(helper.make_node("Gemm", [last, f"w{k}", f"b{k}"], [f"a{k}"]))
        end = k == len(widths)
        last, name = ("y", "Sigmoid") if end else (f"z{k}", "LeakyRelu")
        options = {} if end else {"alpha": slope}
        nodes.append(helper.make_node(name, [f"a{k}"], [last], **options))
    return graph_of(nodes, stored, N, kind=kind), layers, float(np.float32(slope))


def response(layers, slope, x):
    for w, b in layers[:-1]:
        a = x @ w + b
        x = np.where(a > 0, a, slope * a)
    w, b = layers[-1]
    return 1 / (1 + np.exp(-(x @ w + b)))


def gradient(layers, slope, x):
    here, jacobian = x, np.broadcast_to(np.eye(N), (len(x), N, N))
    for w, b in layers[:-1]:
        a = here @ w + b
        bent = np.where(a > 0, 1.0, slope)
        here, jacobian = a * bent, (jacobian @ w) * bent[:, None]
    w, b = layers[-1]
    y = 1 / (1 + np.exp(-(here @ w + b)))
    return (jacobian @ w)[..., 0] * y * (1 - y)


def reference(layers, slope, x, steps):
    """t_ii and t_ij (E, K) by their formulas, in the order of the coefficients."""
    h, found = 2 * steps.moves.steps, {}

    def moved(i, by):
        p = x.copy()
        p[:, i] += by
        return p

    rise = {
        i: (
            gradient(layers, slope, moved(i, h[i] / 2))
            - gradient(layers, slope, moved(i, -h[i] / 2))
        )
        / h[i]
        for i in range(N)
    }
    for i in range(N):
        one, two, four = (
            sum(response(layers, slope, moved(i, s * k * h[i]))[:, 0] for s in (1, -1))
            for k in (1, 2, 0)
        )
        found[i, i] = 0.5 * (16 * one - two - 15 * four) / (12 * h[i] ** 2)
        for j in range(i + 1, N):
            found[i, j] = 0.5 * (rise[i][:, j] + rise[j][:, i])
    return np.stack([found[a] for a in steps.indices.tuples() if len(a) == 2], axis=1)


def on_grid(count, seed):
    """Events that are whole multiples of 2⁻¹⁰, so that in single precision no step is rounded."""
    return np.round(events(n=N, count=count, seed=seed).astype(float) * 2**10) / 2**10


def covered(kind, slope, seeds, count):
    """Shares of coefficients whose true error is within its estimate, and the largest error."""
    inside, total, worst = 0, 0, 0.0
    for seed in seeds:
        widths = [(24, 24), (100,), (16, 16, 16)][seed % 3]
        model, layers, low = random_net(seed, kind, slope, widths)
        x = on_grid(count, seed)
        engine = engine_of(
            problem_of(model, x),
            engine="differences",
            curvature="averaged",
            curvature_step=str(0.6875),
        ).engine
        answer = engine.coefficients(x)
        second = engine.indices.orders == 2
        true = reference(layers, low, x, engine._steps)
        error = np.abs(answer.terms[:, 0, second] - true)
        inside += (error <= answer.error_bounds[:, 0, second]).sum()
        total += error.size
        worst = max(worst, np.quantile(error, 0.99) / np.abs(true).mean())
    return inside / total, worst


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE])
@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_error_estimates_cover_the_true_errors(kind, slope):
    share, worst = covered(kind, slope, range(6), 300)
    assert share >= 0.99
    assert worst < 1e-6  # of the mean coefficient: nothing is covered by being wide


def test_error_estimates_cover_what_single_precision_loses(monkeypatch):
    """Of a net that cannot be evaluated in double precision."""
    from onnxtaylor.engine import factory
    from onnxtaylor.runtime.promotion import Promotion

    def refused(function, *_, **__):
        return Promotion(function, "for this test")

    monkeypatch.setattr(factory, "promote", refused)
    share, worst = covered(TensorProto.FLOAT, 0.0, range(6), 300)
    assert share >= 0.99
    assert worst < 0.3
