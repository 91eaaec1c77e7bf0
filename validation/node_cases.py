"""ONNX's backend node tests as functions of features, with an axis of events.

A case is one node with its inputs. It has no axis of events, and the compiler needs one. It is
found by numbers, not by a list of operators: the inputs of N events are joined

    along one of their own axes (images of Conv, rows of Gemm, the second axis of an LSTM, …; an
    axis of m elements then holds m·N), or
    along a new leading axis, all axes that the attributes and the parameters name moved by one,

and whatever is left alone is the same for all events. An embedding is used if ONNX's reference
evaluator gives for the joined inputs of three different events what the untouched node gives for
each of them. So the choice cannot be wrong, it can only be missing.

The features s (n = 4) move the inputs in random dense directions: x = x₀ + s·D, so that every
element takes part, and s = 0 is the very input of the case; or on a curve, x = x₀ + s·D + (s·E)²/2,
for which the tangents vary from event to event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, defs, helper, numpy_helper

from validation.evaluators import DoubleGraph

__all__ = ["FEATURES", "RESPONSES", "Case", "Embedding", "Path", "SkipError", "embeddings"]

FEATURES, RESPONSES = 4, 3
MOST_ELEMENTS = 6000  # of all inputs
FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}
FAR = np.iinfo(np.int64).max
# inputs that say how, not what: they have no axis of events
PARAMETERS = {
    *("axes", "axis", "shape", "repeats", "pads", "starts", "ends", "steps", "scales", "sizes"),
    *("roi", "k", "K", "split", "depth", "constant_value", "training_mode", "ratio"),
}

Array = npt.NDArray[Any]


class SkipError(Exception):
    """Why a case says nothing about derivatives."""


class Case:
    """A node test in double precision."""

    def __init__(self, test: Any) -> None:
        self.name: str = test.name.removeprefix("test_")
        if len(test.model.graph.node) != 1:
            raise SkipError("more than one node")
        node = test.model.graph.node[0]
        self.kind = f"{node.domain}.{node.op_type}" if node.domain else str(node.op_type)
        given, wanted = test.data_sets[0]
        if any(i.type.WhichOneof("value") != "tensor_type" for i in test.model.graph.input):
            raise SkipError("an input is no tensor")
        if any(not isinstance(v, np.ndarray | np.generic | TensorProto) for v in given):
            raise SkipError("an input is no tensor")
        values = [numpy_helper.to_array(v) if isinstance(v, TensorProto) else v for v in given]
        names = [i.name for i in test.model.graph.input]
        kinds = {i.name: i.type.tensor_type.elem_type for i in test.model.graph.input}
        self.model, single = _promoted(test.model)
        self.values: dict[str, Array] = {
            name: np.asarray(v, _format(kinds[name], single=name in single))
            for name, v in zip(names, values, strict=True)
        }
        self.floats = [
            n for n in names if kinds[n] in FLOATS and self.values[n].size and n not in single
        ]
        if not self.floats and single:
            raise SkipError("its definition knows no double precision")
        if not self.floats:
            raise SkipError("no input of real numbers")
        if sum(v.size for v in self.values.values()) > MOST_ELEMENTS:
            raise SkipError(f"more than {MOST_ELEMENTS} elements")
        outputs = [
            o.name
            for o in test.model.graph.output
            if o.type.WhichOneof("value") == "tensor_type"
            and o.type.tensor_type.elem_type in FLOATS
        ]
        if not outputs:
            raise SkipError("no output of real numbers")
        self.opset = {e.domain or "ai.onnx": e.version for e in self.model.opset_import}
        self._ask = DoubleGraph(self.model, outputs, reference=True)
        self.outputs = outputs
        found = self.evaluate({})
        expected = dict(zip((o.name for o in test.model.graph.output), wanted, strict=True))
        for name, value in zip(outputs, found, strict=True):
            other = np.asarray(expected[name]).astype(np.float64)
            near = 1e-2 if _half(test.model) else max(test.rtol, 1e-3)
            if value.shape != other.shape or not np.allclose(
                value, other, near, 1e-4, equal_nan=True
            ):
                raise SkipError("ONNX's reference, in double precision, gives another output")
        if not sum(v.size for v in found):
            raise SkipError("its outputs are empty")
        if not all(np.isfinite(v).all() for v in found):
            raise SkipError("an output is not finite")

    @property
    def node(self) -> onnx.NodeProto:
        """The node."""
        return self.model.graph.node[0]

    def evaluate(self, changed: Mapping[str, Array]) -> list[Array]:
        """The outputs of real numbers, some inputs replaced; raises what the reference raises."""
        found = self._ask(self.values | dict(changed))
        return [np.asarray(found[name]) for name in self.outputs]

    @cached_property
    def schema(self) -> Any:
        """The operator's definition."""
        version = self.opset.get(self.node.domain or "ai.onnx", 1)
        return defs.get_schema(self.node.op_type, version, self.node.domain)

    @cached_property
    def roles(self) -> dict[str, str]:
        """What the definition calls each input."""
        formal = [i.name for i in self.schema.inputs]
        return {
            name: formal[min(k, len(formal) - 1)] for k, name in enumerate(self.node.input) if name
        }


