"""Taggers of sets in PyTorch: events with padded slots, and networks that take them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

JET, PF, SV, WIDE = 4, 12, 5, 6


class DeepSets(nn.Module):
    """Constituents and vertices embedded each by itself, summed over filled slots; classes.

    The masks are 1 where a slot is filled.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pf = nn.Sequential(nn.Linear(PF, WIDE), nn.SiLU(), nn.Linear(WIDE, WIDE), nn.Tanh())
        self.sv = nn.Sequential(nn.Linear(SV, WIDE), nn.Tanh())
        self.head = nn.Sequential(nn.Linear(JET + 2 * WIDE, WIDE), nn.SiLU(), nn.Linear(WIDE, 3))

    def forward(self, jet, pf, pf_mask, sv, sv_mask):
        pooled = (self.pf(pf) * pf_mask.unsqueeze(-1)).sum(1) / 4
        vertices = (self.sv(sv) * sv_mask.unsqueeze(-1)).sum(1)
        return torch.softmax(self.head(torch.cat([jet, pooled, vertices], 1)), 1)


class Attention(nn.Module):
    """Two heads between all tokens but the padded ones, and what an encoder layer has around them.

    PyTorch's own layer, when it is traced, keeps the number of tokens that it was traced with.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.norms = nn.ModuleList([nn.LayerNorm(size, eps=2.0**-16) for _ in range(2)])
        self.dense = nn.Sequential(nn.Linear(size, size), nn.SiLU(), nn.Linear(size, size))

    def forward(self, h, key_padding_mask):
        size = h.size(2)
        q, k, v = (
            part.reshape(h.size(0), -1, 2, size // 2).transpose(1, 2)
            for part in self.inner(h).chunk(3, -1)
        )
        scores = q @ k.transpose(-1, -2) / (size // 2) ** 0.5
        scores = scores.masked_fill(key_padding_mask[:, None, None], float("-inf"))
        mixed = (torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(h.size(0), -1, size)
        h = self.norms[0](h + self.outer(mixed))
        return self.norms[1](h + self.dense(h))


class Transformer(nn.Module):
    """An encoder layer over constituents and vertices, read where the jet itself stands.

    The masks are true where a slot is padded, as ``key_padding_mask`` has it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.jet, self.pf, self.sv = (nn.Linear(k, 8) for k in (JET, PF, SV))
        self.layer = Attention(8)
        self.head = nn.Linear(8, 3)

    def forward(self, jet, pf, pf_mask, sv, sv_mask):
        tokens = torch.cat([self.jet(jet).unsqueeze(1), self.pf(pf), self.sv(sv)], 1)
        padded = torch.cat([torch.zeros_like(pf_mask[:, :1]), pf_mask, sv_mask], 1)
        h = self.layer(tokens, padded)
        return torch.softmax(self.head(h[:, 0]), 1)


class ParticleNet(nn.Module):
    """Edge convolutions over the nearest constituents; the second ones are near in latent space.

    The layout is that of production: [batch, variable, slot], and the mask [batch, 1, slot] of
    numbers.
    """

    NEAR = 3

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(PF)
        self.edges = nn.ModuleList([self.edge(2 * PF), self.edge(2 * WIDE)])
        self.short = nn.ModuleList([nn.Conv1d(PF, WIDE, 1), nn.Conv1d(WIDE, WIDE, 1)])
        self.head = nn.Sequential(nn.Linear(WIDE, WIDE), nn.ReLU(), nn.Linear(WIDE, 2))

    @staticmethod
    def edge(size: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(size, WIDE, 1, bias=False),
            nn.BatchNorm2d(WIDE),
            nn.ReLU(),
            nn.Conv2d(WIDE, WIDE, 1),
            nn.Tanh(),
        )

    def forward(self, points, features, mask):
        shift = (mask == 0).to(points.dtype) * 1e9
        where, h = points * mask, self.norm(features) * mask
        for edge, short in zip(self.edges, self.short, strict=True):
            near = self.neighbours(where + shift)
            both = self.pairs(h, near)
            h = torch.tanh(short(h) + edge(both).mean(-1)) * mask
            where = h
        return torch.softmax(self.head(h.sum(-1) / mask.sum(-1)), 1)

    def neighbours(self, where):
        """Places (B, slots, NEAR) of the nearest other slots."""
        inner = -2 * torch.matmul(where.transpose(2, 1), where)
        square = (where**2).sum(1, keepdim=True)
        apart = -square - inner - square.transpose(2, 1)
        return apart.topk(self.NEAR + 1, dim=-1)[1][:, :, 1:]

    def pairs(self, h, near):
        """Features of a slot, beside its neighbours' relative to it (B, 2 size, slots, NEAR)."""
        size, slots = h.size(1), h.size(2)
        start = torch.arange(h.size(0)).view(-1, 1, 1) * slots
        flat = h.transpose(0, 1).reshape(size, -1)
        found = flat[:, (near + start).reshape(-1)]
        found = found.view(size, -1, slots, self.NEAR).transpose(1, 0)
        own = h.unsqueeze(-1).expand(-1, -1, -1, self.NEAR)
        return torch.cat([own, found - own], 1)


