"""Which response belongs to which class of events: said by somebody, never guessed.

The response of class c is the one whose score says "this event is of class c". Which node of a
model that is, is known where

1. the user names the classes in the order of the nodes: ``--classes a,b,c``, ``classes=[...]``;
2. the names of the nodes are the labels of the data: those that the model carries (ZipMap, names in
   the metadata, names of its outputs), or those that the user gives them (``--output-names``);
3. the labels are the whole numbers 0 … C−1 and the model has one output of C nodes, which it does
   not name by other numbers: label k is node k. This is how cross entropy and one-hot encoding
   count classes in every framework. A model of one node that is trained with the labels 0 and 1
   responds with the probability of 1: its class is 1.

Names and labels must agree one to one: a label without a node, or a node without a label, says that
a name is misspelt or that the data are those of another model. A model of one node separates its
class from all others, so that it needs only one of the labels. Everything else is refused: the
order of the alphabet, or that of the data, is no statement of the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from onnxtaylor.errors import OptionError, listed, nearest, printable

__all__ = [
    "ResponseNode",
    "agree_with_labels",
    "classes_of",
    "name_nodes",
    "nodes_of_names",
    "words_of",
]


@dataclass(frozen=True)
class ResponseNode:
    """One node of the outputs that were analyzed.

    ``node`` is its place in the model, such as ``p[2]``, ``name`` what tables and figures call it,
    and ``label`` the class of events that the user says it belongs to.
    """

    node: str
    name: str
    label: str | None = None


def nodes_of_names(names: Sequence[str]) -> tuple[ResponseNode, ...]:
    """Nodes of which only the names are known, as of results of earlier versions.

    Those do not tell which nodes the model has besides: the place of ``p[2]`` is known, and that of
    ``ggh`` is not.
    """
    return tuple(ResponseNode(name if _number(name) is not None else "", name) for name in names)


def name_nodes(
    nodes: Sequence[str],
    stored: Sequence[str],
    *,
    names: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> tuple[ResponseNode, ...]:
    """The nodes of a model under the names that the user gives them, else under those stored.

    ``nodes`` are their places, ``stored`` the names that the model carries (or the places again).
    Classes name the nodes, too, where there are no names. Raises OptionError for another number of
    names than of nodes, for a name that occurs twice, and for one that the model has for another
    node.
    """
    for option, given in (("--output-names", names), ("--classes", classes)):
        if given:
            _check_names(option, given, nodes, stored)
    shown = names or classes or stored
    labels: Sequence[str | None] = classes or [None] * len(nodes)
    return tuple(map(ResponseNode, nodes, shown, labels))


def words_of(values: Iterable[object] | None) -> tuple[str, ...]:
    """Names of classes or nodes as text; 1.0 is ``1``, as in the labels of data."""
    if values is None:
        return ()
    listed = [values] if isinstance(values, str) else list(values)
    return tuple(str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in listed)


def agree_with_labels(nodes: Sequence[ResponseNode], labels: Sequence[str]) -> None:
    """Raises OptionError where the classes that the user named are not the labels of the data.

    Without named classes, or without labels, there is nothing to agree.
    """
    classes = [node.label for node in nodes if node.label is not None]
    if not classes or not labels:
        return
    strange = [name for name in classes if name not in labels]
    if strange:
        free = [name for name in labels if name not in classes] or list(labels)
        raise OptionError(
            f"--classes: no label of the data is called {_quoted(strange)}"
            f"{nearest(strange[0], free)}"
        )
    left = [name for name in labels if name not in classes]
    if left and len(nodes) > 1:
        raise OptionError(
            f"--classes: the data have events of {_quoted(left)}, which is none of"
            f" {listed(classes)}: leave these events out, or correct their label"
        )


def classes_of(
    nodes: Sequence[ResponseNode], chosen: Sequence[str], labels: Sequence[str]
) -> list[str]:
    """The label of each chosen response's own class, by the rule of this module.

    ``nodes`` are all nodes of the outputs, ``chosen`` the names of those that were analyzed,
    ``labels`` those of the data. Raises OptionError, which says what to do, where it is not known.
    """
    if not labels:
        raise OptionError(
            "--per-class needs the classes of the events: analyze with --label COLUMN"
            " (Python: labels=…)"
        )
    agree_with_labels(nodes, labels)
    found = _said(nodes, labels) or _by_name(nodes, labels) or _by_number(nodes, labels)
    if found is None:
        raise OptionError(_refusal(nodes, labels))
    return [found[name] for name in chosen]


def _said(nodes: Sequence[ResponseNode], labels: Sequence[str]) -> dict[str, str] | None:
    """Labels by the names of their responses, where the user said so."""
    pairs = {node.name: node.label for node in nodes if node.label is not None}
    return pairs if len(pairs) == len(nodes) else None


def _by_name(nodes: Sequence[ResponseNode], labels: Sequence[str]) -> dict[str, str] | None:
    """Where names and labels are the same words.

    A model of one node, and nodes chosen of more than a result of an earlier version tells, may be
    fewer than the labels.
    """
    names = [node.name for node in nodes]
    may_be_fewer = len(nodes) == 1 or not any(node.node for node in nodes)
    same = set(names) <= set(labels) if may_be_fewer else set(names) == set(labels)
    return {name: name for name in names} if same else None


def _by_number(nodes: Sequence[ResponseNode], labels: Sequence[str]) -> dict[str, str] | None:
    """Where the labels are the numbers of the nodes: 0 … C−1, or 0 and 1 for a single node."""
    count = len(nodes)
    if set(labels) != {str(k) for k in range(max(count, 2))}:
        return None
    if any(node.name.strip().lstrip("+-").isdecimal() for node in nodes):
        return None  # the model counts its classes otherwise
    if count == 1:
        alone = nodes[0].node and _number(nodes[0].node) is None
        return {nodes[0].name: "1"} if alone else None
    if len({node.node.rpartition("[")[0] for node in nodes}) > 1:
        return None  # several outputs: each counts from 0
    if [_number(node.node) for node in nodes] != list(range(count)):
        return None
    return {node.name: str(k) for k, node in enumerate(nodes)}


def _number(node: str) -> int | None:
    """k of ``p[k]``; None of an output that has one node."""
    tensor, bracket, rest = node.rpartition("[")
    number = rest.removesuffix("]")
    return int(number) if tensor and bracket and number.isdecimal() else None


def _refusal(nodes: Sequence[ResponseNode], labels: Sequence[str]) -> str:
    """Why responses and labels cannot be paired, and the way out."""
    names = [node.name for node in nodes]
    if len(nodes) == 1:
        return (
            f"--per-class: nothing says which class the response {listed(names)} is the score of:"
            f" name it, one of the labels {listed(labels)}, with --classes NAME"
        )
    alone = [name for name in names if name not in labels]
    without = [name for name in labels if name not in names]
    way_out = (
        "name the labels in the order of the responses with --classes"
        if len(labels) == len(nodes)
        else "use labels of one class for each response, or leave --per-class out"
    )
    if len(alone) < len(names):  # some names are labels: a misspelt name, or other data
        parts = [f"no response is called {_quoted(without)}"] if without else []
        parts += [f"no label is called {_quoted(alone)}"] if alone else []
        return f"--per-class: {' and '.join(parts)}: correct the labels, or {way_out}"
    if len(labels) != len(nodes):
        return (
            f"--per-class: {len(nodes)} responses ({listed(names)}) and {len(labels)}"
            f" label{'s' * (len(labels) > 1)} ({listed(labels)}) do not agree one to one: {way_out}"
        )
    return (
        f"--per-class: nothing says which of the responses {listed(names)} belongs to which of the"
        f" labels {listed(labels)}: name the labels in the order of the responses with"
        f" --classes {','.join('ABCDEFGH'[: min(len(names), 8)])}{',…' * (len(names) > 8)}"
    )


def _check_names(
    option: str, given: Sequence[str], nodes: Sequence[str], stored: Sequence[str]
) -> None:
    """Raises OptionError for names that cannot be those of the nodes."""
    if len(given) != len(nodes):
        one = len(nodes) == 1
        wanted = "give one name" if one else "name each of them, in the order of the model"
        if one and option == "--classes":
            wanted = "name the one class that it is the score of"
        raise OptionError(
            f"{option} {_joined(given)}: {len(given)} name{'s' * (len(given) > 1)} for"
            f" {len(nodes)} response node{'s' * (not one)} ({listed(nodes)}): {wanted}"
        )
    for name in given:
        if not name:
            raise OptionError(f"{option} {_joined(given)}: a name is empty")
        if list(given).count(name) > 1:
            raise OptionError(f"{option} {_joined(given)}: '{printable(name)}' is named twice")
    if any(name in stored and stored[k] != name for k, name in enumerate(given)):
        raise OptionError(
            f"{option} {_joined(given)}: the responses are {listed(stored, 20)} in this order,"
            f" which contradicts it: leave {option} out"
        )


def _joined(names: Sequence[str]) -> str:
    return printable(",".join(names), 60)


def _quoted(names: Sequence[str]) -> str:
    shown = " or ".join(f"'{printable(name, 40)}'" for name in names[:2])
    return shown if len(names) <= 2 else f"{shown} (and {len(names) - 2} more)"
