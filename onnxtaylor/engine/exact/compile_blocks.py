"""A function's derivative graphs for blocks of features, or one graph of everything."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler import DerivativeGraph
from onnxtaylor.compiler.directions import Directions
from onnxtaylor.engine.exact.blocks import BlockedGraphs, block_by_block, whole
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices

__all__ = ["compile_blocks"]

Floats = npt.NDArray[np.float64]


def compile_blocks(
    function: GraphFunction,
    indices: MultiIndices,
    x: Floats,
    size: int,
    *,
    joints: bool = False,
    strong: bool | None = False,
    kernel: bool = False,
) -> BlockedGraphs:
    """Compiles the loose derivative graphs of a function.

    Parameters
    ----------
    function, indices, x, joints, strong
        As for ``derive``.
    size
        Number of features of a block; 0: one graph of everything.
    kernel
        Whether the one graph of everything leaves products of rows to a kernel.

    Raises
    ------
    ModelError
        The graph cannot be differentiated, or not block by block: third order has no blocks.
    """

    def derived(indices: MultiIndices, directions: Directions | None) -> DerivativeGraph:
        kind = partial(derive, loose=True, joints=joints, strong=strong, kernel=kernel and not size)
        return kind(function, indices, x, directions=directions)

    if not size:
        return whole(derived, indices, function.n_varied)
    if indices.order > 2:
        raise ModelError("third order is not computed block by block")
    return block_by_block(derived, indices, function.n_varied, size)
