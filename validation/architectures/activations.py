"""Two hidden layers with each activation, and both kinds of softmax behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from validation.architectures.base import OPSET, Architecture, Writer, linear

__all__ = ["activations"]


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


def activations() -> Iterator[Architecture]:
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
