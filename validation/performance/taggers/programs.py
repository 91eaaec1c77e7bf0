"""The programs that are compared, by name."""

from __future__ import annotations

import importlib

from validation.performance.peers.program import Program
from validation.performance.taggers.tagger import Tagger

__all__ = ["EXACT", "PROGRAMS", "fitting", "make"]

EXACT = "exact"
PROGRAMS = {
    EXACT: ("onnxtaylor, exact", "validation.performance.peers.engines:ExactEngine"),
    "torch": ("torch.func", "validation.performance.taggers.with_torch:Eager"),
    "torch-compile": ("torch.compile", "validation.performance.taggers.with_torch:Inductor"),
    "backward": ("reverse passes", "validation.performance.taggers.with_torch:Backward"),
}


def fitting(tagger: Tagger) -> list[str]:
    """The programs beside ours: reverse passes are the measure of order 1 of the DeepJet-like."""
    passes = tagger.name == "deepjet" and tagger.order == 1
    return ["torch", "torch-compile", *(["backward"] if passes else [])]


def make(name: str, tagger: Tagger, threads: int) -> Program:
    """The program. Raises ImportError where its library is not installed."""
    module, kind = PROGRAMS[name][1].split(":")
    program: Program = getattr(importlib.import_module(module), kind)(tagger, threads)
    return program
