"""Where a ReLU net is smooth, by the signs of what goes into its ReLUs: the engine is not asked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from validation.evaluators import DoubleGraph

__all__ = ["away_from_kinks"]

Floats = npt.NDArray[np.float64]

FRACTIONS = (0.25, 0.5, 0.75, 1.0)


def away_from_kinks(
    function: GraphFunction, x: Floats, reach: Floats, indices: MultiIndices
) -> npt.NDArray[np.bool_]:
    """Whether no ReLU changes sides within ``reach`` (n,) along a coefficient's features, (E, K).

    Of a pair, not on its four diagonals either. ``function`` is one in float64; x (E, n).
    """
    nodes = function.proto.graph.node
    inputs = list(dict.fromkeys(n.input[0] for n in nodes if n.op_type == "Relu"))
    graph = DoubleGraph(function.proto, inputs)

    def sides(rows: Floats) -> npt.NDArray[np.bool_]:
        found = graph({function.feed: np.ascontiguousarray(rows)})
        return np.concatenate([found[name] > 0 for name in inputs], axis=1)

    here = sides(x)

    def same(features: Sequence[int]) -> npt.NDArray[np.bool_]:
        kept = np.ones(len(x), np.bool_)
        for signs in product((-1.0, 1.0), repeat=len(features)):
            towards = np.zeros(x.shape[1])
            towards[list(features)] = np.multiply(signs, reach[list(features)])
            for k in FRACTIONS:
                kept &= (sides(x + k * towards) == here).all(axis=1)
        return kept

    tuples = [tuple(sorted(set(alpha))) for alpha in indices.tuples()]
    on_axes = {i: same([i]) for i in range(x.shape[1])}
    return np.stack(
        [
            np.all([on_axes[i] for i in alpha], axis=0) & (len(alpha) == 1 or same(alpha))
            for alpha in tuples
        ],
        axis=1,
    )
