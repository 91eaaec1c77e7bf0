"""Architectures that exist both in torch and, with the same weights, in ONNX."""

from validation.architectures.activations import activations
from validation.architectures.base import Architecture, Array, Writer
from validation.architectures.layers import (
    attention,
    batch_norm,
    convolution,
    group_norm,
    layer_norm,
)
from validation.architectures.recurrent import recurrent

__all__ = ["ARCHITECTURES", "Architecture", "Array", "Writer"]

ARCHITECTURES = (
    *activations(),
    batch_norm(),
    layer_norm(),
    group_norm(),
    convolution(),
    attention(),
    recurrent("RNN"),
    recurrent("GRU"),
    recurrent("LSTM"),
)
