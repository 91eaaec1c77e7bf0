"""Number of times that a Loop runs its body, where no feature decides it.

A Loop runs until it has run as often as its first input says, or until its condition is false. The
condition is computed by the few nodes of the body that it depends on, turn by turn, if all that
these read is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from onnxtaylor.graph.endless import passes_on_condition
from onnxtaylor.graph.prune import needed_nodes, read_names, subgraphs, tensor_names

__all__ = ["count_trips"]

LARGEST = 2**16  # numbers that a tensor may have on which the condition depends
FEW = 64  # nodes that may compute the condition

Array = npt.NDArray[Any]
Value = Callable[[str], Array | None]


def count_trips(
    node: onnx.NodeProto, value: Value, imports: Mapping[str, int], most: int
) -> int | None:
    """Counts the runs of a Loop's body.

    Parameters
    ----------
    node
        The Loop.
    value
        Gives the value of a tensor of the graph around it; None where the events decide it.
    imports
        Operator sets of the model, by domain.
    most
        Turns after which counting ends.

    Returns
    -------
    int or None
        The count, or a number above ``most`` where there are more; None where it is not known.
    """
    body = node.attribute[0].g
    last = most + 1
    if node.input[0]:
        count = value(node.input[0])
        if count is None or count.size != 1:
            return None
        last = max(0, int(count.reshape(-1)[0]))
    begins = value(node.input[1]) if len(node.input) > 1 and node.input[1] else np.array(True)
    if begins is None or begins.size != 1:
        return None
    if not begins.all():
        return 0
    if passes_on_condition(body):
        return last
    turn = _Turn.of(node, value, imports)
    if turn is None:
        return None
    for number in range(min(last, most + 1)):
        goes_on = turn(number)
        if goes_on is None:
            return None
        if not goes_on:
            return number + 1
    return last


class _Turn:
    """One turn of the part of a body that computes its condition."""

    def __init__(
        self,
        run: ReferenceEvaluator,
        fed: dict[str, Array],
        states: dict[int, tuple[str, str]],
        numbered: tuple[str, str],
    ) -> None:
        self._run, self._fed = run, fed
        self._states, self._numbered = states, numbered

    @classmethod
    def of(cls, node: onnx.NodeProto, value: Value, imports: Mapping[str, int]) -> _Turn | None:
        """Cuts the part out of the body; None where a value that it reads is not known."""
        body = node.attribute[0].g
        count = len(node.input) - 2
        names = {body.input[2 + k].name: k for k in range(count)}
        states: dict[int, tuple[str, str]] = {}
        while True:
            outputs = [body.output[0].name, *(after for _, after in states.values())]
            places, needed = needed_nodes(body, outputs)
            found = {names[name] for name in needed if name in names} - states.keys()
            if not found:
                break
            states |= {k: (body.input[2 + k].name, body.output[1 + k].name) for k in found}
        nodes = [body.node[place] for place in places]
        if len(nodes) > FEW or any(True for inner in nodes for _ in subgraphs(inner)):
            return None
        fed: dict[str, Array | None] = {
            before: value(node.input[2 + k]) for k, (before, _) in states.items()
        }
        own = tensor_names(body) | {i.name for i in body.input} | {t.name for t in body.initializer}
        read = {name for inner in nodes for name in read_names(inner)} | set(outputs)
        fed |= {name: value(name) for name in read - own}
        numbered = (body.input[0].name, body.input[1].name)
        known = {k: v for k, v in fed.items() if v is not None and v.size <= LARGEST}
        if len(known) < len(fed):
            return None
        typed = {numbered[0]: np.array(0), numbered[1]: np.array(True)} | known
        ports = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(v.dtype), None)
            for name, v in typed.items()
        ]
        stored = [t for t in body.initializer if t.name in needed]
        results = [onnx.ValueInfoProto(name=name) for name in dict.fromkeys(outputs)]
        graph = helper.make_graph(nodes, "turn", ports, results, stored)
        sets = [helper.make_opsetid(domain, number) for domain, number in imports.items()]
        try:
            run = ReferenceEvaluator(helper.make_model(graph, opset_imports=sets))
        except Exception:  # an operator that ONNX's reference does not have
            return None
        return cls(run, known, states, numbered)

    def __call__(self, number: int) -> bool | None:
        """Runs the turn; returns whether another follows, None where that cannot be computed."""
        given = {self._numbered[0]: np.array(number), self._numbered[1]: np.array(True)}
        try:
            answers: Any = self._run.run(None, given | self._fed)
        except Exception:  # a value that the operator does not take
            return None
        found: dict[Any, Any] = dict(zip(self._run.output_names, answers, strict=True))
        for before, after in self._states.values():
            if not isinstance(found[after], np.ndarray | np.generic):
                return None
            self._fed[before] = np.asarray(found[after])
        if any(v.size > LARGEST for v in self._fed.values()):
            return None
        condition = np.asarray(answers[0])
        return bool(condition.all()) if condition.size == 1 else None
