"""Replaces recurrent layers of a fixed length by the elementary operators of their cells.

With x_t the input at step t, h and c the state, and σ, g, k the activations:

    RNN   h = g(x_t Wᵀ + b + h Rᵀ)
    GRU   z, r = σ(…), σ(…);  n = g(x_t W_nᵀ + (r ∘ h) R_nᵀ + b),  or with linear_before_reset
          n = g(x_t W_nᵀ + b_w + r ∘ (h R_nᵀ + b_r));  h = (1 − z) ∘ n + z ∘ h
    LSTM  i, o, f, n = σ(… + p_i ∘ c), σ(… + p_o ∘ c′), σ(… + p_f ∘ c), g(…);
          c′ = f ∘ c + i ∘ n;  h = o ∘ k(c′)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from onnxtaylor.graph.normalize.writer import Writer, replace_nodes

__all__ = ["unroll"]

LONGEST = 2000  # steps
# gates: parts of each weight
PARTS = {"RNN": 1, "GRU": 3, "LSTM": 4}
DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
# activations without attributes, and the defaults of alpha and beta for those that have them
PLAIN = ("Sigmoid", "Tanh", "Relu", "Softsign", "Softplus")
KEYED = {"HardSigmoid": (0.2, 0.5), "Elu": (1.0, 0.0), "LeakyRelu": (0.01, 0.0)}
Array = npt.NDArray[Any]


def unroll(
    proto: onnx.ModelProto, shapes: Mapping[str, Sequence[int]] | None = None
) -> onnx.ModelProto:
    """Ensures: no LSTM, GRU or RNN of known length, with constant weights, is left.

    Layers with unusual activations, sequence lengths, clipping or coupled gates stay as they are.
    ``shapes`` as in ``writer.replace_nodes``.
    """
    return replace_nodes(proto, _expanded, shapes)


def _expanded(w: Writer, node: onnx.NodeProto) -> bool:
    """Writes a recurrent node's cells; False if it stays as it is."""
    if node.domain not in ("", "ai.onnx") or node.op_type not in PARTS:
        return False
    layer = _layer(w, node)
    if layer is None:
        return False
    directions = [_run(w, node, layer, k) for k in range(layer.directions)]
    if layer.directions == 1:
        steps, last, cell = directions[0]
    else:
        steps, last, cell = (
            [w.op("Concat", *pair, axis=axis) for pair in zip(*parts, strict=True)]
            for parts, axis in zip(zip(*directions, strict=True), (1, 0, 0), strict=True)
        )
    if node.output and node.output[0]:
        w.write("Concat", steps, node.output[0], axis=0)
    for place, state in ((1, last), (2, cell)):
        if len(node.output) > place and node.output[place]:
            w.write("Identity", state, node.output[place])
    return True


@dataclass(frozen=True)
class _Layer:
    """Recurrent layer of D directions, with I inputs, H hidden states and K gates."""

    kind: str
    length: int
    hidden: int
    directions: int
    reverse: bool
    attributes: dict[str, Any]
    weights: tuple[Array, Array, Array]  # (D, K·H, I), (D, K·H, H), (D, 2·K·H)
    peepholes: Array | None
    activations: list[tuple[str, dict[str, float]]]
    states: tuple[str, str]


def _layer(w: Writer, node: onnx.NodeProto) -> _Layer | None:
    read = [*node.input, *[""] * (8 - len(node.input))]
    a = {x.name: helper.get_attribute_value(x) for x in node.attribute}
    shape, weight, recurrence = w.shape(read[0]), w.value(read[1]), w.value(read[2])
    if shape is None or weight is None or recurrence is None or len(shape) != 3:
        return None
    if read[4] or a.get("clip") or a.get("input_forget") or a.get("layout"):
        return None
    kind, directions = node.op_type, len(weight)
    hidden = weight.shape[1] // PARTS[kind]
    bias = w.value(read[3]) if read[3] else np.zeros((directions, 2 * weight.shape[1]))
    peepholes = w.value(read[7]) if read[7] else None
    activations = _activations(kind, a, directions)
    length = int(shape[0])
    if bias is None or (read[7] and peepholes is None) or activations is None:
        return None
    if not 0 < length <= LONGEST:
        return None
    return _Layer(
        kind,
        length,
        hidden,
        directions,
        a.get("direction", b"forward") == b"reverse",
        a,
        (weight, recurrence, bias.astype(weight.dtype)),
        peepholes,
        activations,
        (read[5], read[6]),
    )


