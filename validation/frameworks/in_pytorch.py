"""PyTorch: networks of its own modules, both of its exporters, derivatives by torch.func.

J by ``jacrev``, H by ``jacfwd(jacrev)``, in double precision, one event at a time
(``validation.reference``, which proves them on a polynomial).
"""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from validation.both_engines import Answer, Sides
from validation.reference import torch_derivatives

__all__ = ["EXPORTERS", "NETWORKS", "answer", "as_in_file", "build", "sides_of"]

Floats = npt.NDArray[np.float64]
EPSILON = float(np.float32(1e-3))  # an attribute: single precision in any file
WIDTH, STEPS, INNER = 4, 3, 16  # of sequences; 1/√16 is a number of any format


def _mlp(activation: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def write(nn: Any) -> Any:
        layers = [nn.Linear(6, 10), activation(nn), nn.Linear(10, 8), activation(nn)]
        return nn.Sequential(*layers, nn.Linear(8, 3), nn.Softmax(1))

    return write


def _batch_norm(nn: Any) -> Any:
    # behind the activation: in front of it dynamo folds it into the layer's weights
    parts = [nn.Linear(6, 10), nn.Tanh(), nn.BatchNorm1d(10, EPSILON)]
    return nn.Sequential(*parts, nn.Tanh(), nn.Linear(10, 3), nn.Softmax(1))


def _layer_norm(nn: Any) -> Any:
    parts = [nn.Linear(6, 10), nn.LayerNorm(10, EPSILON), nn.GELU()]
    return nn.Sequential(*parts, nn.Dropout(0.3), nn.Linear(10, 3), nn.Softmax(1))


def _convolution(nn: Any) -> Any:
    parts = [nn.Conv1d(2, 4, 3, padding=1), nn.Tanh(), nn.AvgPool1d(2)]
    parts += [nn.Conv1d(4, 3, 3), nn.SiLU(), nn.Flatten()]
    return nn.Sequential(*parts, nn.Linear(12, 3), nn.Softmax(1))


def _attention(nn: Any) -> Any:
    class Attention(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(WIDTH, INNER)
            self.attention = nn.MultiheadAttention(INNER, 1, batch_first=True)
            self.norm = nn.LayerNorm(INNER, EPSILON)
            self.last = nn.Linear(STEPS * INNER, 3)

        def forward(self, x: Any) -> Any:
            t = self.first(x)
            t = self.norm(t + self.attention(t, t, t, need_weights=True)[0])
            return self.last(t.reshape(-1, STEPS * INNER)).softmax(1)

    return Attention()


def _recurrent(kind: str) -> Callable[[Any], Any]:
    def write(nn: Any) -> Any:
        class Recurrent(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.cells = getattr(nn, kind)(WIDTH, 5, batch_first=True)
                self.last = nn.Linear(5, 3)

            def forward(self, x: Any) -> Any:
                states, _ = self.cells(x)
                return self.last(states[:, -1]).softmax(1)

        return Recurrent()

    return write


def _branches(nn: Any) -> Any:
    class Branches(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.last = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(18, 3)

        def forward(self, x: Any) -> Any:
            import torch

            a, b = self.a(x).tanh(), self.b(x).sigmoid()
            return self.last(torch.cat([a + x, a * b, b], dim=1)).softmax(1)

    return Branches()


SEQUENCE = (STEPS, WIDTH)
NETWORKS: Mapping[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "Tanh": ((6,), _mlp(lambda nn: nn.Tanh())),
    "Softplus": ((6,), _mlp(lambda nn: nn.Softplus())),
    "GELU": ((6,), _mlp(lambda nn: nn.GELU())),
    "ELU": ((6,), _mlp(lambda nn: nn.ELU())),
    "SELU": ((6,), _mlp(lambda nn: nn.SELU())),
    "ReLU": ((6,), _mlp(lambda nn: nn.ReLU())),
    "BatchNorm1d": ((6,), _batch_norm),
    "LayerNorm, GELU, Dropout": ((6,), _layer_norm),
    "Conv1d, pooling, SiLU": ((2, 12), _convolution),
    "MultiheadAttention": (SEQUENCE, _attention),
    "GRU": (SEQUENCE, _recurrent("GRU")),
    "LSTM": (SEQUENCE, _recurrent("LSTM")),
    "add, multiply, cat": ((6,), _branches),
}
"""The shape of the input, and the module, written with ``torch.nn``."""


def build(write: Callable[[Any], Any], seed: int = 1) -> Any:
    """A network in double precision with weights that single precision holds."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = write(torch.nn).double().eval()
    for name, t in [*network.named_parameters(), *network.named_buffers()]:
        if name.endswith("running_var"):
            t.data.uniform_(0.5, 2.0)
        elif t.is_floating_point() and t.ndim == 1:
            t.data += 0.3 * torch.randn(t.shape, dtype=t.dtype)
        if t.is_floating_point():
            t.data = t.data.float().double()
    return network


def as_in_file(network: Any) -> Any:
    """The network with the numbers of its file: SELU's are attributes, in single precision."""
    import torch

    alpha, gamma = float(np.float32(1.6732632423543772)), float(np.float32(1.0507009873554805))

    class Selu(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return gamma * torch.nn.functional.elu(x, alpha)

    found = copy.deepcopy(network)
    for name, child in list(found.named_children()):
        if isinstance(child, torch.nn.SELU):
            setattr(found, name, Selu())
    return found


def sides_of(network: Any) -> Sides | None:
    """What goes into activations that are bent, (N, m) at rows (N, n); None without such."""
    import torch

    nn = torch.nn
    bent = [m for m in network.modules() if isinstance(m, nn.ReLU | nn.ELU | nn.SELU)]
    if not bent:
        return None

    def sides(rows: Floats) -> Floats:
        seen: list[Any] = []
        hooks = [m.register_forward_pre_hook(lambda _, args: seen.append(args[0])) for m in bent]
        with torch.no_grad():
            network(torch.as_tensor(rows))
        for hook in hooks:
            hook.remove()
        return np.concatenate([t.numpy() for t in seen], axis=1)

    return sides


def answer(network: Any, x: Floats, shape: tuple[int, ...]) -> Answer:
    """y, J and H of a network in double precision at x (N, n), its input in its shape."""
    import torch

    def flat(rows: Any) -> Any:
        return network(rows.reshape(-1, *shape))

    with torch.no_grad():
        value = flat(torch.as_tensor(x)).numpy()
    return Answer(value, *torch_derivatives(torch, flat, x))


# --- exporters -----------------------------------------------------------------------------------


def by_dynamo(network: Any, shape: tuple[int, ...]) -> onnx.ModelProto:
    """``torch.onnx.export(..., dynamo=True)``."""
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    shapes = ({0: torch.export.Dim("batch")},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network, (_example(network, shape),), dynamo=True, dynamic_shapes=shapes, verbose=False
        )
    proto: onnx.ModelProto = program.model_proto
    return proto


def by_tracing(network: Any, shape: tuple[int, ...]) -> onnx.ModelProto:
    """``torch.onnx.export(..., dynamo=False)``, by TorchScript."""
    import torch

    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (_example(network, shape),),
            target,
            dynamo=False,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}},
        )
    return onnx.load_from_string(target.getvalue())


def _example(network: Any, shape: tuple[int, ...]) -> Any:
    import torch

    return torch.zeros(2, *shape, dtype=next(network.parameters()).dtype)


EXPORTERS = {"dynamo": by_dynamo, "TorchScript": by_tracing}
