"""Directions in place of the features: derivatives along vectors that are fed with the events.

With directions v_1 … v_L the coefficients are those of g(s) = f(x + Σ_l s_l v_l) at s = 0:

    ∂g/∂s_l = J v_l        ∂²g/∂s_k∂s_l = v_kᵀ H v_l

The unit vectors of a few features are a block of the Jacobian and of the Hessian: one graph serves
all blocks of that size.

The reverse sweep may begin at fed vectors, too: ``ADJOINTS`` u_1 … u_L (L, N, C), of which it makes
Jᵀ u_l.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from onnxtaylor.rules.bundle import Bundle
from onnxtaylor.rules.emit import Emitter

__all__ = ["ADJOINTS", "DIRECTIONS", "Directions"]

DIRECTIONS, ADJOINTS = "onnxtaylor/directions", "onnxtaylor/adjoints"


@dataclass(frozen=True)
class Directions:
    """The vectors along which a graph is differentiated.

    The graph has a further input ``DIRECTIONS``: (L, 1, n), the same vectors for all events, or,
    where they are chosen ``by_event``, (L, N, n).

    Parameters
    ----------
    count
        Number L of directions.
    by_event
        Whether every event has directions of its own.
    """

    count: int
    by_event: bool = False

    def seed(self, e: Emitter, n: int) -> Bundle:
        """Returns the bundle of tangents (L, N or 1, n) that the forward sweep begins with."""
        if not self.by_event:
            # random numbers stand in for them: no rule may take a zero of theirs for granted
            stand_in = np.random.default_rng(0).uniform(0.5, 1.0, (self.count, 1, n))
            e.adopt(DIRECTIONS, stand_in.astype(e.dtype), frozenset({DIRECTIONS}))
        return Bundle(DIRECTIONS, self.count, (-1, n), varies=self.by_event)

    def port(self, dtype: npt.DTypeLike, n: int) -> onnx.ValueInfoProto:
        """Describes the graph's input."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        shape = [self.count, "N" if self.by_event else 1, n]
        return helper.make_tensor_value_info(DIRECTIONS, kind, shape)