def _activations(
    kind: str, a: dict[str, Any], directions: int
) -> list[tuple[str, dict[str, float]]] | None:
    """Operators with their attributes, one direction after the other; None: not supported."""
    known = {name.lower(): name for name in (*PLAIN, *KEYED)}
    names = [n.decode() for n in a.get("activations") or []] or DEFAULTS[kind] * directions
    alphas, betas = list(a.get("activation_alpha") or []), list(a.get("activation_beta") or [])
    if any(n.lower() not in known for n in names):
        return None
    if (alphas or betas) and len({n.lower() for n in names if known[n.lower()] in KEYED}) > 1:
        return None  # it is not certain to which of them the numbers belong
    activations: list[tuple[str, dict[str, float]]] = []
    for n in names:
        name = known[n.lower()]
        if name not in KEYED:
            activations.append((name, {}))
            continue
        alpha, beta = KEYED[name]
        more = {"alpha": float(alphas.pop(0) if alphas else alpha)}
        if name == "HardSigmoid":
            more["beta"] = float(betas.pop(0) if betas else beta)
        activations.append((name, more))
    return activations


def _run(
    w: Writer, node: onnx.NodeProto, layer: _Layer, k: int
) -> tuple[list[str], list[str], list[str]]:
    """Writes one direction; returns h (1, 1, N, H) of every step, and the last states (1, N, H)."""
    h = c = None
    if layer.states[0]:
        h = w.op("Gather", layer.states[0], w.constant(np.int64(k)), axis=0)
    if layer.states[1] and layer.kind == "LSTM":
        c = w.op("Gather", layer.states[1], w.constant(np.int64(k)), axis=0)
    cell = _Cell(w, layer, k)
    inputs = cell.inputs(node.input[0])
    order = list(range(layer.length))
    if k == 1 or layer.reverse:
        order.reverse()
    hidden = {}
    for t in order:
        h, c = cell.step(inputs[t], h, c)
        hidden[t] = w.op("Unsqueeze", h, w.constant(np.array([0, 1])))
    assert h is not None
    front = w.constant(np.array([0]))
    last = [w.op("Unsqueeze", h, front)]
    state = [w.op("Unsqueeze", c, front)] if c is not None else last
    return [hidden[t] for t in range(layer.length)], last, state


