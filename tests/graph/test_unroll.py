"""Recurrent layers written out step by step give what onnxruntime's own kernels give."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from onnxtaylor.graph.normalize.unroll import unroll
from tests.graph.passes import kinds, model, same

STEPS, INPUTS, HIDDEN, EVENTS = 4, 3, 5, 2
PARTS = {"RNN": 1, "GRU": 3, "LSTM": 4}


def layer(kind: str, direction: str, words: str, **attributes: Any) -> tuple[onnx.ModelProto, Any]:
    random = np.random.default_rng(5)
    count, both = PARTS[kind], 1 + (direction == "bidirectional")

    def some(*shape: int) -> np.ndarray:
        return (random.normal(size=shape) * 0.5).astype(np.float32)

    constants = {"w": some(both, count * HIDDEN, INPUTS), "r": some(both, count * HIDDEN, HIDDEN)}
    inputs = ["x", "w", "r", "", "", "", "", ""]
    if "bias" in words:
        constants["b"], inputs[3] = some(both, 2 * count * HIDDEN), "b"
    if "state" in words:
        constants["h"], inputs[5] = some(both, EVENTS, HIDDEN), "h"
        if kind == "LSTM":
            constants["c"], inputs[6] = some(both, EVENTS, HIDDEN), "c"
    if "peep" in words:
        constants["p"], inputs[7] = some(both, 3 * HIDDEN), "p"
    while not inputs[-1]:
        inputs.pop()
    if "lengths" in words:
        inputs += [""] * (5 - len(inputs))
        constants["n"], inputs[4] = np.full(EVENTS, STEPS, np.int32), "n"
    if "activations" in attributes:
        attributes["activations"] = attributes["activations"] * both
    outputs = ["y", "y_h", *(["y_c"] if kind == "LSTM" else [])]
    x = some(STEPS, EVENTS, INPUTS)
    proto = model(
        kind,
        x,
        constants,
        inputs,
        outputs,
        outputs,
        [STEPS, EVENTS, INPUTS],
        {"y": 4, "y_h": 3, "y_c": 3},
        hidden_size=HIDDEN,
        direction=direction,
        **attributes,
    )
    return proto, x


@pytest.mark.parametrize("words", ["", "bias", "state", "bias state"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("kind", PARTS)
def test_values_are_those_of_the_layer(kind: str, direction: str, words: str):
    proto, x = layer(kind, direction, words)
    assert kind not in kinds(same(proto, unroll, x))


@pytest.mark.parametrize("words", ["", "bias", "bias state"])
def test_gru_that_resets_behind_the_product(words: str):
    proto, x = layer("GRU", "bidirectional", words, linear_before_reset=1)
    assert "GRU" not in kinds(same(proto, unroll, x))


@pytest.mark.parametrize("words", ["peep", "bias state peep"])
def test_lstm_with_peepholes(words: str):
    proto, x = layer("LSTM", "bidirectional", words)
    assert "LSTM" not in kinds(same(proto, unroll, x))


@pytest.mark.parametrize("kind", PARTS)
def test_other_activations(kind: str):
    names = ["HardSigmoid", "Relu", "Tanh"][: {"RNN": 1, "GRU": 2, "LSTM": 3}[kind]]
    proto, x = layer(kind, "bidirectional", "bias", activations=names)
    assert kind not in kinds(same(proto, unroll, x))


@pytest.mark.parametrize(
    ("words", "attributes"), [("lengths", {}), ("", {"clip": 0.5}), ("", {"input_forget": 1})]
)
def test_what_is_not_known_is_left_as_it_is(words: str, attributes: dict[str, Any]):
    proto, _ = layer("LSTM", "forward", words, **attributes)
    assert unroll(proto) is proto
