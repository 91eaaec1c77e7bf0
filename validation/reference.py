"""Jacobians and Hessians against torch.func, which shares no code with the exact engine.

``python -m validation.reference`` builds every architecture below from torch's own modules, writes
the same layers as an ONNX graph from the modules' weights, and compares at a few events

    ‖J − J_torch‖ / ‖J_torch‖        ‖H − H_torch‖ / ‖H_torch‖        (Frobenius, largest event)

with J by ``jacrev`` and H by ``jacfwd(jacrev)`` in double precision. In that, the derivative graph
must agree to 1e-12, in single precision, with the weights and events rounded and on
onnxruntime as ``differentiate`` offers it, to 5e-6. Before that torch itself is held against a
polynomial whose derivatives are known. Attributes are single-precision numbers in ONNX (ε = 1e-5,
α = 1/6, …): torch gets the same ones. Where onnxruntime has no double precision kernel, ONNX's
reference evaluator runs the derivative graph. The table is ``reference.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

__all__ = ["ARCHITECTURES", "Row", "compare", "polynomial", "table"]

TABLE = Path(__file__).with_suffix(".md")
LIMITS = {"float64": 1e-12, "float32": 5e-6}
EVENTS, OPSET = 3, 21

Array = npt.NDArray[Any]


class Writer:
    """Writes a graph with one input ``x`` [N, n] and weights in one format."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.opset = OPSET

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"t{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, names[0], **attributes))
        return names if outputs > 1 else names[0]

    def w(self, value: Any) -> str:
        """Weights of torch, or numbers of NumPy; real ones in the graph's format."""
        array = np.asarray(value.detach().numpy() if hasattr(value, "detach") else value)
        if array.dtype.kind == "f":
            array = array.astype(self.dtype)
        name = f"w{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def model(self, output: str, features: int) -> onnx.ModelProto:
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        graph = helper.make_graph(
            self.nodes,
            "reference",
            [helper.make_tensor_value_info("x", kind, ["N", features])],
            [helper.make_tensor_value_info(output, kind, None)],
            self.constants,
        )
        imports = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=imports, ir_version=10)


@dataclass(frozen=True)
class Architecture:
    """A network: ``torch()`` gives f: (N, n) → (N, C) and ``write(writer, modules)`` the same
    layers; ``modules`` is what ``torch()`` is made of.
    """

    name: str
    features: int
    build: Callable[[Any], tuple[Any, Callable[[Any], Any]]]
    write: Callable[[Writer, Any], str]


# --- layers --------------------------------------------------------------------------------------


def linear(w: Writer, x: str, module: Any) -> str:
    """x Wᵀ + b."""
    found: str = w.op("Gemm", x, w.w(module.weight), w.w(module.bias), transB=1)
    return found


def _rank3(w: Writer, x: str, module: Any) -> str:
    """The same for the last axis of any tensor."""
    found: str = w.op("Add", w.op("MatMul", x, w.w(module.weight.T)), w.w(module.bias))
    return found


def _mlp(
    name: str, activation: str, write: Callable[[Writer, str], str], last: str = ""
) -> Architecture:
    """6 → 10 → 8 → 3 (or 5 classes)."""
    classes = 5 if last else 3

    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        layers = [nn.Linear(6, 10), nn.Linear(10, 8), nn.Linear(8, classes)]
        # written below, not by a user
        act = eval(activation, {"nn": nn, **_rounded(torch)})
        end = [getattr(nn, last)(dim=1)] if last else []
        chain = nn.Sequential(layers[0], act, layers[1], act, layers[2], *end).double()
        return layers, chain

    def written(w: Writer, layers: Any) -> str:
        x = write(w, linear(w, "x", layers[0]))
        x = write(w, linear(w, x, layers[1]))
        x = linear(w, x, layers[2])
        if last:
            x = w.op(last, x, axis=1)
        return x

    return Architecture(name, 6, build, written)


def _plain(kind: str, opset: int = OPSET, **attributes: Any) -> Callable[[Writer, str], str]:
    def write(w: Writer, x: str) -> str:
        w.opset = max(w.opset, opset)
        found: str = w.op(kind, x, **attributes)
        return found

    return write


def _silu(w: Writer, x: str) -> str:
    found: str = w.op("Mul", x, w.op("Sigmoid", x))
    return found


