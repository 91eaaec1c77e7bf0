"""ParticleNets as PyTorch exports them, with either exporter: neighbours by their distance, taken
from the flattened batch, by index or by place, against PyTorch's own derivatives in float64.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
import pytest

import onnxtaylor

torch = pytest.importorskip("torch")

POINTS, SIZE, NEIGHBOURS, EVENTS = 5, 3, 2, 4
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


class EdgeConvolution(torch.nn.Module):
    """h_i = mean_j tanh(W (x_i, x_j − x_i)) over the nearest neighbours j."""

    def __init__(self, size: int, wide: int, how: str) -> None:
        super().__init__()
        self.how = how
        self.layer = torch.nn.Conv2d(2 * size, wide, 1)

    def forward(self, x):  # (N, size, points)
        square = ((x[:, :, :, None] - x[:, :, None, :]) ** 2).sum(1)
        where = (-square).topk(NEIGHBOURS + 1, dim=-1)[1][:, :, 1:]
        near = self.gathered(x, where)
        centre = x[:, :, :, None].expand(-1, -1, -1, NEIGHBOURS)
        return torch.tanh(self.layer(torch.cat([centre, near - centre], 1))).mean(-1)

    def gathered(self, x, where):
        events, size, points = x.shape
        rows = where + torch.arange(events).view(-1, 1, 1) * points
        if self.how == "rows of the flattened batch":
            flat = x.transpose(2, 1).reshape(-1, size)
            near = flat[rows.reshape(-1), :].view(-1, points, NEIGHBOURS, size)
            return near.permute(0, 3, 1, 2)
        if self.how == "columns of the flattened batch":
            flat = x.transpose(0, 1).reshape(size, -1)
            near = flat[:, rows.reshape(-1)].view(size, -1, points, NEIGHBOURS)
            return near.transpose(0, 1)
        if self.how == "pairs of indices":
            event = torch.arange(events)[:, None, None]
            return x.transpose(2, 1)[event, where].permute(0, 3, 1, 2)
        wide = where.reshape(-1, 1, points * NEIGHBOURS).expand(-1, size, -1)
        return torch.gather(x, 2, wide).view(-1, size, points, NEIGHBOURS)


class Tagger(torch.nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.first, self.second = EdgeConvolution(SIZE, 4, how), EdgeConvolution(4, 4, how)
        self.last = torch.nn.Linear(4, 2)

    def forward(self, x):
        return torch.softmax(self.last(self.second(self.first(x)).mean(-1)), -1)


def exported(net, x, exporter: str, folder: Path) -> onnx.ModelProto:
    if exporter == "traced":
        stream = io.BytesIO()
        names = {"input_names": ["x"], "output_names": ["y"], "opset_version": 17}
        free = {"dynamic_axes": {"x": {0: "N"}, "y": {0: "N"}}}
        torch.onnx.export(net, (x,), stream, dynamo=False, **names, **free)
        return onnx.load_from_string(stream.getvalue())
    free = ({0: torch.export.Dim("N", min=2, max=1000)},)
    program = torch.onnx.export(net, (x,), dynamo=True, dynamic_shapes=free, verbose=False)
    program.save(folder / "net.onnx", external_data=False)
    return onnx.load(folder / "net.onnx")


@pytest.mark.parametrize(
    "how",
    [
        "rows of the flattened batch",
        "columns of the flattened batch",
        "pairs of indices",
        "places along an axis",
    ],
)
@pytest.mark.parametrize("exporter", ["traced", pytest.param("dynamo", marks=pytest.mark.slow)])
def test_derivatives_are_those_of_pytorch(how, exporter, tmp_path):
    torch.manual_seed(5)
    net, x = Tagger(how).eval(), torch.randn(EVENTS, SIZE, POINTS)
    proto = exported(net, x, exporter, tmp_path)
    found = onnxtaylor.differentiate(proto)(x.reshape(EVENTS, -1).numpy())
    net.double()

    def respond(row):
        return net(row.reshape(1, SIZE, POINTS))[0]

    rows = x.double().reshape(EVENTS, -1)
    jacobian = torch.stack([torch.autograd.functional.jacobian(respond, r) for r in rows])
    hessian = [
        [torch.autograd.functional.hessian(lambda q, c=c: respond(q)[c], r) for c in range(2)]
        for r in rows
    ]
    assert apart(found.jacobian, jacobian) < 2e-6
    assert apart(found.hessian, torch.stack([torch.stack(h) for h in hessian])) < 2e-6


def apart(found: np.ndarray, wanted) -> float:
    wanted = wanted.numpy()
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
