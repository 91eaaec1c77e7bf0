"""Response nodes of a model, and the class of events that each of them is the score of.

The response of class c is the one whose score says "this event is of class c". Its node is never
guessed. It is known where

1. the user names the classes in the order of the nodes: ``classes=["a", "b"]``;
2. the names of the nodes are the labels of the data: the names that the model carries (ZipMap,
   names in the metadata, names of its outputs), or ``output_names`` of the user;
3. the labels are the whole numbers 0 … C−1 and the model has one output of C nodes, which it does
   not name by other numbers: label k is node k. This is how cross entropy and one-hot encoding
   count classes in every framework. A model of one node that is trained with the labels 0 and 1
   responds with the probability of 1: its class is 1.

Names and labels must agree one to one: a label without a node, or a node without a label, shows
that a name is misspelt or that the data are those of another model. A model of one node separates
its class from all others, so that it needs only one of the labels. Everything else is refused: the
order of the alphabet, or that of the data, says nothing about the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from onnxtaylor.errors import OptionError, is_unicode, join_names, name_hint, printable

__all__ = [
    "ResponseNode",
    "agree_with_labels",
    "classes_of",
    "name_nodes",
    "names_as_text",
    "nodes_of_names",
]


@dataclass(frozen=True)
class ResponseNode:
    """One node of the model's outputs.

    ``node`` is its place in the model, such as ``p[2]``, ``name`` its name in tables and figures,
    and ``label`` the class of events that the user assigned to it, None where there is none.
    """

    node: str
    name: str
    label: str | None = None


def nodes_of_names(names: Sequence[str]) -> tuple[ResponseNode, ...]:
    """Returns nodes that have names only, as in results of earlier versions.

    Such results do not list the nodes that were not analyzed. The place of ``p[2]`` follows from
    its name, the place of ``ggh`` does not.
    """
    return tuple(ResponseNode(name if _number(name) is not None else "", name) for name in names)


def name_nodes(
    nodes: Sequence[str],
    stored: Sequence[str],
    *,
    names: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> tuple[ResponseNode, ...]:
    """Returns the nodes of a model under the names that the user gives them, else those stored.

    Parameters
    ----------
    nodes
        Places of the nodes in the model, such as ``p[2]``.
    stored
        Names that the model carries, or the places again.
    names
        Names that the user gives, one for each node.
    classes
        Labels of the nodes' classes, one for each node; they are the names where there are none.

    Raises
    ------
    OptionError
        For another number of names than of nodes, an empty name, a name that occurs twice, and
        one that the model has for another node.
    """
    for option, given in (("output_names", names), ("classes", classes)):
        if given:
            _check_names(option, given, nodes, stored)
    shown = names or classes or stored
    labels: Sequence[str | None] = classes or [None] * len(nodes)
    return tuple(map(ResponseNode, nodes, shown, labels))


def names_as_text(values: Iterable[object] | None) -> tuple[str, ...]:
    """Returns names of classes or nodes as text; 1.0 is ``1``, as in the labels of data."""
    if values is None:
        return ()
    items = [values] if isinstance(values, str) else list(values)
    return tuple(str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in items)


def agree_with_labels(nodes: Sequence[ResponseNode], labels: Sequence[str]) -> None:
    """Raises OptionError where the classes that the user named are not the labels of the data.

    Without named classes, or without labels, there is nothing to compare.
    """
    classes = [node.label for node in nodes if node.label is not None]
    if not classes or not labels:
        return
    unknown = [name for name in classes if name not in labels]
    if unknown:
        free = [name for name in labels if name not in classes] or list(labels)
        raise OptionError(
            f"must be labels of the data, and no label of the data is called {_quoted(unknown)}"
            f"{name_hint(unknown[0], free)}",
            option="classes",
        )
    left = [name for name in labels if name not in classes]
    if left and len(nodes) > 1:
        raise OptionError(
            f"must name all labels of the data, and the data have events of {_quoted(left)}, which"
            f" is none of {join_names(classes)}: leave these events out, or correct their label",
            option="classes",
        )


def classes_of(
    nodes: Sequence[ResponseNode], chosen: Sequence[str], labels: Sequence[str]
) -> list[str]:
    """Returns the label of each chosen response's own class, by the rules of this module.

    Parameters
    ----------
    nodes
        All nodes of the outputs.
    chosen
        Names of the nodes that were analyzed.
    labels
        Labels of the data.

    Raises
    ------
    OptionError
        Where a class is not known; the message says how to name it.
    """
    if not labels:
        raise OptionError(
            "needs the classes of the events: analyze with labels=…", option="per_class"
        )
    agree_with_labels(nodes, labels)
    pairs = _by_user(nodes) or _by_name(nodes, labels) or _by_number(nodes, labels)
    if pairs is None:
        raise OptionError(f"is not possible: {_refusal(nodes, labels)}", option="per_class")
    return [pairs[name] for name in chosen]


def _by_user(nodes: Sequence[ResponseNode]) -> dict[str, str] | None:
    """Labels by the names of their responses, where the user named the classes."""
    pairs = {node.name: node.label for node in nodes if node.label is not None}
    return pairs if len(pairs) == len(nodes) else None


def _by_name(nodes: Sequence[ResponseNode], labels: Sequence[str]) -> dict[str, str] | None:
    """Labels by the names of their responses, where labels and names agree.

    There may be more labels than nodes for a model of one node, and in a result of an earlier
    version, which lists only the nodes that were analyzed.
    """
    names = [node.name for node in nodes]
    may_be_fewer = len(nodes) == 1 or not any(node.node for node in nodes)
    same = set(names) <= set(labels) if may_be_fewer else set(names) == set(labels)
    return {name: name for name in names} if same else None


def _by_number(nodes: Sequence[ResponseNode], labels: Sequence[str]) -> dict[str, str] | None:
    """Labels that are the numbers of the nodes: 0 … C−1, or 0 and 1 for a single node."""
    count = len(nodes)
    if set(labels) != {str(k) for k in range(max(count, 2))}:
        return None
    if any(node.name.strip().lstrip("+-").isdecimal() for node in nodes):
        return None  # the model counts its classes in another way
    if count == 1:
        alone = nodes[0].node and _number(nodes[0].node) is None
        return {nodes[0].name: "1"} if alone else None
    if len({node.node.rpartition("[")[0] for node in nodes}) > 1:
        return None  # several outputs: each counts from 0
    if [_number(node.node) for node in nodes] != list(range(count)):
        return None
    return {node.name: str(k) for k, node in enumerate(nodes)}


def _number(node: str) -> int | None:
    """k of ``p[k]``; None for an output that has one node."""
    tensor, bracket, rest = node.rpartition("[")
    number = rest.removesuffix("]")
    return int(number) if tensor and bracket and number.isdecimal() else None


def _refusal(nodes: Sequence[ResponseNode], labels: Sequence[str]) -> str:
    """Why responses and labels cannot be paired, and the way out."""
    names = [node.name for node in nodes]
    if len(nodes) == 1:
        return (
            f"nothing says which class the response {join_names(names)} is the score of: name it,"
            f" one of the labels {join_names(labels)}, with classes=…"
        )
    alone = [name for name in names if name not in labels]
    without = [name for name in labels if name not in names]
    way_out = (
        "name the labels in the order of the responses with classes=…"
        if len(labels) == len(nodes)
        else "use labels of one class for each response, or leave per_class=True out"
    )
    if len(alone) < len(names):  # some names are labels: a misspelt name, or other data
        parts = [f"no response is called {_quoted(without)}"] if without else []
        parts += [f"no label is called {_quoted(alone)}"] if alone else []
        return f"{' and '.join(parts)}: correct the labels, or {way_out}"
    if len(labels) != len(nodes):
        return (
            f"{len(nodes)} responses ({join_names(names)}) and {len(labels)} label"
            f"{'s' * (len(labels) > 1)} ({join_names(labels)}) do not agree one to one: {way_out}"
        )
    letters = ", ".join(f'"{letter}"' for letter in "ABCDEFGH"[: len(names)])
    example = f"classes=[{letters}]" if len(names) <= 8 else "classes=…"
    return (
        f"nothing says which of the responses {join_names(names)} belongs to which of the labels"
        f" {join_names(labels)}: name the labels in the order of the responses with {example}"
    )


def _check_names(
    option: str, given: Sequence[str], nodes: Sequence[str], stored: Sequence[str]
) -> None:
    """Raises OptionError for names that cannot be those of the nodes."""
    shown = printable(",".join(given), 60)
    if len(given) != len(nodes):
        one = len(nodes) == 1
        what = "the one class that it is the score of" if option == "classes" else "one name"
        demand = f"must be {what}" if one else "must name each node, in the order of the model"
        raise OptionError(
            f"{demand}, got {len(given)} name{'s' * (len(given) > 1)} for {len(nodes)} response"
            f" node{'s' * (not one)} ({join_names(nodes)}): {shown}",
            option=option,
        )
    for name in given:
        if not name:
            raise OptionError(f"must not have an empty name, got {shown}", option=option)
        if not is_unicode(name):
            raise OptionError(f"must be Unicode, got '{printable(name)}'", option=option)
        if list(given).count(name) > 1:
            raise OptionError(
                f"must be different names, got '{printable(name)}' twice: {shown}", option=option
            )
    if any(name in stored and stored[k] != name for k, name in enumerate(given)):
        raise OptionError(
            f"must not contradict the model, whose responses are {join_names(stored, 20)} in this"
            f" order, got {shown}: leave it out",
            option=option,
        )


def _quoted(names: Sequence[str]) -> str:
    shown = " or ".join(f"'{printable(name, 40)}'" for name in names[:2])
    return shown if len(names) <= 2 else f"{shown} (and {len(names) - 2} more)"
