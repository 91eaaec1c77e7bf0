"""ONNX's backend node tests as functions in double precision.

A case is one node with its inputs. ``validation.node_embeddings`` finds an axis of events for it,
``validation.node_paths`` makes it a function of features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, defs, helper, numpy_helper

from validation.evaluators import DoubleGraph

__all__ = ["Case", "SkipError"]

MOST_ELEMENTS = 20000  # of all inputs
FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}

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
        found = self._checked(test, wanted)
        if not sum(v.size for v in found):
            raise SkipError("its outputs are empty")
        finite = [bool(v.size and np.isfinite(v).all()) for v in found]
        if not any(finite):
            raise SkipError("no output is finite")
        # a masked score is −∞ by intent; the other outputs are compared
        self.outputs = [name for name, good in zip(outputs, finite, strict=True) if good]

    def _checked(self, test: Any, wanted: Sequence[Any]) -> list[Array]:
        """The outputs in double precision, which must be those of the case."""
        found = self.evaluate({})
        expected = dict(zip((o.name for o in test.model.graph.output), wanted, strict=True))
        for name, value in zip(self.outputs, found, strict=True):
            other = np.asarray(expected[name]).astype(np.float64)
            near = 1e-2 if _half(test.model) else max(test.rtol, 1e-3)
            if value.shape != other.shape or not np.allclose(
                value, other, near, 1e-4, equal_nan=True
            ):
                raise SkipError("ONNX's reference, in double precision, gives another output")
        return found

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


def _doubles(schema: Any, place: int) -> bool:
    """Whether an input may be in double precision."""
    types = schema.inputs[min(place, len(schema.inputs) - 1)].types if schema.inputs else ()
    return "tensor(double)" in types


def _promoted(model: onnx.ModelProto) -> tuple[onnx.ModelProto, set[str]]:
    """All real numbers in double precision, but for inputs defined to be in single precision."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    single = set()
    versions = {i.domain: i.version for i in found.opset_import}
    for node in found.graph.node:
        schema = defs.get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
        if not _doubles(schema, 0):
            continue  # written for single precision: ONNX's reference does not mind
        kinds = {i.name: i.type.tensor_type.elem_type for i in found.graph.input}
        for k, name in enumerate(node.input):
            if kinds.get(name) in FLOATS and not _doubles(schema, k):
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
