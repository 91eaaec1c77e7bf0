"""How events are joined in a node test: an axis of events, found by numbers.

A case has no axis of events, and the compiler needs one. It is found by numbers, not by a list of
operators: the inputs of N events are joined

    along one of their own axes (images of Conv, rows of Gemm, the second axis of an LSTM, …; an
    axis of m elements then holds m·N), or
    along a new leading axis, all axes that the attributes and the parameters name moved by one,

and whatever is left alone is the same for all events. An embedding is used if ONNX's reference
evaluator gives for the joined inputs of three different events what the untouched node gives for
each of them. So the choice cannot be wrong, it can only be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from validation.evaluators import DoubleGraph
from validation.node_cases import Case, SkipError

__all__ = ["Embedding", "embeddings"]

FAR = np.iinfo(np.int64).max
# inputs that say how, not what: they have no axis of events
PARAMETERS = {
    *("axes", "axis", "shape", "repeats", "pads", "starts", "ends", "steps", "scales", "sizes"),
    *("roi", "k", "K", "split", "depth", "constant_value", "training_mode", "ratio"),
}

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Embedding:
    """A case for any number of events.

    ``varied`` are the inputs that the features move, ``tiled`` those that are repeated; in both
    events lie along ``axis`` (None: a new leading one), and one event has the shape in ``shapes``.
    ``outputs`` are the axes of events of the outputs. ``node`` and ``held`` replace the case's own.
    """

    case: Case
    node: onnx.NodeProto
    varied: tuple[str, ...]
    tiled: tuple[str, ...]
    axis: int | None
    shapes: Mapping[str, tuple[int, ...]]
    held: Mapping[str, Array]
    outputs: tuple[int | None, ...] = ()

    @property
    def how(self) -> str:
        """In words."""
        where = "new axis" if self.axis is None else f"axis {self.axis}"
        return f"{', '.join(self.varied)} along {where}"

    def joined(self, name: str, events: Sequence[Array]) -> Array:
        """The values of several events as one tensor."""
        rows = [np.reshape(e, self.shapes[name]) for e in events]
        return np.stack(rows) if self.axis is None else np.concatenate(rows, self.axis)

    def model(self) -> onnx.ModelProto:
        """The node alone, all its inputs fed."""
        made = onnx.ModelProto()
        made.CopyFrom(self.case.model)
        del made.graph.node[:]
        made.graph.node.append(self.node)
        known = {i.name for i in made.graph.input}
        for info in made.graph.input:
            info.type.tensor_type.ClearField("shape")
        for info in made.graph.output:
            info.type.tensor_type.ClearField("shape")
        for name, value in self.held.items():
            if name not in known:
                kind = helper.np_dtype_to_tensor_dtype(value.dtype)
                made.graph.input.append(helper.make_tensor_value_info(name, kind, None))
        return made


def embeddings(case: Case) -> list[Embedding]:
    """As few as are needed for every input of real numbers that has an axis of events.

    Raises SkipError where none has.
    """
    if case.kind == "AffineGrid":
        raise SkipError("a value, its input size, says how many events there are")
    chosen: list[Embedding] = []
    covered: set[str] = set()
    candidates = sorted(_candidates(case), key=lambda e: (-len(e.varied), e.axis is None))
    for e in candidates:
        if covered.issuperset(e.varied):
            continue
        verified = _verified(e)
        if verified is not None:
            chosen.append(verified)
            covered.update(e.varied)
    if not chosen:
        raise SkipError("no axis along which events are independent")
    return chosen


def _candidates(case: Case) -> Iterator[Embedding]:
    """Ways to join events, sensible or not."""
    values = case.values
    data = [n for n in values if n in case.roles and not _parameter(case, n)]
    if case.kind == "Clip":
        data = [case.node.input[0]]  # the limits are single numbers
    rank = max((values[n].ndim for n in data), default=0)
    shapes = {n: values[n].shape for n in values}
    for axis in range(rank):
        for size in {values[n].shape[axis] for n in data if values[n].ndim > axis}:
            have = [n for n in data if values[n].ndim > axis and values[n].shape[axis] == size]
            sets = [tuple(have), *((n,) for n in have)]
            # with what can vary alone, whole numbers and conditions may go along
            sets += [(n, *(m for m in have if m not in case.floats)) for n in have]
            for members in dict.fromkeys(sets):
                varied = tuple(n for n in members if n in case.floats)
                tiled = tuple(n for n in members if n not in case.floats)
                if varied:
                    for node, held in _natural(case, axis):
                        yield Embedding(case, node, varied, tiled, axis, shapes, held)
    for align in (True, False):
        lifted = _lifted(case, data, align=align)
        if lifted is None:
            continue
        node, held, wide = lifted
        floats = [n for n in data if n in case.floats]
        others = tuple(n for n in data if n not in case.floats)
        sets = [tuple(floats), *((n,) for n in floats)]
        for members in dict.fromkeys(sets):
            for tiled in dict.fromkeys([(), others]):
                rest = {
                    n: values[n].reshape((1, *wide[n]) if align else values[n].shape)
                    for n in data
                    if n not in members and n not in tiled
                }
                yield Embedding(case, node, members, tiled, None, wide, held | rest)


def _parameter(case: Case, name: str) -> bool:
    """Whether an input says how, not what; the K of TopK is a number, that of Attention keys."""
    return case.roles[name] in PARAMETERS and not (case.roles[name] == "K" and name in case.floats)


def _natural(case: Case, axis: int) -> Iterator[tuple[onnx.NodeProto, dict[str, Array]]]:
    """The node as it is, or with the sizes of a Resize for the other axes only."""
    sizes = next((n for n, r in case.roles.items() if r == "sizes"), None)
    if case.kind == "Resize" and sizes is not None:
        node = onnx.NodeProto()
        node.CopyFrom(case.node)
        if not any(a.name == "axes" for a in node.attribute):
            rest = [k for k in range(case.values[sizes].size) if k != axis]
            node.attribute.append(helper.make_attribute("axes", rest))
            yield node, {sizes: case.values[sizes][rest]}
            return
    if case.kind == "Reshape" and axis == 0 and not _integer(case.node, "allowzero"):
        shape = next(n for n, r in case.roles.items() if r == "shape")
        value = case.values[shape].copy()
        if -1 not in value:
            value[0] = -1
            yield case.node, {shape: value}
            return
    if case.kind == "Expand":
        shape = next(n for n, r in case.roles.items() if r == "shape")
        value, x = case.values[shape].copy(), case.values[case.node.input[0]]
        place = axis + value.size - x.ndim
        if place >= 0:
            value[place] = 1
            yield case.node, {shape: value}
            return
    yield case.node, {}


def _integer(node: onnx.NodeProto, name: str) -> int | None:
    return next((int(a.i) for a in node.attribute if a.name == name), None)


def _set(node: onnx.NodeProto, name: str, value: Any) -> None:
    kept = [a for a in node.attribute if a.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])


def _moved(axes: Any) -> Any:
    """Axes behind a new leading one; those that count from the end stay."""
    return [int(a) + 1 if a >= 0 else int(a) for a in np.atleast_1d(axes)]


def _lifted(
    case: Case, data: Sequence[str], *, align: bool
) -> tuple[onnx.NodeProto, dict[str, Array], dict[str, tuple[int, ...]]] | None:
    """The node behind a new leading axis: its attributes, parameters and the shapes of an event."""
    node = onnx.NodeProto()
    node.CopyFrom(case.node)
    node.ClearField("name")
    schema, values = case.schema, case.values
    by_role = {r: n for n, r in case.roles.items()}
    first = values[node.input[0]]
    held: dict[str, Array] = {}
    rank = max((values[n].ndim for n in data), default=0)
    if case.kind == "Expand":
        rank = max(rank, values[by_role["shape"]].size)
    wide = {n: (1,) * ((rank - values[n].ndim) if align else 0) + values[n].shape for n in values}
    extra = rank - first.ndim if align else 0
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if "axis" in schema.attributes:
        default = schema.attributes["axis"].default_value
        axis = attributes.get("axis", default.i if default.type else None)
        if axis is not None and axis >= 0:
            _set(node, "axis", int(axis) + 1)
    if "axes" in attributes:
        _set(node, "axes", _moved(attributes["axes"]))
    if "batch_dims" in schema.attributes:
        _set(node, "batch_dims", int(attributes.get("batch_dims", 0)) + 1)
    if case.kind == "Transpose":
        perm = attributes.get("perm", list(reversed(range(first.ndim))))
        _set(node, "perm", [0, *(p + 1 for p in perm)])
    if case.kind == "Einsum":
        equation = attributes["equation"].decode().replace(" ", "")
        left, arrow, right = equation.partition("->")
        if not arrow:
            return None
        terms = [f"Z{t}" for t in left.split(",")]
        _set(node, "equation", f"{','.join(terms)}->Z{right}")
    for role in ("axes", "axis"):
        if role in by_role:
            old = values[by_role[role]]
            held[by_role[role]] = np.array(_moved(old), old.dtype).reshape(old.shape)
    everywhere = np.arange(1, first.ndim + 1)
    if case.kind.startswith("Reduce") and not attributes.get("noop_with_empty_axes", 0):
        if "axes" in by_role and values[by_role["axes"]].size == 0:
            held[by_role["axes"]] = everywhere
        elif "axes" not in by_role and "axes" not in attributes:
            if "axes" in schema.attributes:
                _set(node, "axes", everywhere.tolist())
            else:
                _added_input(node, 1, "lifted_axes")
                held["lifted_axes"] = everywhere
    for role, front in (("repeats", 1), ("shape", 0 if case.kind == "Reshape" else 1)):
        if role in by_role:
            old = values[by_role[role]]
            held[by_role[role]] = np.concatenate([[front], old]).astype(old.dtype)
    if "scales" in by_role and "axes" not in attributes:
        old = values[by_role["scales"]]
        held[by_role["scales"]] = np.concatenate([[1.0], old]).astype(old.dtype)
    if "pads" in by_role and "axes" not in by_role:
        begin, end = np.split(values[by_role["pads"]], 2)
        held[by_role["pads"]] = np.concatenate([[0], begin, [0], end]).astype(np.int64)
    if case.kind == "Slice" and "axes" not in by_role:
        for role, front in (("starts", 0), ("ends", FAR), ("steps", 1)):
            if role in by_role:
                held[by_role[role]] = np.array([front, *values[by_role[role]]], np.int64)
    if case.kind == "Squeeze" and "axes" not in by_role and "axes" not in attributes:
        _added_input(node, 1, "lifted_axes")
        held["lifted_axes"] = np.array([k + 1 + extra for k, d in enumerate(first.shape) if d == 1])
    return node, held, wide


def _added_input(node: onnx.NodeProto, place: int, name: str) -> None:
    while len(node.input) <= place:
        node.input.append("")
    node.input[place] = name


def _verified(e: Embedding) -> Embedding | None:
    """The embedding with the outputs' axes of events, if joined events are independent."""
    case = e.case
    random = np.random.default_rng(crc32(case.name.encode()))
    events = [
        {n: case.values[n] + 0.02 * random.normal(size=case.values[n].shape) for n in e.varied}
        for _ in range(3)
    ]
    try:
        alone = [case.evaluate(event) for event in events]
        feeds = dict(case.values) | dict(e.held)
        for n in e.varied:
            feeds[n] = e.joined(n, [event[n] for event in events])
        for n in e.tiled:
            feeds[n] = e.joined(n, [case.values[n]] * len(events))
        found = DoubleGraph(e.model(), case.outputs, reference=True)(feeds)
    except Exception:  # whatever the reference says to inputs that make no sense
        return None
    axes: list[int | None] = []
    for k, name in enumerate(case.outputs):
        axis = _axis_of([a[k] for a in alone], np.asarray(found[name]), new=e.axis is None)
        if axis == "none":
            return None
        axes.append(axis)  # type: ignore[arg-type]
    return Embedding(case, e.node, e.varied, e.tiled, e.axis, e.shapes, e.held, tuple(axes))


def _axis_of(parts: Sequence[Array], whole: Array, *, new: bool) -> int | str | None:
    """Where events lie in an output: None for a new leading axis, "none" for nowhere."""
    if new:
        size = parts[0].size
        if whole.ndim and len(whole) == len(parts) and whole.size == len(parts) * size:
            rows = whole.reshape(len(parts), size)
            if np.allclose(rows, [p.reshape(-1) for p in parts], 1e-9, 1e-12, equal_nan=True):
                return None
        return "none"
    for axis in range(parts[0].ndim):
        joined = np.concatenate(parts, axis)
        if joined.shape == whole.shape and np.allclose(joined, whole, 1e-9, 1e-12, equal_nan=True):
            return axis
    return "none"
