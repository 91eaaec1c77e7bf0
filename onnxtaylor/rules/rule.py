"""What a rule is: how tangents go forward, adjoints go back, and what a node curves.

For a node y = φ(x) with tangents ẋ (one per feature) and adjoints ȳ (one per response),

    jvp         ẏ = φ′(x) ẋ
    vjp         x̄ = φ′(x)ᵀ ȳ
    curvature   H += ẋᵀ (ȳ · D²φ) ẋ

summed over all nodes that are not linear, the last line is the Hessian of every response:
H = Σ_k Jᵀ (ā_k · D²φ_k) J.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from onnxtaylor.rules.bundle import Bundle, Shape
from onnxtaylor.rules.emit import Emitter

__all__ = [
    "NEWEST",
    "RULES",
    "UNTIL",
    "Bundles",
    "Context",
    "Curvature",
    "Node",
    "Rule",
    "register",
]

Bundles = Sequence[Bundle | None]


@dataclass(frozen=True)
class Node:
    """A node of the graph, its attributes as Python values; a missing input is ``""``."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, proto: onnx.NodeProto) -> Node:
        """The view of a NodeProto."""
        return cls(
            proto.op_type if proto.domain in ("", "ai.onnx") else f"{proto.domain}.{proto.op_type}",
            proto.name or proto.output[0],
            tuple(proto.input),
            tuple(proto.output),
            {a.name: helper.get_attribute_value(a) for a in proto.attribute},
        )

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute, or its default."""
        return self.attributes.get(name, default)

    def input(self, place: int) -> str:
        """The name of an input, ``""`` where it was left out."""
        return self.inputs[place] if place < len(self.inputs) else ""


class Context(Protocol):
    """What rules know of the graph around a node."""

    @property
    def e(self) -> Emitter:
        """Writes nodes."""

    def shape(self, name: str) -> Shape:
        """The shape of a tensor."""

    def floor(self, name: str) -> float | None:
        """The value at which a tensor is flat, such as 0 behind Relu; None where it has none."""

    def value(self, name: str) -> npt.NDArray[Any] | None:
        """The value of a tensor that is the same for all data, None for others."""

    def format(self, name: str) -> np.dtype[Any] | None:
        """The number format of a tensor; None for one of whole numbers or truth values."""

    def cast(self, bundle: Bundle, own: np.dtype[np.floating], to: np.dtype[np.floating]) -> Bundle:
        """A bundle of one format in another."""

    def repeated(self, bundle: Bundle) -> Bundle:
        """The bundle with its events repeated, as one that varies."""


class Curvature(Protocol):
    """Collects Σ_k Jᵀ (ā · D²φ) J."""

    def diagonal(self, rows: Bundle, weights: Bundle) -> None:
        """H_c += Σ_d w_cd r_d r_dᵀ over all elements d of an event."""

    def product(self, left: Bundle, right: Bundle, weights: Bundle) -> None:
        """H_c += Σ_d w_cd (l_d r_dᵀ + r_d l_dᵀ) over all elements d of an event."""

    def halves(self, left: Bundle, right: Bundle) -> None:
        """H_c,ij += Σ_d (l_id r_cjd + l_jd r_cid): right has a lead of C·n, response major."""


class Rule(Protocol):
    """The derivative of one kind of operator.

    ``kind`` names the verb: constant, linear, piecewise_linear, elementwise, bilinear or general.
    """

    @property
    def kind(self) -> str:
        """The verb."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """Tangents of the outputs from those of the inputs; None stands for zero."""

    def vjp(self, c: Context, node: Node, adjoints: Bundles, wanted: Sequence[bool]) -> Bundles:
        """Adjoints of the inputs that are wanted from those of the outputs."""

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """Adds what the node curves; nothing for linear kinds."""


NEWEST = 26  # of ai.onnx: the newest operator set that the rules were written against

RULES: dict[str, Rule] = {}
UNTIL: dict[str, int] = {}


def register(kinds: str | Iterable[str], rule: Rule, *, until: int = NEWEST) -> Rule:
    """Gives operators their rule: ``"Tanh"``, or ``"my.domain.Op"`` for one of your own.

    It serves every version of an operator of ai.onnx up to operator set ``until``. An operator of
    your own has no versions: raise the name with the meaning.
    """
    for kind in kinds.split() if isinstance(kinds, str) else kinds:
        RULES[kind], UNTIL[kind] = rule, until
    return rule
