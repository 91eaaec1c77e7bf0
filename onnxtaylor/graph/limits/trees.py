"""Tables of tree ensembles: each must describe trees, whose leaves, features and targets exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["TREE_FAULTS"]

Attributes = Mapping[str, Any]
Whole = npt.NDArray[np.int64]

MOST_TARGETS = 2**20
MODES = {b"BRANCH_LEQ", b"BRANCH_LT", b"BRANCH_GTE", b"BRANCH_GT", b"BRANCH_EQ", b"BRANCH_NEQ",
         b"BRANCH_MEMBER", b"LEAF"}  # fmt: skip


def _ensemble(a: Attributes, kind: str, responses: int) -> str:
    """Returns what is wrong with an ensemble in the form of operator sets 1 to 3, empty: nothing.

    ``kind`` begins the names of the columns about leaves: ``target`` or ``class``.
    """
    trees, nodes = _column(a, "nodes_treeids"), _column(a, "nodes_nodeids")
    modes = list(a.get("nodes_modes", ()))
    if not len(nodes):
        return "it has no nodes"
    if len(trees) != len(nodes):
        return f"nodes_treeids has {len(trees)} entries for {len(nodes)} nodes"
    for name in ("modes", "truenodeids", "falsenodeids", "featureids", "values"):
        length = _length(a, f"nodes_{name}")
        if length != len(nodes):
            return f"nodes_{name} has {length} entries for {len(nodes)} nodes"
    if not MODES.issuperset(modes):
        return "nodes_modes has a mode that does not exist"
    inner = np.array(modes) != b"LEAF"
    if (_column(a, "nodes_featureids")[inner] < 0).any():
        return "nodes_featureids has a feature below 0"
    if not _Places.fits(trees, nodes):
        return "nodes_treeids or nodes_nodeids has a number that is not within 0 to 2³¹ − 1"
    places = _Places(trees, nodes)
    if places.repeated:
        return "two nodes of a tree have one number"
    children = np.full((len(nodes), 2), -1)
    for side, name in enumerate(("nodes_truenodeids", "nodes_falsenodeids")):
        children[inner, side] = places.find(trees[inner], _column(a, name)[inner])
    if (children[inner] < 0).any():
        return "a node leads to one that its tree does not have"
    if _has_circle(children):
        return "a node leads back to itself"
    return _leaves(a, kind, places, ~inner, responses)


class _Places:
    """Place of each node in the columns, by the numbers of its tree and of the node."""

    def __init__(self, trees: Whole, nodes: Whole) -> None:
        self._span = int(nodes.max()) + 1
        codes = trees * self._span + nodes
        self._order = np.argsort(codes, kind="stable")
        self._codes = codes[self._order]

    @staticmethod
    def fits(trees: Whole, nodes: Whole) -> bool:
        """Tells whether all numbers are from 0 to 2³¹ − 1, so that none overflows."""
        return all(column.min() >= 0 and column.max() < 2**31 for column in (trees, nodes))

    @property
    def repeated(self) -> bool:
        """Whether two nodes have the same numbers."""
        return bool((np.diff(self._codes) == 0).any())

    def find(self, trees: Whole, nodes: Whole) -> Whole:
        """Returns the places of nodes, −1 for those that do not exist."""
        within = (nodes >= 0) & (nodes < self._span) & (trees >= 0) & (trees < 2**31)
        codes = np.where(within, trees, 0) * self._span + np.where(within, nodes, 0)
        near = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        return np.where(within & (self._codes[near] == codes), self._order[near], -1)


def _has_circle(children: Whole) -> bool:
    """Tells whether a node is reached from itself; ``children`` (nodes, 2) are −1 at leaves.

    Nodes to which none leads are taken away, again and again: what stays is a circle.
    """
    leads = np.bincount(children[children >= 0], minlength=len(children))
    front = np.flatnonzero(leads == 0)
    gone = 0
    while len(front):
        gone += len(front)
        below = children[front].ravel()
        below, times = np.unique(below[below >= 0], return_counts=True)
        leads[below] -= times
        front = below[leads[below] == 0]
    return gone < len(children)


def _leaves(
    a: Attributes, kind: str, places: _Places, leaf: npt.NDArray[np.bool_], responses: int
) -> str:
    """Returns what is wrong with the columns about leaves."""
    trees, nodes = _column(a, f"{kind}_treeids"), _column(a, f"{kind}_nodeids")
    ids = _column(a, f"{kind}_ids")
    weights = _length(a, f"{kind}_weights")
    if not len(trees) == len(nodes) == len(ids) == weights:
        return f"columns of {kind} have different lengths"
    found = places.find(trees, nodes)
    if (found < 0).any() or not leaf[found].all():
        return f"{kind}_nodeids names a node that is no leaf"
    if len(ids) and not (ids.min() >= 0 and ids.max() < responses):
        return f"{kind}_ids is not within 0 to {responses - 1}"
    return ""


def _length(a: Attributes, name: str) -> int:
    """Returns the length of a column of numbers, which may be stored as a tensor."""
    tensor = a.get(f"{name}_as_tensor")
    if name in a or tensor is None:
        return len(a.get(name, ()))
    return int(tensor.dims[0]) if tensor.dims else 1


def _regressor(a: Attributes) -> str:
    targets = int(a.get("n_targets", 1))
    if not 1 <= targets <= MOST_TARGETS:
        return f"n_targets is {targets}, which is not within 1 to {MOST_TARGETS}"
    return _ensemble(a, "target", targets) or _base(a, targets)


def _classifier(a: Attributes) -> str:
    labels = a.get("classlabels_strings") or a.get("classlabels_int64s") or ()
    if not labels:
        return "it has no labels of classes"
    return _ensemble(a, "class", len(labels)) or _base(a, len(labels))


def _base(a: Attributes, responses: int) -> str:
    count = len(a.get("base_values", ()))
    # one number is enough for two classes
    if count not in (0, 1, responses):
        return f"base_values has {count} numbers for {responses} responses"
    return ""


def _column(a: Attributes, name: str) -> Whole:
    return np.asarray(a.get(name, ()), dtype=np.int64)


def _newer(a: Attributes) -> str:
    """Returns what is wrong with a TreeEnsemble of operator set 5, whose numbers are places."""
    features = _column(a, "nodes_featureids")
    inner, leaves = len(features), len(_column(a, "leaf_targetids"))
    targets = int(a.get("n_targets", 1))
    if not 1 <= targets <= MOST_TARGETS:
        return f"n_targets is {targets}, which is not within 1 to {MOST_TARGETS}"
    if (features < 0).any():
        return "nodes_featureids has a feature below 0"
    if not leaves:
        return "it has no leaves"
    ids = _column(a, "leaf_targetids")
    if ids.min() < 0 or ids.max() >= targets:
        return f"leaf_targetids is not within 0 to {targets - 1}"
    for side in ("true", "false"):
        to, is_leaf = _column(a, f"nodes_{side}nodeids"), _column(a, f"nodes_{side}leafs")
        if len(to) != inner or len(is_leaf) != inner:
            return f"nodes_{side}nodeids and nodes_{side}leafs must have {inner} entries"
        most = np.where(is_leaf != 0, leaves, inner)
        if ((to < 0) | (to >= most)).any():
            return f"nodes_{side}nodeids names what does not exist"
    roots = _column(a, "tree_roots")
    if len(roots) and (roots.min() < 0 or roots.max() >= max(inner, leaves)):
        return "tree_roots names what does not exist"
    return ""


TREE_FAULTS: dict[str, Callable[[Attributes], str]] = {
    "TreeEnsembleRegressor": _regressor,
    "TreeEnsembleClassifier": _classifier,
    "TreeEnsemble": _newer,
}