class DeepJet(nn.Module):
    """Global features, two kinds of candidates through 1×1 convolutions and LSTMs, and vertices."""

    def __init__(self) -> None:
        super().__init__()
        sizes = {"charged": 16, "neutral": 6, "vertices": 12}
        self.convolutions = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Conv1d(k, 8, 1), nn.ReLU(), nn.Conv1d(8, 4, 1), nn.Tanh())
                for name, k in sizes.items()
            }
        )
        self.lstms = nn.ModuleDict({k: nn.LSTM(4, 5, batch_first=True) for k in sizes})
        self.head = nn.Sequential(nn.Linear(15 + 15, 8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, general, charged, neutral, vertices):
        parts = [general]
        for name, x in (("charged", charged), ("neutral", neutral), ("vertices", vertices)):
            h = self.convolutions[name](x.transpose(1, 2)).transpose(1, 2)
            parts.append(self.lstms[name](h)[0][:, -1])
        return torch.softmax(self.head(torch.cat(parts, 1)), 1)


def filled(random: np.random.Generator, count: int, slots: int, least: int) -> np.ndarray:
    """Flags (count, slots) of filled slots: the first ones, at least so many of each event."""
    return np.arange(slots) < random.integers(least, slots + 1, count)[:, None]


def tagger_events(
    count: int, *, pf: int, sv: int, double: bool, padded: bool = False, seed: int = 5
) -> dict[str, np.ndarray]:
    """One array per input of ``DeepSets`` and ``Transformer``, padded with zeros.

    ``padded``: the masks are true where a slot is padded; else they are numbers, 1 where filled.
    """
    random = np.random.default_rng(seed)
    kind = np.float64 if double else np.float32
    rows = {"jet": random.normal(size=(count, JET))}
    for name, slots, size, least in (("pf", pf, PF, 2), ("sv", sv, SV, 0)):
        flags = filled(random, count, slots, least)
        rows[name] = random.normal(size=(count, slots, size)) * flags[..., None]
        rows[f"{name}_mask"] = ~flags if padded else flags.astype(float)
    return {k: v if v.dtype == bool else v.astype(kind) for k, v in rows.items()}


def particle_events(count: int, *, slots: int, double: bool, seed: int = 6):
    """One array per input of ``ParticleNet``, padded with zeros."""
    random = np.random.default_rng(seed)
    kind = np.float64 if double else np.float32
    mask = filled(random, count, slots, 5)[:, None]
    features = random.normal(size=(count, PF, slots))
    points = features[:, :2]
    rows = {"points": points * mask, "features": features * mask, "mask": mask}
    return {name: value.astype(kind) for name, value in rows.items()}


def jet_events(count: int, *, double: bool, seed: int = 7) -> dict[str, np.ndarray]:
    """One array per input of ``DeepJet``."""
    random = np.random.default_rng(seed)
    kind = np.float64 if double else np.float32
    shapes = {"general": (15,), "charged": (25, 16), "neutral": (25, 6), "vertices": (4, 12)}
    return {k: random.normal(size=(count, *s)).astype(kind) for k, s in shapes.items()}
