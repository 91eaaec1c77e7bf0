"""Networks of one event, exported by PyTorch without a batch axis, with the number of tracks free:
lifted to a batch, and differentiated exactly, against PyTorch's own derivatives in float64.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
import pytest

import onnxtaylor
from tests.graph.lifted import assert_lifted

torch = pytest.importorskip("torch")
nn = torch.nn

EVENTS, JET, TRACK, WIDE = 3, 3, 4, 6
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


class AttentionPool(nn.Module):
    """Tracks beside the jet → embedding → Σ_t softmax_t(a(h)) h → classes; [1, 3] or [3]."""

    def __init__(self, jet_axes: int = 2) -> None:
        super().__init__()
        self.jet_axes = jet_axes
        self.embed = nn.Sequential(nn.Linear(JET + TRACK, WIDE), nn.Tanh(), nn.Linear(WIDE, WIDE))
        self.gate, self.head = nn.Linear(WIDE, 1), nn.Linear(WIDE + JET, 3)

    def forward(self, jet, tracks):
        row = jet if self.jet_axes == 2 else jet.unsqueeze(0)
        whole = torch.cat([row.expand(tracks.shape[0], -1), tracks], 1)
        h = self.embed(whole)
        pooled = (torch.softmax(self.gate(h), 0) * h).sum(0, keepdim=True)
        out = torch.softmax(self.head(torch.cat([pooled, row], 1)), 1)
        return out if self.jet_axes == 2 else out[0]


class MessagePassing(nn.Module):
    """Attention between all tracks as in GATv2; classes of the jet, and of each track."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(JET + TRACK, WIDE)
        self.left, self.right = nn.Linear(WIDE, WIDE), nn.Linear(WIDE, WIDE)
        self.score, self.norm = nn.Linear(WIDE, 1), nn.LayerNorm(WIDE)
        self.jet_head, self.track_head = nn.Linear(WIDE, 3), nn.Linear(2 * WIDE, 2)

    def forward(self, jet, tracks):
        n = tracks.shape[0]
        h = torch.tanh(self.embed(torch.cat([jet.repeat(n, 1), tracks], -1)))
        pairs = nn.functional.silu(self.left(h)[:, None, :] + self.right(h)[None, :, :])
        weights = torch.softmax(self.score(pairs).squeeze(-1), -1)
        h = self.norm(h + weights @ self.left(h))
        pooled = h.mean(0)
        each = torch.cat([h, pooled.unsqueeze(0).expand(n, -1)], -1)
        return self.jet_head(pooled).view(1, 3), torch.sigmoid(self.track_head(each))


class Neighbours(nn.Module):
    """Edges to the two nearest tracks, as in ParticleNet, and a maximum over tracks."""

    def __init__(self) -> None:
        super().__init__()
        self.edge, self.head = nn.Linear(2 * TRACK, WIDE), nn.Linear(WIDE + JET, 2)

    def forward(self, jet, tracks):
        square = ((tracks[:, None, :] - tracks[None, :, :]) ** 2).sum(-1)
        where = square.topk(2, dim=-1, largest=False)[1]
        near = tracks[where]
        centre = tracks.unsqueeze(1).expand(-1, 2, -1)
        h = torch.tanh(self.edge(torch.cat([centre, near - centre], -1))).mean(1)
        return self.head(torch.cat([h.max(0)[0], jet[0]], 0))


class Sorted(nn.Module):
    """Weights by rank in the first variable, put back in order; messages added at neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(TRACK, WIDE), nn.Linear(WIDE + JET, 2)

    def forward(self, jet, tracks):
        n = tracks.shape[0]
        h = torch.tanh(self.embed(tracks))
        order = torch.sort(tracks[:, 0], descending=True)[1]
        weights = torch.cumsum(torch.ones(n, 1, dtype=h.dtype), 0)
        back = torch.zeros_like(h).index_put((order,), torch.tanh(h[order] * weights))
        near = ((tracks[:, None] - tracks[None]) ** 2).sum(-1).topk(2, largest=False)[1][:, 1:]
        added = torch.zeros_like(h).scatter_add(0, near.expand(-1, WIDE), h)
        pooled = (back * back * torch.tanh(added) + added).mean(0)
        return self.head(torch.cat([pooled, jet[0]]))


class Recurrent(nn.Module):
    """A bidirectional GRU and an LSTM along the tracks of one event."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(TRACK, WIDE, bidirectional=True)
        self.lstm, self.head = nn.LSTM(2 * WIDE, WIDE), nn.Linear(WIDE + JET, 2)

    def forward(self, jet, tracks):
        h, _ = self.gru(tracks)
        _, (last, _) = self.lstm(h)
        return self.head(torch.cat([last, jet], -1))


class Transformer(nn.Module):
    """An encoder layer of two heads over the tracks, with a mean over them."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(TRACK, 8)
        self.attention, self.norm = nn.MultiheadAttention(8, 2), nn.LayerNorm(8)
        self.head = nn.Linear(8 + JET, 2)

    def forward(self, jet, tracks):
        h = self.embed(tracks)
        h = self.norm(h + self.attention(h, h, h, need_weights=False)[0])
        return self.head(torch.cat([h.mean(0, keepdim=True), jet], 1))


class Convolution(nn.Module):
    """Convolutions along the tracks of one event, which are images without a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.norm = nn.Conv1d(TRACK, WIDE, 1), nn.BatchNorm1d(TRACK)
        self.near, self.head = nn.Conv1d(WIDE, WIDE, 3, padding=1), nn.Linear(WIDE + JET, 2)

    def forward(self, jet, tracks):
        h = torch.tanh(self.mix(self.norm(tracks).transpose(0, 1)))
        h = torch.tanh(self.near(h)).mean(-1)
        return self.head(torch.cat([h, jet[0]]))