def _celu(w: Writer, x: str) -> str:
    """By its operator; that is defined in single precision only, so else α elu(x/α)."""
    if w.dtype == np.float32:
        found: str = w.op("Celu", x, alpha=0.75)
        return found
    alpha = w.w(np.array(0.75))
    found = w.op("Mul", alpha, w.op("Elu", w.op("Div", x, alpha)))
    return found


def _rounded(torch: Any) -> dict[str, Any]:
    """Activations whose numbers ONNX keeps in single precision, with these numbers."""
    nn, sixth = torch.nn, float(np.float32(1 / 6))
    alpha, gamma = float(np.float32(1.6732632423543772)), float(np.float32(1.0507009873554805))

    class Selu(nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return gamma * nn.functional.elu(x, alpha)

    class HardSigmoid(nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return torch.clamp(sixth * x + 0.5, 0.0, 1.0)

    class HardSwish(nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x * torch.clamp(sixth * x + 0.5, 0.0, 1.0)

    return {"selu": Selu(), "hardsigmoid": HardSigmoid(), "hardswish": HardSwish()}


EPSILON = float(np.float32(1e-5))


def _activations() -> Iterator[Architecture]:
    yield _mlp("tanh", "nn.Tanh()", _plain("Tanh"))
    yield _mlp("sigmoid", "nn.Sigmoid()", _plain("Sigmoid"))
    yield _mlp("relu", "nn.ReLU()", _plain("Relu"))
    yield _mlp("elu", "nn.ELU(0.75)", _plain("Elu", alpha=0.75))
    yield _mlp("selu", "selu", _plain("Selu"))
    yield _mlp("celu", "nn.CELU(0.75)", _celu)
    yield _mlp("leaky_relu", "nn.LeakyReLU(0.125)", _plain("LeakyRelu", alpha=0.125))
    yield _mlp("softplus", "nn.Softplus(threshold=1000)", _plain("Softplus"))
    yield _mlp("gelu, exact", "nn.GELU()", _plain("Gelu"))
    yield _mlp("gelu, tanh", "nn.GELU('tanh')", _plain("Gelu", approximate="tanh"))
    yield _mlp("silu", "nn.SiLU()", _silu)
    yield _mlp("silu, as Swish", "nn.SiLU()", _plain("Swish", opset=24))
    yield _mlp("mish", "nn.Mish()", _plain("Mish"))
    yield _mlp("hardswish", "hardswish", _plain("HardSwish"))
    yield _mlp("hardsigmoid", "hardsigmoid", _plain("HardSigmoid", alpha=1 / 6, beta=0.5))
    yield _mlp("softsign", "nn.Softsign()", _plain("Softsign"))
    yield _mlp("tanh, softmax of 5", "nn.Tanh()", _plain("Tanh"), "Softmax")
    yield _mlp("tanh, log-softmax of 5", "nn.Tanh()", _plain("Tanh"), "LogSoftmax")


def _batch_norm() -> Architecture:
    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        first, norm, last = nn.Linear(6, 10), nn.BatchNorm1d(10, EPSILON), nn.Linear(10, 3)
        for t in (norm.weight, norm.bias, norm.running_mean):
            t.data.normal_()
        norm.running_var.data.uniform_(0.5, 2.0)
        chain = nn.Sequential(first, norm, nn.Tanh(), last).double().eval()
        return (first, norm, last), chain

    def write(w: Writer, m: Any) -> str:
        first, norm, last = m
        weights = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        x = linear(w, "x", first)
        x = w.op("BatchNormalization", x, *map(w.w, weights), epsilon=norm.eps)
        return linear(w, w.op("Tanh", x), last)

    return Architecture("BatchNorm (inference)", 6, build, write)


def _layer_norm() -> Architecture:
    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        first, norm, last = nn.Linear(6, 10), nn.LayerNorm(10, EPSILON), nn.Linear(10, 3)
        norm.weight.data.normal_()
        norm.bias.data.normal_()
        return (first, norm, last), nn.Sequential(first, norm, nn.Tanh(), last).double()

    def write(w: Writer, m: Any) -> str:
        first, norm, last = m
        x = linear(w, "x", first)
        x = w.op("LayerNormalization", x, w.w(norm.weight), w.w(norm.bias), epsilon=norm.eps)
        return linear(w, w.op("Tanh", x), last)

    return Architecture("LayerNorm", 6, build, write)


def _group_norm() -> Architecture:
    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        first, norm, last = nn.Linear(6, 24), nn.GroupNorm(2, 4, EPSILON), nn.Linear(24, 3)
        norm.weight.data.normal_()
        norm.bias.data.normal_()
        shape = nn.Unflatten(1, (4, 6))
        chain = nn.Sequential(first, shape, norm, nn.Tanh(), nn.Flatten(), last)
        return (first, norm, last), chain.double()

    def write(w: Writer, m: Any) -> str:
        first, norm, last = m
        stash = helper.np_dtype_to_tensor_dtype(w.dtype)
        x = w.op("Reshape", linear(w, "x", first), w.w(np.array([-1, 4, 6])))
        x = w.op(
            "GroupNormalization", x, w.w(norm.weight), w.w(norm.bias), epsilon=norm.eps,
            num_groups=2, stash_type=stash,
        )  # fmt: skip
        return linear(w, w.op("Flatten", w.op("Tanh", x)), last)

    return Architecture("GroupNorm", 6, build, write)


def _convolution() -> Architecture:
    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        a, b, last = nn.Conv1d(2, 4, 3, padding=1), nn.Conv1d(4, 3, 3), nn.Linear(3, 3)
        chain = nn.Sequential(
            nn.Unflatten(1, (2, 12)), a, nn.Tanh(), nn.AvgPool1d(2), b, nn.Softplus(threshold=1000),
            nn.MaxPool1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), last,
        ).double()  # fmt: skip
        return (a, b, last), chain

    def write(w: Writer, m: Any) -> str:
        a, b, last = m
        x = w.op("Reshape", "x", w.w(np.array([-1, 2, 12])))
        x = w.op("Tanh", w.op("Conv", x, w.w(a.weight), w.w(a.bias), pads=[1, 1]))
        x = w.op("AveragePool", x, kernel_shape=[2], strides=[2])
        x = w.op("Softplus", w.op("Conv", x, w.w(b.weight), w.w(b.bias)))
        x = w.op("MaxPool", x, kernel_shape=[2], strides=[2])
        x = w.op("GlobalAveragePool", x)
        return linear(w, w.op("Flatten", x), last)

    return Architecture("Conv1d, average and max pooling", 24, build, write)


def _attention() -> Architecture:
    steps, width, heads = 3, 4, 2

    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        attention = nn.MultiheadAttention(width, heads, batch_first=True)
        attention.in_proj_bias.data.normal_()
        attention.out_proj.bias.data.normal_()
        norm, last = nn.LayerNorm(width, EPSILON), nn.Linear(steps * width, 3)
        modules = nn.ModuleList([attention, norm, last]).double()

        def f(x: Any) -> Any:
            t = x.reshape(-1, steps, width)
            t = norm(t + attention(t, t, t, need_weights=True)[0])
            return last(t.reshape(-1, steps * width))

        return tuple(modules), f

    def write(w: Writer, m: Any) -> str:
        attention, norm, last = m
        size = width // heads
        t = w.op("Reshape", "x", w.w(np.array([-1, steps, width])))
        weights = attention.in_proj_weight.detach().numpy()
        bias = attention.in_proj_bias.detach().numpy()
        parts = []
        for k in range(3):
            rows = slice(k * width, (k + 1) * width)
            part = w.op("Add", w.op("MatMul", t, w.w(weights[rows].T)), w.w(bias[rows]))
            part = w.op("Reshape", part, w.w(np.array([-1, steps, heads, size])))
            parts.append(w.op("Transpose", part, perm=[0, 2, 3, 1] if k == 1 else [0, 2, 1, 3]))
        q, k, v = parts
        scores = w.op("Mul", w.op("MatMul", q, k), w.w(np.array(size**-0.5)))
        mixed = w.op("MatMul", w.op("Softmax", scores, axis=-1), v)
        mixed = w.op("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = w.op("Reshape", mixed, w.w(np.array([-1, steps, width])))
        t = w.op("Add", t, _rank3(w, mixed, attention.out_proj))
        t = w.op("LayerNormalization", t, w.w(norm.weight), w.w(norm.bias), epsilon=norm.eps)
        return linear(w, w.op("Reshape", t, w.w(np.array([-1, steps * width]))), last)

    return Architecture("attention of 2 heads, residual, LayerNorm", steps * width, build, write)


def _recurrent(kind: str) -> Architecture:
    """torch orders the gates r z n and i f g o, ONNX z r h and i o f c."""
    steps, width, hidden = 4, 3, 5
    order = {"GRU": [1, 0, 2], "LSTM": [0, 3, 1, 2], "RNN": [0]}[kind]

    def build(torch: Any) -> tuple[Any, Callable[[Any], Any]]:
        nn = torch.nn
        cell = getattr(nn, f"{kind}Cell")(width, hidden)
        last = nn.Linear(hidden, 3)
        modules = nn.ModuleList([cell, last]).double()

        def f(x: Any) -> Any:
            t = x.reshape(-1, steps, width)
            state = None
            for k in range(steps):
                state = cell(t[:, k], state)
            return last(state[0] if kind == "LSTM" else state)

        return tuple(modules), f

    def gates(t: Any) -> Array:
        parts = np.split(t.detach().numpy(), len(order))
        return np.concatenate([parts[k] for k in order])

    def write(w: Writer, m: Any) -> str:
        cell, last = m
        t = w.op("Reshape", "x", w.w(np.array([-1, steps, width])))
        t = w.op("Transpose", t, perm=[1, 0, 2])
        bias = np.concatenate([gates(cell.bias_ih), gates(cell.bias_hh)])
        weights = [w.w(v[None]) for v in (gates(cell.weight_ih), gates(cell.weight_hh), bias)]
        more = {"linear_before_reset": 1} if kind == "GRU" else {}
        _, h = w.op(kind, t, *weights, outputs=2, hidden_size=hidden, **more)
        return linear(w, w.op("Squeeze", h, w.w(np.array([0]))), last)

    return Architecture(f"{kind} of {steps} steps", steps * width, build, write)


ARCHITECTURES = (
    *_activations(),
    _batch_norm(),
    _layer_norm(),
    _group_norm(),
    _convolution(),
    _attention(),
    _recurrent("RNN"),
    _recurrent("GRU"),
    _recurrent("LSTM"),
)


# --- comparison ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A line of the table: relative errors by format and order; ``note`` where there are none."""

    name: str
    features: int
    errors: dict[tuple[str, int], float]
    note: str = ""

    @property
    def within(self) -> bool:
        """Whether all that was compared is within the limits, and something was."""
        return (
            bool(self.errors)
            and not self.note
            and all(e <= LIMITS[kind] for (kind, _), e in self.errors.items())
        )


def torch_derivatives(torch: Any, f: Callable[[Any], Any], x: Array) -> tuple[Array, Array]:
    """J (N, C, n) by jacrev and H (N, C, n, n) by jacfwd(jacrev), one event at a time."""
    from torch.func import jacfwd, jacrev

    def one(v: Any) -> Any:
        return f(v[None])[0]

    rows = torch.as_tensor(x)
    first = [jacrev(one)(v).detach().numpy() for v in rows]
    second = [jacfwd(jacrev(one))(v).detach().numpy() for v in rows]
    return np.stack(first), np.stack(second)


def polynomial(torch: Any) -> float:
    """torch on x₀²x₁ + 3x₁x₂ and x₂³: the largest error of J and H, whose values are known."""

    def f(x: Any) -> Any:
        a, b, c = x[:, 0], x[:, 1], x[:, 2]
        return torch.stack([a**2 * b + 3 * b * c, c**3], dim=1)

    x = np.array([[0.5, -1.25, 2.0], [1.0, 2.0, -0.75]])
    first, second = torch_derivatives(torch, f, x)
    worst = 0.0
    for (a, b, c), j, h in zip(x, first, second, strict=True):
        known = [[2 * a * b, a**2 + 3 * c, 3 * b], [0, 0, 3 * c**2]]
        curved = [
            [[2 * b, 2 * a, 0], [2 * a, 0, 3], [0, 3, 0]],
            [[0, 0, 0], [0, 0, 0], [0, 0, 6 * c]],
        ]
        worst = max(worst, np.abs(j - known).max(), np.abs(h - curved).max())
    return worst


def compare(torch: Any, a: Architecture) -> Row:
    """One architecture in both formats."""
    from onnxtaylor import differentiate
    from onnxtaylor.errors import ModelError
    from validation.evaluators import function_of, terms

    torch.manual_seed(len(a.name))
    modules, f = a.build(torch)
    # weights and events that single precision holds exactly: both formats then mean one function
    for t in [p for m in modules for p in (*m.parameters(), *m.buffers())]:
        if t.is_floating_point():
            t.data = t.data.float().double()
    random = np.random.default_rng(len(a.name))
    x = random.normal(size=(EVENTS, a.features)).astype(np.float32).astype(np.float64)
    first, second = torch_derivatives(torch, f, x)
    value = f(torch.as_tensor(x)).detach().numpy()
    errors: dict[tuple[str, int], float] = {}
    note = ""
    try:
        for dtype in (np.float64, np.float32):
            kind = np.dtype(dtype).name
            w = Writer(dtype)
            model = w.model(a.write(w, modules), a.features)
            if dtype is np.float64:
                y, found = terms(function_of(model), x, 2)
                j, h = _matrices(found, a.features)
            else:
                y, j, h = differentiate(model, threads=1)(x)
            if not np.allclose(y, value, 1e-12 if dtype is np.float64 else 1e-4, 1e-5):
                raise ModelError(f"in {kind} it is not torch's function")
            errors[kind, 1], errors[kind, 2] = _apart(j, first), _apart(h, second)
    except Exception as error:
        note = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    return Row(a.name, a.features, errors, note)


def _matrices(found: Array, n: int) -> tuple[Array, Array]:
    """J and H from the coefficients t_i, t_ij: H_ij = t_ij, H_ii = 2 t_ii."""
    h = np.zeros((*found.shape[:2], n, n))
    i, j = np.triu_indices(n)
    h[..., i, j] = found[..., n:]
    return found[..., :n], h + np.swapaxes(h, -1, -2)


def _apart(found: Array, wanted: Array) -> float:
    axes = tuple(range(1, wanted.ndim))
    size = np.sqrt((wanted**2).sum(axis=axes))
    off = np.sqrt(((found - wanted) ** 2).sum(axis=axes))
    if not size.any():
        return float(off.max())
    return float((off / size).max())


def table(rows: Sequence[Row], version: str, proof: float) -> str:
    """The rows in Markdown."""
    head = (
        "# Against torch.func\n\n"
        "Written by `python -m validation.reference`: norm-wise relative errors of Jacobian and"
        f" Hessian, the largest of {EVENTS} events, against torch {version} in double precision"
        " (`jacrev`, `jacfwd(jacrev)`) with torch's own modules and the same weights. Limits:"
        f" {LIMITS['float64']:.0e} in double, {LIMITS['float32']:.0e} in single precision. On a"
        f" polynomial with known derivatives torch itself is off by {proof:.1g}.\n\n"
        "| architecture | features | J, float64 | H, float64 | J, float32 | H, float32 | |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |\n"
    )
    lines = []
    for row in rows:
        cells = [
            f"{row.errors[kind, order]:.1e}" if (kind, order) in row.errors else "–"
            for kind in LIMITS
            for order in (1, 2)
        ]
        said = row.note or ("" if row.within else "**beyond the limit**")
        lines.append(f"| {row.name} | {row.features} | {' | '.join(cells)} | {said} |\n")
    return head + "".join(lines)


def main() -> int:
    """Compares all architectures; 1 if one is beyond the limits."""
    try:
        import torch
    except ModuleNotFoundError:
        print("skipped: torch is not installed")
        return 0
    torch.set_num_threads(1)
    proof = polynomial(torch)
    if proof > 1e-14:
        print(f"error: torch is off by {proof:.1g} on a known polynomial", file=sys.stderr)
        return 1
    rows = []
    for a in ARCHITECTURES:
        rows.append(compare(torch, a))
        shown = " ".join(f"{e:.1e}" for e in rows[-1].errors.values())
        print(f"{a.name}: {shown} {rows[-1].note}", flush=True)
    TABLE.write_text(table(rows, torch.__version__, proof), encoding="utf-8")
    beyond = [row.name for row in rows if not row.within]
    if beyond:
        print(f"error: beyond the limits: {'; '.join(beyond)}", file=sys.stderr)
    return 1 if beyond else 0


if __name__ == "__main__":
    raise SystemExit(main())
