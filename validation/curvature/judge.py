"""How near the nets of the toys are to the closed form, and what is claimed of them.

A deviation is ⟨t⟩ of a net over that of the closed form on the same events, less one; of several
nets their median counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from validation.study import Claim
from validation.toy_studies.patterns import PUBLISHED, follows

__all__ = [
    "ABSOLUTE",
    "AVERAGED",
    "KINKED",
    "LEADING",
    "LIMIT",
    "SMOOTH",
    "Net",
    "deviation",
    "difference",
    "leading",
    "second_order",
    "toy_claims",
]

Net = Mapping[str, Any]
Toys = Mapping[str, Mapping[str, Any]]
LEADING = 0.06  # of the leading coefficient of second order
LIMIT, ABSOLUTE = 0.15, 0.01  # of every other: one of the two
TIED = 0.01  # coefficients nearer to the largest than this lead with it
KINKED, SMOOTH = ("relu", "leaky_relu"), ("elu", "gelu", "tanh")
AVERAGED, POINTWISE = "averaged", "pointwise"
FEWEST = 0.5  # pointwise, less than this of t_12 of B is seen: the problem, as it is told


def second_order(names: Iterable[str]) -> list[str]:
    """The coefficients of second order.

    >>> second_order(["t_1", "t_11", "t_12"])
    ['t_11', 't_12']
    """
    return [name for name in names if len(name) == len("t_11")]


def leading(expected: Mapping[str, float]) -> list[str]:
    """The largest coefficient of second order, with those that are as large by symmetry."""
    second = {name: expected[name] for name in second_order(expected)}
    return [name for name, value in second.items() if value >= (1 - TIED) * max(second.values())]


def deviation(nets: Sequence[Net], name: str, curvature: str) -> float:
    """Median of ⟨t⟩ over that of the closed form, less one."""
    ratios: list[float] = [net[curvature][name] / net["closed_form"][name] for net in nets]
    return median(ratios) - 1


def difference(nets: Sequence[Net], name: str, curvature: str) -> float:
    """Median of ⟨t⟩ less that of the closed form."""
    apart: list[float] = [net[curvature][name] - net["closed_form"][name] for net in nets]
    return median(apart)


def toy_claims(toys: Toys) -> list[Claim]:
    """What has to hold of the nets; ``toys`` as ``study.run`` puts them together."""
    nets = [
        (key, net) for one in toys.values() for key, found in one["nets"].items() for net in found
    ]
    return [
        _chosen(nets),
        *(claim for key in KINKED for claim in (_leading(toys, key), _all(toys, key))),
        *(_order(toys, key) for key in KINKED),
        _agree(nets),
        _missed(toys),
    ]


def _chosen(nets: Sequence[tuple[str, Net]]) -> Claim:
    kinked = [net["auto"] for key, net in nets if key in KINKED]
    smooth = [net["auto"] for key, net in nets if key in SMOOTH]
    return Claim(
        "by default second order is averaged in every ReLU and LeakyReLU net, and pointwise in"
        " every ELU, GELU and tanh net",
        f"averaged in {kinked.count(AVERAGED)} of {len(kinked)}, pointwise in"
        f" {smooth.count(POINTWISE)} of {len(smooth)}",
        set(kinked) == {AVERAGED} and set(smooth) == {POINTWISE},
    )


def _leading(toys: Toys, key: str) -> Claim:
    off = {
        (toy, name): deviation(toys[toy]["nets"][key], name, AVERAGED)
        for toy in PUBLISHED
        for name in leading(toys[toy]["expected"])
    }
    toy, name = max(off, key=lambda place: abs(off[place]))
    return Claim(
        f"{_title(key)}, A to D: the leading coefficient of second order is within {LEADING:.0%} of"
        " the closed form",
        f"{off[toy, name]:+.1%} at most ({toy}, {name})",
        abs(off[toy, name]) <= LEADING,
    )


def _all(toys: Toys, key: str) -> Claim:
    excess = {}
    for toy in PUBLISHED:
        nets = toys[toy]["nets"][key]
        for name in second_order(toys[toy]["expected"]):
            share = abs(deviation(nets, name, AVERAGED)) / LIMIT
            excess[toy, name] = min(share, abs(difference(nets, name, AVERAGED)) / ABSOLUTE)
    toy, name = max(excess, key=lambda place: excess[place])
    nets = toys[toy]["nets"][key]
    return Claim(
        f"{_title(key)}, A to D: every coefficient of second order is within {LIMIT:.0%} or"
        f" {ABSOLUTE:g} of the closed form",
        f"{deviation(nets, name, AVERAGED):+.1%}, {difference(nets, name, AVERAGED):+.4f} at most"
        f" ({toy}, {name})",
        max(excess.values()) <= 1,
    )


def _order(toys: Toys, key: str) -> Claim:
    kept, total, medians = 0, 0, []
    for toy, pattern in PUBLISHED.items():
        nets = [net["averaged"] for net in toys[toy]["nets"][key]]
        kept += sum(follows(net, pattern) for net in nets)
        total += len(nets)
        middle = {name: median(net[name] for net in nets) for name in nets[0]}
        if not follows(middle, pattern):
            medians.append(toy)
    where = f"but not in {', '.join(medians)}" if medians else "in every toy"
    return Claim(
        f"{_title(key)}, A to D: the medians of the coefficients stand in the published order",
        f"{where}; so do those of {kept} of {total} nets",
        not medians,
    )


def _agree(nets: Sequence[tuple[str, Net]]) -> Claim:
    own = [net for key, net in nets if key in KINKED]
    agreed = sum(net["check"] == "agrees" for net in own)
    aside = sum(net["kinks"] for net in own)
    rest = [net["check"] for key, net in nets if key not in KINKED]
    return Claim(
        "both engines agree on every net, by default options, and set no coefficient aside",
        f"{agreed} of {len(own)} nets of ReLU and LeakyReLU, {aside} coefficients aside;"
        f" {rest.count('agrees')} of {len(rest)} others",
        agreed == len(own) and not aside and set(rest) == {"agrees"},
    )


def _missed(toys: Toys) -> Claim:
    shares = [1 + deviation(toys["B"]["nets"][key], "t_12", POINTWISE) for key in KINKED]
    return Claim(
        f"pointwise these nets show less than {FEWEST:.0%} of t_12 of B, the pair that alone"
        " separates the classes",
        " and ".join(f"{share:.0%}" for share in shares),
        max(shares) < FEWEST,
    )


def _title(key: str) -> str:
    return {"relu": "ReLU", "leaky_relu": "LeakyReLU"}[key]
