"""The programs by name.

Each is written the way its documentation shows, with the sums over the batch inside what it
compiles. Its module is imported when the program is made, after the threads are set.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

from validation.performance.peers.net import CURVATURES, Net
from validation.performance.peers.program import Program

__all__ = ["EXACT", "PROGRAMS", "Entry", "first_batch", "fitting", "make"]

EXACT = "exact"
TANGENT_BYTES = 2**22
MOST_EVENTS = 4096


@dataclass(frozen=True)
class Entry:
    """One program: its title in the tables, and where it is."""

    title: str
    place: str
    batches: bool = True
    """Whether it is to be called with batches of a size chosen for it."""
    exact: bool = True
    """Whether its derivatives are exact, so that it must agree."""
    curvatures: tuple[str, ...] = ("pointwise",)
    """What second order it computes."""


PROGRAMS = {
    EXACT: Entry("onnxtaylor, exact", "engines:ExactEngine", batches=False, curvatures=CURVATURES),
    "differences": Entry("onnxtaylor, differences", "engines:Stencil", False, exact=False),
    "jax": Entry("JAX, `jit(vmap(jacfwd(jacrev)))`", "with_jax:ForwardOverReverse"),
    "jax-hessian": Entry("JAX, `jit(vmap(hessian))`", "with_jax:Hessian"),
    "torch": Entry("torch.func, `vmap(jacfwd(jacrev))`", "with_torch:Eager"),
    "torch-compile": Entry("torch.func, `torch.compile(make_fx)`", "with_torch:Inductor"),
    "tensorflow-xla": Entry("TensorFlow with XLA, forward over reverse", "with_tensorflow:Xla"),
    "tensorflow-forward": Entry("TensorFlow, forward over reverse", "with_tensorflow:Forward"),
    "tensorflow": Entry("TensorFlow, nested `batch_jacobian`", "with_tensorflow:Nested"),
    "jax-averaged": Entry(
        "JAX, `jit(vmap(jacrev))` at both ends of each step",
        "with_jax:Averaged",
        curvatures=("averaged",),
    ),
    "torch-averaged": Entry(
        "torch.func, `vmap(jacrev)` at both ends of each step",
        "with_torch:Averaged",
        curvatures=("averaged",),
    ),
    "torch-averaged-compile": Entry(
        "the same, `torch.compile(make_fx)`",
        "with_torch:AveragedInductor",
        curvatures=("averaged",),
    ),
    "limit": Entry(
        "limit: matrix products of as many FLOPs",
        "products:Products",
        batches=False,
        curvatures=CURVATURES,
    ),
}


def fitting(names: Iterable[str], net: Net) -> list[str]:
    """Those of the programs that compute the net's second order."""
    return [name for name in names if net.curvature in PROGRAMS[name].curvatures]


def make(name: str, net: Net, threads: int) -> Program:
    """The program. Raises ImportError where its library is not installed."""
    module, kind = PROGRAMS[name].place.split(":")
    found = importlib.import_module(f"{__package__}.{module}")
    program: Program = getattr(found, kind)(net, threads)
    return program


def first_batch(name: str, net: Net) -> int:
    """The batch size to begin the search with: a power of two, or 0 where none is to be chosen.

    Peers hold C·n tangents of the widest layer for every event, twice as many adjoints for second
    order averaged over steps: about 4 MiB of them.
    """
    if not PROGRAMS[name].batches:
        return 0
    event = 4 * net.outputs * net.features * max(*net.hidden, net.features) * (1 + net.averaged)
    return int(min(MOST_EVENTS // 4, 2 ** max(0, round(math.log2(TANGENT_BYTES / event)))))
