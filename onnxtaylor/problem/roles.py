"""Roles of the inputs of the model in a problem: features, context, mask or fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from onnxtaylor.errors import join_names, printable
from onnxtaylor.graph import Port
from onnxtaylor.graph.layout import lay_out
from onnxtaylor.problem.problem import Problem
from onnxtaylor.results.documents import json_number

__all__ = ["InputRole", "list_roles"]

SHOWN = 6  # columns that a line names


@dataclass(frozen=True)
class InputRole:
    """The role of one input of the model.

    Parameters
    ----------
    name, format, shape
        The input, its element type, and its shape as text.
    role
        ``features``, ``context``, ``mask`` or ``fixed``.
    columns
        Columns of the fed row that it takes; empty for a fixed one.
    mask_of, filled
        Inputs whose slots a mask flags, and what it is where they are filled: ``nonzero`` or
        ``zero``.
    value
        Value of a fixed input.
    entries
        Its entries of one event, such as ``21 variables × 40 slots``, where a specification names
        its axes.
    taken
        Columns of the data that feed it, where a specification tells them.
    """

    name: str
    format: str
    shape: str
    role: str
    columns: tuple[str, ...] = ()
    mask_of: tuple[str, ...] = ()
    filled: str | None = None
    value: tuple[Any, ...] = ()
    entries: str = ""
    taken: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the role for ``options`` of a result."""
        known: dict[str, Any] = {"name": self.name, "role": self.role, "format": self.format}
        known["shape"] = self.shape
        if self.role == "fixed":
            values = [json_number(v) if isinstance(v, float) else v for v in self.value]
            return {**known, "value": values}
        known["columns"] = len(self.columns)
        if self.mask_of:
            known |= {"mask_of": list(self.mask_of), "filled": self.filled}
        if self.taken:
            known["taken"] = list(self.taken)
        return known

    def __str__(self) -> str:
        """Returns one line for a reader."""
        head = f"{printable(self.name)} {self.format} {printable(self.shape)}: "
        if self.role == "fixed":
            return f"{head}fixed at {join_names([str(v) for v in self.value], SHOWN)}"
        columns = join_names(self.columns, SHOWN)
        if self.entries:
            columns = f"{self.entries}, of {join_names(self.taken, SHOWN) or 'the lengths of sets'}"
        what = {
            "features": f"features {columns}",
            "context": f"context {columns}, fed but not differentiated",
        }
        where = "not 0" if self.filled == "nonzero" else "0"
        what["mask"] = f"mask of {join_names(self.mask_of)}, {where} where a slot is filled"
        if self.entries:
            what["mask"] += f", made of {join_names(self.taken, SHOWN) or 'the lengths of sets'}"
        return head + what[self.role]


def list_roles(problem: Problem) -> list[InputRole]:
    """Lists the roles of the inputs that the responses need: features, context, fixed ones."""
    names, masks = problem.column_names, {m.name: m for m in problem.slots.masks}
    ports = (*problem.choice.features, *problem.choice.context)
    unfed = problem.choice.data.unfed
    layout = lay_out(ports, printable(problem.model.path), len(names) - unfed)
    taken: Mapping[str, Sequence[str]] = getattr(problem.source, "taken", {})
    roles, end = [], 0
    for place, port in enumerate(ports):
        role = "features" if place < len(problem.choice.features) else "context"
        start, end = end, end + prod(layout.sizes[place])
        mask = masks.get(port.name)
        roles.append(
            InputRole(
                port.name,
                port.type_name,
                port.shape_text,
                "mask" if mask else role,
                tuple(names[start:end]),
                mask.owners if mask else (),
                ("zero" if mask.inverted else "nonzero") if mask else None,
                entries=_entries(problem, port, layout.sizes[place]),
                taken=tuple(taken.get(port.name, _variables(problem, port))),
            )
        )
    for port, value in problem.choice.held:
        fixed = tuple(value.ravel().tolist())
        roles.append(InputRole(port.name, port.type_name, port.shape_text, "fixed", value=fixed))
    return roles


def _entries(problem: Problem, port: Port, sizes: Sequence[int]) -> str:
    """Returns the number of variables and slots of an input whose axes a specification names."""
    specification = problem.choice.specification
    if specification is None:
        return ""
    one = specification.input(port.name)
    axes = [axis for axis in one.layout if axis != "batch"]
    if len(axes) != len(sizes):
        return ""
    counts = dict(zip(axes, sizes, strict=True))
    parts = [
        f"{counts[a]} {a}{'s' * (counts[a] != 1)}" for a in ("variable", "slot") if a in counts
    ]
    return " × ".join(parts) or "1 number"


def _variables(problem: Problem, port: Port) -> list[str]:
    """Returns the columns that a specification names, for want of data; none of a mask."""
    specification = problem.choice.specification
    if specification is None or specification.input(port.name).role == "mask":
        return []
    own = specification.input(port.name).own_variables
    return [variable.column or variable.name for variable in own]