def _half(model: onnx.ModelProto) -> bool:
    kinds = {i.type.tensor_type.elem_type for i in (*model.graph.input, *model.graph.output)}
    return bool(kinds & {TensorProto.FLOAT16, TensorProto.BFLOAT16})


def _format(kind: int, *, single: bool) -> npt.DTypeLike | None:
    if kind not in FLOATS:
        return None
    return np.float32 if single else np.float64


def _promoted(model: onnx.ModelProto) -> tuple[onnx.ModelProto, set[str]]:
    """All real numbers in double precision, but for inputs defined to be in single precision."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    single = set()
    versions = {i.domain: i.version for i in found.opset_import}
    for node in found.graph.node:
        schema = defs.get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
        for k, name in enumerate(node.input):
            if "tensor(double)" not in schema.inputs[min(k, len(schema.inputs) - 1)].types:
                single.add(name)
    for info in (*found.graph.input, *found.graph.output):
        tensor = info.type.tensor_type
        if tensor.elem_type in FLOATS:
            tensor.elem_type = TensorProto.FLOAT if info.name in single else TensorProto.DOUBLE
    for node in found.graph.node:
        for a in node.attribute:
            if a.name in ("to", "dtype", "stash_type", "softmax_precision") and a.i in FLOATS:
                a.i = TensorProto.DOUBLE
            if a.HasField("t") and a.t.data_type in FLOATS:
                value = numpy_helper.to_array(a.t).astype(np.float64)
                a.t.CopyFrom(numpy_helper.from_array(value, a.t.name))
        known = {a.name for a in node.attribute}
        schema = defs.get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
        reads_one = ("LayerNormalization", "RMSNormalization")  # of which the reference knows one
        if node.op_type in reads_one:
            continue
        if "stash_type" in schema.attributes and "stash_type" not in known:
            node.attribute.append(helper.make_attribute("stash_type", TensorProto.DOUBLE))
    return found, single


# --- embeddings ----------------------------------------------------------------------------------


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
    data = [n for n in values if n in case.roles and case.roles[n] not in PARAMETERS]
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


# --- the function of the features ----------------------------------------------------------------


class Path:
    """The responses of an embedded case as a function of the features, twice: as a graph for any
    number of events, and as the untouched node, one event at a time.
    """

    def __init__(self, e: Embedding, *, bent: bool, plus: bool = False) -> None:
        self.e, self.case, self.bent, self.plus = e, e.case, bent, plus
        random = np.random.default_rng(crc32(f"{e.case.name}{e.how}".encode()))
        self.lines, self.bends = {}, {}
        for name in e.varied:
            size = e.case.values[name].size
            signs = random.choice([-0.5, 0.5], (FEATURES, size))
            self.lines[name] = signs * random.uniform(0.3, 1.0, (FEATURES, size))
            self.bends[name] = random.uniform(-0.5, 0.5, (FEATURES, size))
        size = sum(v.size for v in e.case.evaluate({}))
        self.mix = random.normal(size=(size, RESPONSES)) / np.sqrt(size)
        self.extra = random.normal(size=(FEATURES, RESPONSES))

    def __call__(self, s: Array) -> Array:
        """Responses (C,) of one event with the features s (n,), by the untouched node."""
        changed = {}
        for name in self.e.varied:
            x = self.case.values[name]
            move = s @ self.lines[name]
            if self.bent:
                move = move + (s @ self.bends[name]) ** 2 / 2
            changed[name] = x + move.reshape(x.shape)
        flat = np.concatenate([v.reshape(-1) for v in self.case.evaluate(changed)])
        found: Array = flat @ self.mix
        return found + s @ self.extra if self.plus else found

    def graph(self) -> onnx.ModelProto:
        """The same as an ONNX model: features (N, n) → responses (N, C)."""
        e, w = self.e, _Writer()
        names = {"": ""}
        for name in e.node.input:
            if name in e.varied:
                names[name] = self._moved(w, name)
            elif name in e.tiled:
                names[name] = self._tiled(w, name)
            elif name:
                value = e.held.get(name)
                names[name] = w.constant(self.case.values[name] if value is None else value)
        node = onnx.NodeProto()
        node.CopyFrom(e.node)
        node.name = "case"
        node.input[:] = [names[n] for n in e.node.input]
        w.nodes.append(node)
        rows = []
        for name, axis in zip(self.case.outputs, e.outputs, strict=True):
            rows.append(self._row(w, name, axis))
        row = w.op("Concat", *rows, axis=1) if len(rows) > 1 else rows[0]
        mixed = w.op("MatMul", row, w.constant(self.mix))
        if self.plus:
            mixed = w.op("Add", mixed, w.op("MatMul", "features", w.constant(self.extra)))
        w.op("Identity", mixed, output="responses")
        double = TensorProto.DOUBLE
        graph = helper.make_graph(
            w.nodes,
            self.case.name,
            [helper.make_tensor_value_info("features", double, ["N", FEATURES])],
            [helper.make_tensor_value_info("responses", double, ["N", RESPONSES])],
            w.constants,
        )
        imports = list(self.case.model.opset_import)
        if not any(i.domain in ("", "ai.onnx") for i in imports):
            imports.append(helper.make_opsetid("", 21))
        return helper.make_model(
            graph, opset_imports=imports, ir_version=max(self.case.model.ir_version, 8)
        )

    def _moved(self, w: _Writer, name: str) -> str:
        shape = self.e.shapes[name]
        row = w.op("MatMul", "features", w.constant(self.lines[name]))
        if self.bent:
            root = w.op("MatMul", "features", w.constant(self.bends[name] / np.sqrt(2)))
            row = w.op("Add", row, w.op("Mul", root, root))
        row = w.op("Add", row, w.constant(self.case.values[name].reshape(1, -1)))
        if self.e.axis is None:
            return w.op("Reshape", row, w.constant(np.array([-1, *shape])))
        return w.folded(row, shape, self.e.axis)

    def _tiled(self, w: _Writer, name: str) -> str:
        shape, axis = self.e.shapes[name], self.e.axis
        value = self.case.values[name].reshape(shape)
        count = w.op("Gather", w.op("Shape", "features"), w.constant(np.array([0])), axis=0)
        if axis is None:
            value, axis = value[None], 0
        front, back = [1] * axis, [1] * (value.ndim - axis - 1)
        parts = [w.constant(np.array(p, np.int64)) for p in (front, back)]
        repeats = w.op("Concat", parts[0], count, parts[1], axis=0)
        return w.op("Tile", w.constant(value), repeats)

    def _row(self, w: _Writer, name: str, axis: int | None) -> str:
        if axis is None or axis == 0:
            size = self._sizes[name]
            return w.op("Reshape", name, w.constant(np.array([-1, size])))
        shape = self._shapes[name]
        split = [*shape[:axis], -1, shape[axis], *shape[axis + 1 :]]
        parted = w.op("Reshape", name, w.constant(np.array(split)))
        order = [axis, *(k for k in range(len(split)) if k != axis)]
        turned = w.op("Transpose", parted, perm=order)
        return w.op("Reshape", turned, w.constant(np.array([-1, self._sizes[name]])))

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        found = self.case.evaluate({})
        return {n: v.shape for n, v in zip(self.case.outputs, found, strict=True)}

    @property
    def _sizes(self) -> dict[str, int]:
        return {n: int(np.prod(s, dtype=int)) for n, s in self._shapes.items()}


class _Writer:
    """Writes the nodes around the case's own, for any opset since 5."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"around/{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def constant(self, value: npt.ArrayLike) -> str:
        name = f"constant/{len(self.constants)}"
        array = np.asarray(value)
        self.constants.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def folded(self, row: str, shape: Sequence[int], axis: int) -> str:
        """(N, size) as one event's shape with N times as many elements along an axis."""
        if axis == 0:
            return self.op("Reshape", row, self.constant(np.array([-1, *shape[1:]])))
        apart = self.op("Reshape", row, self.constant(np.array([-1, *shape])))
        order = [*range(1, axis + 1), 0, *range(axis + 1, len(shape) + 1)]
        turned = self.op("Transpose", apart, perm=order)
        whole = [*shape[:axis], -1, *shape[axis + 1 :]]
        return self.op("Reshape", turned, self.constant(np.array(whole)))
