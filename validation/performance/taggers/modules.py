"""The networks in PyTorch, of rows of features: (N, n) → (N, C).

Weights come from a fixed seed. Slots whose first variable is below ``EMPTY`` count as padded, one
in fifteen of standard normal numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import nn

__all__ = ["MODULES", "make_module"]

EMPTY = -1.5
VARIABLES = 8
WIDTH, HEADS, CLASSES = 64, 4, 5


class Swish(nn.Module):
    """x σ(x); torch 2.13 has no second derivative of its own SiLU for jacfwd of jacrev."""

    def forward(self, x: Any) -> Any:
        return x * torch.sigmoid(x)


class DeepSets(nn.Module):
    """φ of every constituent, the mean over those that are there, ρ."""

    def __init__(self, slots: int) -> None:
        super().__init__()
        self.slots = slots
        self.phi = nn.Sequential(
            nn.Linear(VARIABLES, WIDTH), Swish(), nn.Linear(WIDTH, WIDTH), Swish()
        )
        self.rho = nn.Sequential(nn.Linear(WIDTH, WIDTH), Swish(), nn.Linear(WIDTH, CLASSES))

    def forward(self, row: Any) -> Any:
        x = row.reshape(-1, self.slots, VARIABLES)
        there = (x[..., :1] > EMPTY).to(x.dtype)
        pooled = (self.phi(x) * there).sum(1) / self.slots
        return torch.softmax(self.rho(pooled), -1)


class Block(nn.Module):
    """Attention of several heads among constituents, and a dense layer, each behind a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.inner, self.outer = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.dense = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), Swish(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, h: Any, away: Any) -> Any:
        slots = h.shape[-2]
        parts = self.inner(self.norms[0](h)).reshape(-1, slots, 3, HEADS, WIDTH // HEADS)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5
        weights = torch.softmax(scores + away, -1)
        mixed = (weights @ v).permute(0, 2, 1, 3).reshape(-1, slots, WIDTH)
        h = h + self.outer(mixed)
        return h + self.dense(self.norms[1](h))


class Transformer(nn.Module):
    """Embedded constituents, two blocks of attention, the mean over those that are there."""

    def __init__(self, slots: int) -> None:
        super().__init__()
        self.slots = slots
        self.embed = nn.Sequential(nn.Linear(VARIABLES, WIDTH), Swish(), nn.Linear(WIDTH, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, row: Any) -> Any:
        x = row.reshape(-1, self.slots, VARIABLES)
        there = (x[..., 0] > EMPTY).to(x.dtype)
        away = (there[:, None, None, :] - 1) * 30
        h = self.embed(x)
        for block in self.blocks:
            h = block(h, away)
        pooled = (h * there[..., None]).sum(1) / self.slots
        return torch.softmax(self.head(pooled), -1)


class Convolution(nn.Module):
    """Two convolutions along a sequence, the mean, a dense layer."""

    def __init__(self, slots: int) -> None:
        super().__init__()
        self.slots = slots
        self.inner = nn.Sequential(
            nn.Conv1d(VARIABLES, 32, 3, padding=1),
            Swish(),
            nn.Conv1d(32, 32, 3, padding=1),
            Swish(),
        )
        self.head = nn.Sequential(nn.Linear(32, 32), Swish(), nn.Linear(32, CLASSES))

    def forward(self, row: Any) -> Any:
        x = row.reshape(-1, self.slots, VARIABLES).transpose(1, 2)
        return torch.softmax(self.head(self.inner(x).mean(-1)), -1)


class Cells(nn.Module):
    """nn.LSTM written in products, for torch.func: its own kernel has no batching rule.

    The weights are those of ``nn.LSTM``, so that the exported model has the LSTM operator.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(size, width, batch_first=True)
        self.width, self.own_kernel = width, False

    def forward(self, x: Any) -> Any:
        if self.own_kernel or torch.onnx.is_in_onnx_export():
            return self.lstm(x)[0][:, -1]
        w, r, *biases = self.lstm._flat_weights
        gates = x @ w.T + sum(biases)
        h = c = gates[:, 0, : self.width] * 0.0
        for step in range(x.shape[1]):
            i, f, g, o = (gates[:, step] + h @ r.T).chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return h


class Recurrent(nn.Module):
    """An LSTM over a sequence and a dense layer behind its last step."""

    def __init__(self, slots: int) -> None:
        super().__init__()
        self.slots, self.cells = slots, Cells(VARIABLES, 32)
        self.head = nn.Sequential(nn.Linear(32, 32), Swish(), nn.Linear(32, CLASSES))

    def forward(self, row: Any) -> Any:
        h = self.cells(row.reshape(-1, self.slots, VARIABLES))
        return torch.softmax(self.head(h), -1)


class DeepJet(nn.Module):
    """DeepJet's layout and sizes: 15 + 25×16 + 25×6 + 4×12 + 1 features.

    CMS, arXiv:2008.10519. Every kind of object goes through 1×1 convolutions and an LSTM.
    """

    KINDS = (
        (25, 16, (64, 32, 32, 8), 150),
        (25, 6, (32, 16, 4), 50),
        (4, 12, (64, 32, 32, 8), 50),
    )
    BEFORE, BEHIND, OUTPUTS = 15, 1, 6

    def __init__(self) -> None:
        super().__init__()
        self.convolutions, self.cells = nn.ModuleList(), nn.ModuleList()
        for _, size, widths, hidden in self.KINDS:
            layers: list[nn.Module] = []
            for a, b in pairwise((size, *widths)):
                layers += [nn.Conv1d(a, b, 1), nn.ReLU()]
            self.convolutions.append(nn.Sequential(*layers))
            self.cells.append(Cells(widths[-1], hidden))
        dense: list[nn.Module] = []
        widths = (self.BEFORE + self.BEHIND + sum(k[3] for k in self.KINDS), 350, *[100] * 7)
        for a, b in pairwise(widths):
            dense += [nn.Linear(a, b), nn.ReLU()]
        self.dense = nn.Sequential(*dense, nn.Linear(100, self.OUTPUTS))

    def forward(self, row: Any) -> Any:
        sizes = [self.BEFORE, *(slots * size for slots, size, *_ in self.KINDS), self.BEHIND]
        general, *objects, energy = row.split(sizes, dim=-1)
        parts = [general]
        rows = zip(objects, self.KINDS, self.convolutions, self.cells, strict=True)
        for x, (slots, size, *_), convolution, cells in rows:
            h = convolution(x.reshape(-1, slots, size).transpose(1, 2)).transpose(1, 2)
            parts.append(cells(h))
        return torch.softmax(self.dense(torch.cat([*parts, energy], -1)), -1)


MODULES: dict[str, Callable[[], nn.Module]] = {
    "deepsets-16": lambda: DeepSets(16),
    "deepsets-50": lambda: DeepSets(50),
    "transformer-16": lambda: Transformer(16),
    "transformer-50": lambda: Transformer(50),
    "conv1d": lambda: Convolution(32),
    "lstm": lambda: Recurrent(20),
    "deepjet": DeepJet,
}


def make_module(name: str) -> nn.Module:
    """The network of a name, for evaluation, with weights of a fixed seed."""
    torch.manual_seed(3)
    module = MODULES[name]().eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module