@pytest.fixture(autouse=True)
def one_thread():
    """Threads wait for one another where other tests run beside these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def exported(net, jet, tracks, exporter: str, folder: Path) -> onnx.ModelProto:
    """The network with a free number of tracks."""
    if exporter == "dynamo" and isinstance(net, Recurrent):
        pytest.skip("PyTorch's newer exporter writes the number of steps into recurrent layers")
    names = ["jet", "tracks"]
    if exporter == "traced":
        stream = io.BytesIO()
        free = {"tracks": {0: "n_tracks"}}
        torch.onnx.export(
            net,
            (jet, tracks),
            stream,
            dynamo=False,
            input_names=names,
            dynamic_axes=free,
            opset_version=17,
        )
        return onnx.load_from_string(stream.getvalue())
    sizes = (None, {0: torch.export.Dim("n_tracks", min=2, max=50)})
    program = torch.onnx.export(
        net, (jet, tracks), dynamo=True, dynamic_shapes=sizes, input_names=names, verbose=False
    )
    program.save(folder / "net.onnx", external_data=False)
    return onnx.load(folder / "net.onnx")


def made(kind, double: bool, *args):
    torch.manual_seed(3)
    net = kind(*args).eval()
    if isinstance(net, MessagePassing | Transformer):
        net.norm.eps = 2.0**-16  # files store it in single precision
    if isinstance(net, Convolution):
        net.norm.running_mean.normal_()
        net.norm.running_var.uniform_(0.5, 2)
    return net.double() if double else net


def events(count: int, double: bool, jet_axes: int = 2) -> dict[str, np.ndarray]:
    random, kind = np.random.default_rng(4), np.float64 if double else np.float32
    jet = random.normal(size=(EVENTS, *[1] * (jet_axes - 1), JET))
    tracks = random.normal(size=(EVENTS, count, TRACK))
    return {"jet": jet.astype(kind), "tracks": tracks.astype(kind)}


NETS = [
    pytest.param(AttentionPool, (2,), id="attention pooling"),
    pytest.param(AttentionPool, (1,), id="attention pooling of vectors"),
    pytest.param(MessagePassing, (), id="message passing"),
    pytest.param(Neighbours, (), id="neighbours"),
    pytest.param(Sorted, (), id="sorted"),
    pytest.param(Recurrent, (), id="recurrent"),
    pytest.param(Transformer, (), id="transformer"),
    pytest.param(Convolution, (), id="convolution"),
]
EXPORTERS = ["traced", pytest.param("dynamo", marks=pytest.mark.slow)]


@pytest.mark.parametrize(("kind", "args"), NETS)
@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("count", [2, 5])
def test_lifted_networks(kind, args, exporter, count, tmp_path):
    """From one file, for sets of two sizes; values in single precision."""
    rows = events(count, double=False, jet_axes=args[0] if args else 2)
    traced = events(4, double=False, jet_axes=args[0] if args else 2)
    net = made(kind, False, *args)
    first = [torch.from_numpy(value[0]) for value in traced.values()]
    proto = exported(net, *first, exporter, tmp_path)
    assert_lifted(proto, rows, close=2e-6)


@pytest.mark.parametrize(("kind", "args"), NETS)
@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("double", [True, False])
def test_derivatives_are_those_of_pytorch(kind, args, exporter, double, tmp_path):
    if double and kind in (Recurrent, Convolution):
        pytest.skip("onnxruntime has no kernel of these in double precision")
    axes = args[0] if args else 2
    rows = events(3, double, axes)
    net = made(kind, double, *args)
    first = [torch.from_numpy(value[0]) for value in events(4, double, axes).values()]
    proto = exported(net, *first, exporter, tmp_path)
    lifted = assert_lifted(proto, rows, close=1e-13 if double else 2e-6)
    x = np.concatenate([value.reshape(EVENTS, -1) for value in rows.values()], 1)
    outputs = [info.name for info in lifted.graph.output]
    found = onnxtaylor.differentiate(lifted, input=["jet", "tracks"], output=outputs)(x)
    net.double()

    def respond(row):
        jet, tracks = row[:JET].reshape(first[0].shape), row[JET:].reshape(3, TRACK)
        answer = net(jet, tracks)
        parts = answer if isinstance(answer, tuple) else (answer,)
        return torch.cat([part.reshape(-1) for part in parts])

    points = torch.from_numpy(x).double()
    responses = range(len(respond(points[0])))
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        jacobian = torch.stack([torch.autograd.functional.jacobian(respond, r) for r in points])
        hessian = [
            [torch.autograd.functional.hessian(lambda q, c=c: respond(q)[c], r) for c in responses]
            for r in points
        ]
    close = 1e-12 if double else 3e-6
    assert apart(found.jacobian, jacobian) < close
    assert apart(found.hessian, torch.stack([torch.stack(h) for h in hessian])) < close


def apart(found: np.ndarray, wanted) -> float:
    wanted = wanted.numpy()
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
