"""The derivative of an operator: three formulas, and the table that holds them.

For a node y = φ(x) with tangents ẋ (one per feature) and adjoints ȳ (one per response),

    jvp         ẏ = φ′(x) ẋ             Jacobian-vector product: the forward sweep
    vjp         x̄ = φ′(x)ᵀ ȳ            vector-Jacobian product: the reverse sweep
    curvature   H += ẋᵀ (ȳ · D²φ) ẋ     the node's part of the Hessian

Summed over all nodes k that are not linear, the last line is the Hessian of every response,
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

from onnxtaylor.errors import ModelError, printable
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
    "refusal",
    "register",
]

Bundles = Sequence[Bundle | None]


def refusal(node: Node, reason: str) -> ModelError:
    """The error for a node that a rule cannot differentiate: its name, operator and the reason."""
    return ModelError(f"node '{printable(node.name)}' ({node.kind}): {reason}")


@dataclass(frozen=True)
class Node:
    """A node of the graph, its attributes as Python values; an omitted input is ``""``."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, proto: onnx.NodeProto) -> Node:
        """Reads a NodeProto; an operator of another domain is called ``domain.Operator``."""
        return cls(
            proto.op_type if proto.domain in ("", "ai.onnx") else f"{proto.domain}.{proto.op_type}",
            proto.name or proto.output[0],
            tuple(proto.input),
            tuple(proto.output),
            {a.name: helper.get_attribute_value(a) for a in proto.attribute},
        )

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an attribute, or a default where the node does not have it."""
        return self.attributes.get(name, default)

    def input(self, place: int) -> str:
        """The name of an input, ``""`` where the node omits it."""
        return self.inputs[place] if place < len(self.inputs) else ""


class Context(Protocol):
    """Facts about the graph around a node, for the rule of that node."""

    @property
    def e(self) -> Emitter:
        """The emitter, with which the rule writes its nodes."""

    def shape(self, name: str) -> Shape:
        """The shape of a tensor; raises ModelError where it is unknown."""

    def floor(self, name: str) -> float | None:
        """The value at which a tensor is flat, such as 0 behind Relu; None where it has none."""

    def value(self, name: str) -> npt.NDArray[Any] | None:
        """The value of a tensor that is the same for all data; None for any other tensor."""

    def format(self, name: str) -> np.dtype[Any] | None:
        """The floating-point format of a tensor; None for whole numbers and truth values."""

    def cast(self, bundle: Bundle, own: np.dtype[np.floating], to: np.dtype[np.floating]) -> Bundle:
        """Casts a bundle from the format ``own`` to the format ``to``."""

    def repeat_events(self, bundle: Bundle) -> Bundle:
        """Repeats a bundle that is the same for all events, once for each of them."""


class Curvature(Protocol):
    """Collects the terms of the Hessian, H = Σ_k Jᵀ (ā_k · D²φ_k) J."""

    def add_diagonal(self, rows: Bundle, weights: Bundle) -> None:
        """H_c += Σ_d w_cd r_d r_dᵀ over all elements d of an event."""

    def add_product(self, left: Bundle, right: Bundle, weights: Bundle) -> None:
        """H_c += Σ_d w_cd (l_d r_dᵀ + r_d l_dᵀ) over all elements d of an event."""

    def add_weighted(self, left: Bundle, right: Bundle) -> None:
        """H_c,ij += Σ_d (l_id r_cjd + l_jd r_cid), where r already contains the adjoints.

        ``right`` has C·n tangents: all n features of response 0, then those of response 1, ….
        """


class Rule(Protocol):
    """The derivative of one kind of operator.

    In all bundles, None stands for zero. A method raises ModelError (see ``refusal``) for a node
    that it cannot differentiate.
    """

    @property
    def kind(self) -> str:
        """One of constant, linear, piecewise_linear, elementwise, bilinear and general."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = φ′(x) ẋ.

        Parameters
        ----------
        c, node
            The graph around the node, and the node.
        tangents
            One bundle (n, *shape) per input: its derivatives by each feature.

        Returns
        -------
        One bundle (n, *shape) per output.
        """

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = φ′(x)ᵀ ȳ.

        Parameters
        ----------
        c, node
            The graph around the node, and the node.
        adjoints
            One bundle (C, *shape) per output: derivatives of each response by it.
        needed
            For each input, whether its adjoint is needed.

        Returns
        -------
        One bundle (C, *shape) per input; those that are not needed may be None.
        """

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """H += ẋᵀ (ȳ · D²φ) ẋ, added to ``h``; nothing where φ is linear."""


NEWEST = 26  # the newest operator set of ai.onnx that the rules were written for

RULES: dict[str, Rule] = {}
UNTIL: dict[str, int] = {}


def register(kinds: str | Iterable[str], rule: Rule, *, until: int = NEWEST) -> Rule:
    """Registers the rule of one or several operators.

    Parameters
    ----------
    kinds
        Operators of ai.onnx by their name, such as ``"Tanh"``, or operators of your own with their
        domain, ``"my.domain.Op"``. A string may hold several names, separated by spaces.
    rule
        The derivative.
    until
        The last operator set of ai.onnx for which the rule holds. It has no effect on operators of
        your own, which have no versions here: give them a new name when their meaning changes.

    Returns
    -------
    The rule.
    """
    for kind in kinds.split() if isinstance(kinds, str) else kinds:
        RULES[kind], UNTIL[kind] = rule, until
    return rule