class _Cell:
    """Cell of one direction."""

    def __init__(self, w: Writer, layer: _Layer, k: int) -> None:
        self.w, self.layer = w, layer
        weight, recurrence, bias = (part[k] for part in layer.weights)
        size = PARTS[layer.kind] * layer.hidden
        self._weight, self._recurrence = weight.T, recurrence.T
        self._input_bias, self._state_bias = bias[:size], bias[size:]
        self._late = layer.kind == "GRU" and bool(layer.attributes.get("linear_before_reset", 0))
        self._peephole = None if layer.peepholes is None else layer.peepholes[k]
        many = len(DEFAULTS[layer.kind])
        self._activations = layer.activations[k * many : (k + 1) * many]

    def _act(self, place: int, x: str) -> str:
        name, more = self._activations[place]
        return self.w.op(name, x, **more)

    def _columns(self, value: Array, *parts: int) -> str:
        h = self.layer.hidden
        return self.w.constant(np.concatenate([value[..., p * h : (p + 1) * h] for p in parts], -1))

    def _split(self, x: str, parts: int) -> list[str]:
        return self.w.ops("Split", parts, x, axis=1, num_outputs=parts) if parts > 1 else [x]

    def inputs(self, x: str) -> list[str]:
        """Writes x_t Wᵀ + b for all steps in one product; returns (N, K·H) of each step."""
        w, bias = self.w, self._input_bias + self._state_bias
        if self._late:  # the reset gate acts on the state's part of this bias, too
            h = self.layer.hidden
            bias = np.concatenate([bias[: 2 * h], self._input_bias[2 * h :]])
        whole = w.op("Add", w.op("MatMul", x, w.constant(self._weight)), w.constant(bias))
        steps = [whole]
        if self.layer.length > 1:
            steps = w.ops("Split", self.layer.length, whole, axis=0, num_outputs=self.layer.length)
        return [w.op("Squeeze", s, w.constant(np.array([0]))) for s in steps]

    def step(self, x: str, h: str | None, c: str | None) -> tuple[str, str | None]:
        """Writes one step; returns the new states. None stands for zeros."""
        if self.layer.kind == "GRU":
            return self._gru(x, h), None
        w = self.w
        if h is not None:
            x = w.op("Add", x, w.op("MatMul", h, w.constant(self._recurrence)))
        if self.layer.kind == "RNN":
            return self._act(0, x), None
        return self._lstm(x, c)

    def _with_peephole(self, gate: str, c: str | None, part: int) -> str:
        if self._peephole is None or c is None:
            return gate
        look = self.w.op("Mul", c, self._columns(self._peephole, part))
        return self.w.op("Add", gate, look)

    def _lstm(self, x: str, c: str | None) -> tuple[str, str]:
        w, hidden = self.w, self.layer.hidden
        if self._peephole is None:
            # one activation for the three gates together: fewer nodes, which are small
            sizes = w.constant(np.array([3 * hidden, hidden]))
            gates, n = w.ops("Split", 2, x, sizes, axis=1)
            i, o, f = self._split(self._act(0, gates), 3)
            new = w.op("Mul", i, self._act(1, n))
            if c is not None:
                new = w.op("Add", w.op("Mul", f, c), new)
            return w.op("Mul", o, self._act(2, new)), new
        i, o, f, n = self._split(x, 4)
        new = w.op("Mul", self._act(0, self._with_peephole(i, c, 0)), self._act(1, n))
        if c is not None:
            new = w.op("Add", w.op("Mul", self._act(0, self._with_peephole(f, c, 2)), c), new)
        return w.op("Mul", self._act(0, self._with_peephole(o, new, 1)), self._act(2, new)), new

    def _gru(self, x: str, h: str | None) -> str:
        w, hidden = self.w, self.layer.hidden
        if h is None:
            z, r, n = self._split(x, 3)
            if self._late:
                state = w.constant(self._state_bias[2 * hidden :])
                n = w.op("Add", n, w.op("Mul", self._act(0, r), state))
            n, z = self._act(1, n), self._act(0, z)
            return w.op("Sub", n, w.op("Mul", z, n))
        sizes = w.constant(np.array([2 * hidden, hidden]))
        gates, n = w.ops("Split", 2, x, sizes, axis=1)
        both = w.op("MatMul", h, self._columns(self._recurrence, 0, 1))
        z, r = self._split(self._act(0, w.op("Add", gates, both)), 2)
        weight = self._columns(self._recurrence, 2)
        if self._late:
            state = w.op("MatMul", h, weight)
            state = w.op("Add", state, w.constant(self._state_bias[2 * hidden :]))
            n = w.op("Add", n, w.op("Mul", r, state))
        else:
            n = w.op("Add", n, w.op("MatMul", w.op("Mul", r, h), weight))
        n = self._act(1, n)
        return w.op("Add", n, w.op("Mul", z, w.op("Sub", h, n)))
