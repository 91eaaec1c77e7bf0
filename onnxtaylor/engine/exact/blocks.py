"""Coefficients block by block: the graphs, and which coefficients each of their runs yields.

The features are cut into blocks I_1, I_2, … of L features. Two graphs along directions that are fed
(``onnxtaylor.compiler.directions``) serve all of them:

    I fed, L directions         ∂f/∂x_i and ∂²f/∂x_i∂x_j with i, j in I
    I and J fed, 2L directions  ∂²f/∂x_i∂x_j with i in I and j in J

A block at the end has fewer features: the directions that remain are 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper

from onnxtaylor.compiler import DerivativeGraph
from onnxtaylor.compiler.directions import DIRECTIONS, Directions
from onnxtaylor.indices import MultiIndices

__all__ = ["BlockRun", "BlockedGraphs", "block_by_block", "whole"]

Integers = npt.NDArray[np.int64]
Derive = Callable[[MultiIndices, Directions | None], DerivativeGraph]

WITHIN, BETWEEN = 0, 1  # numbers of the two graphs


@dataclass(frozen=True)
class BlockRun:
    """One run of a graph: coefficients of one block of features, or of a pair of blocks.

    Attributes
    ----------
    graph
        Number of the graph.
    blocks
        Numbers of the blocks that are fed; empty where the graph has unit vectors of its own.
    slots
        Coefficients that the run yields, (k,).
    places
        Their numbers among the coefficients of the graph, (k,).
    """

    graph: int
    blocks: tuple[int, ...]
    slots: Integers
    places: Integers


@dataclass(frozen=True)
class BlockedGraphs:
    """Derivative graphs that together yield all coefficients, and their runs.

    Attributes
    ----------
    graphs
        The graphs; the first one marks the events on joints.
    runs
        The runs; the first one is of the first graph.
    features
        Number n of features that are differentiated.
    size
        Number L of features of a block; 0 where a single run yields everything.
    """

    graphs: tuple[DerivativeGraph, ...]
    runs: tuple[BlockRun, ...]
    features: int
    size: int = 0

    def feeds(self, run: BlockRun) -> dict[str, npt.NDArray[Any]]:
        """Makes the directions of a run: unit vectors (L or 2L, 1, n) of its blocks."""
        if not run.blocks:
            return {}
        ports = self.graphs[run.graph].proto.graph.input
        kind = next(p.type.tensor_type.elem_type for p in ports if p.name == DIRECTIONS)
        shape = (len(run.blocks) * self.size, 1, self.features)
        rows = np.zeros(shape, helper.tensor_dtype_to_np_dtype(kind))
        for k, block in enumerate(run.blocks):
            first = block * self.size
            own = np.arange(min(self.size, self.features - first))
            rows[k * self.size + own, 0, first + own] = 1.0
        return {DIRECTIONS: rows}

    def put(
        self, run: BlockRun, read: Callable[[npt.NDArray[Any]], None], terms: npt.NDArray[Any]
    ) -> None:
        """Puts the coefficients that a run yields into ``terms`` (E, C, K).

        ``read`` fills an array (E, C, K') with all coefficients of the run's graph.
        """
        if not self.size:
            read(terms)
            return
        own = np.empty((*terms.shape[:2], len(self.graphs[run.graph].indices)), terms.dtype)
        read(own)
        terms[:, :, run.slots] = own[:, :, run.places]


def whole(derive: Derive, indices: MultiIndices, features: int) -> BlockedGraphs:
    """Compiles one graph of all coefficients. Raises ModelError."""
    everything = np.arange(len(indices))
    return BlockedGraphs(
        (derive(indices, None),), (BlockRun(WITHIN, (), everything, everything),), features
    )


def block_by_block(
    derive: Derive, indices: MultiIndices, features: int, size: int
) -> BlockedGraphs:
    """Compiles the graphs of blocks of features.

    Parameters
    ----------
    derive
        Compiles the graph of some multi-indices, of features or of directions.
    indices
        The coefficients, up to order 2.
    features
        Number n of features that are differentiated.
    size
        Number L of features of a block.

    Raises
    ------
    ModelError
        The graph cannot be differentiated, or not along directions that are fed.
    """
    runs = _runs(indices, size)
    graphs = [derive(MultiIndices.full(size, indices.order), Directions(size))]
    if any(run.graph == BETWEEN for run in runs):
        table = np.stack(np.divmod(np.arange(size * size, dtype=np.int32), size), axis=1)
        table[:, 1] += size
        graphs.append(derive(MultiIndices(2 * size, table), Directions(2 * size)))
    return BlockedGraphs(tuple(graphs), runs, features, size)


def _runs(indices: MultiIndices, size: int) -> tuple[BlockRun, ...]:
    """Sorts the coefficients into blocks and pairs of blocks, those of one block first."""
    first = indices.table[:, 0].astype(np.int64)
    second = np.where(indices.orders == 2, indices.table[:, -1], first).astype(np.int64)
    (block, row), (other, column) = np.divmod(first, size), np.divmod(second, size)
    triangle = size + row * size - row * (row - 1) // 2 + column - row
    places = np.where(indices.orders == 1, row, triangle)
    places = np.where(block == other, places, row * size + column)
    order = np.lexsort((other, block, block != other))
    keys = np.stack((block, other), axis=1)[order]
    cuts = np.flatnonzero((keys[1:] != keys[:-1]).any(axis=1)) + 1
    runs = []
    for slots in np.split(order, cuts):
        i, j = int(block[slots[0]]), int(other[slots[0]])
        kind, fed = (WITHIN, (i,)) if i == j else (BETWEEN, (i, j))
        runs.append(BlockRun(kind, fed, slots, places[slots]))
    if runs[0].graph != WITHIN:  # only pairs of blocks: the first run marks joints, and yields none
        none = np.empty(0, np.int64)
        runs.insert(0, BlockRun(WITHIN, (runs[0].blocks[0],), none, none))
    return tuple(runs)
