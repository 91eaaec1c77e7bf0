"""Nodes of today's spelling written as an older operator set says them.

What became an input was an attribute, what has a default now was required, what broadcasts was
told to. This goes the way that the version converter comes, and shares nothing with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, defs, numpy_helper

from tests.rules.sample import Graph, Sample, Varying

__all__ = ["OlderGraph", "UnsayableError", "says"]

Array = npt.NDArray[Any]

ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Pow")
COMPARING = ("And", "Or", "Xor", "Equal", "Greater", "Less")
# until when its axes were an attribute
AXES = {"Squeeze": 13, "Unsqueeze": 13, "ReduceSum": 13}
AXES |= dict.fromkeys(("ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"), 18)
SAME = ("Max", "Min", "Sum", "Mean")  # of tensors of one shape
COERCING = ("Softmax", "LogSoftmax", "Hardmax")  # to matrices, of rows from an axis on
# what Flatten did not take
WHOLE = {*COMPARING, "Not", "GreaterOrEqual", "LessOrEqual", "IsNaN", "IsInf"}
WHOLE |= {"ArgMax", "ArgMin", "Shape", "Size", "NonZero"}


class UnsayableError(Exception):
    """The operator set has no words for it."""


class OlderGraph(Graph):
    """Writes the nodes of a sample in the words of an operator set."""

    def __init__(self, dtype: np.dtype[Any], opset: int) -> None:
        super().__init__(dtype)
        self.opset = opset

    def ops(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        write = getattr(self, f"_{kind.lower()}", None)
        if self.opset < 7 and kind in (*ARITHMETIC, *COMPARING):
            attributes.setdefault("broadcast", 1)
        if self.opset < AXES.get(kind, 0):
            inputs, attributes = self._axes(inputs, attributes)
        elif write is not None:
            inputs, attributes = write(inputs, attributes)
        names: list[str] = list(inputs)
        while names and not names[-1]:
            names.pop()
        self._check(kind, len(names), outputs, attributes)
        return super().ops(kind, outputs, *names, **attributes)

    def _check(self, kind: str, inputs: int, outputs: int, attributes: Any) -> None:
        """Raises UnsayableError for what the operator set's schema does not have."""
        try:
            schema: Any = defs.get_schema(kind, self.opset, "")
        except defs.SchemaError:
            raise UnsayableError(f"there was no {kind}") from None
        more = set(attributes) - set(schema.attributes)
        if more or not schema.min_input <= inputs <= schema.max_input:
            raise UnsayableError(f"{kind} did not have {sorted(more) or f'{inputs} inputs'}")
        if outputs > schema.max_output:
            raise UnsayableError(f"{kind} did not have {outputs} outputs")

    def value(self, name: str) -> Array:
        """A constant's value."""
        for tensor in self.constants:
            if tensor.name == name:
                return numpy_helper.to_array(tensor)
        raise UnsayableError(f"{name} is no constant")

    def _moved(self, inputs: Any, attributes: Any, *words: str) -> tuple[Any, Any]:
        """The inputs behind the first one as attributes."""
        if len(inputs) - 1 > len(words):
            raise UnsayableError("an input too many")
        found = dict(attributes)
        for name, word in zip(inputs[1:], words, strict=False):
            if name:
                found[word] = self.value(name).tolist()
        return inputs[:1], found

    def _axes(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        if len(inputs) < 2:
            raise UnsayableError("no axes were all axes")
        if self.opset < 11 and (self.value(inputs[1]) < 0).any():
            raise UnsayableError("axes were counted from the front")
        attributes = {k: v for k, v in attributes.items() if k != "noop_with_empty_axes"}
        return self._moved(inputs, attributes, "axes")

    def _reshape(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        return self._moved(inputs, attributes, "shape") if self.opset < 5 else (inputs, attributes)

    def _cast(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        if self.opset < 6:
            attributes = {"to": TensorProto.DataType.Name(attributes["to"])}
        return inputs, attributes

    def _gemm(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        if self.opset < 11 and len(inputs) < 3:
            raise UnsayableError("C was required")
        return inputs, attributes | ({"broadcast": 1} if self.opset < 7 else {})

    def _clip(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        return self._moved(inputs, attributes, "min", "max") if self.opset < 11 else (
            inputs,
            attributes,
        )  # fmt: skip

    def _pad(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        if self.opset < 11:
            words = ("paddings" if self.opset < 2 else "pads", "value")
            return self._moved(inputs, attributes, *words)
        return inputs, attributes

    def _slice(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        if self.opset < 10:
            return self._moved(inputs, attributes, "starts", "ends", "axes")
        return inputs, attributes

    def _split(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        if self.opset < 18:
            attributes = {k: v for k, v in attributes.items() if k != "num_outputs"}
        if self.opset < 13:
            return self._moved(inputs, attributes, "split")
        return inputs, attributes

    def _dropout(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        if self.opset < 12:
            inputs, attributes = self._moved(inputs[:2], attributes, "ratio")
        if self.opset < 7:
            attributes["is_test"] = 1
        return inputs, attributes

    def _batchnormalization(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        if self.opset < 7:
            attributes = attributes | {"is_test": 1}
        if self.opset < 6:
            attributes["consumed_inputs"] = [0, 0, 0, 1, 1]
        return inputs, attributes

    def _topk(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        if self.opset < 10:
            inputs, attributes = self._moved(inputs, attributes, "k")
            attributes["k"] = attributes["k"][0]
        return inputs, attributes

    def _depthtospace(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        if self.opset < 11 and attributes.get("mode") == "DCR":
            attributes = {k: v for k, v in attributes.items() if k != "mode"}
        return inputs, attributes

    def _scatterelements(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        if self.opset < 16 and attributes.get("reduction") == "none":
            attributes = {k: v for k, v in attributes.items() if k != "reduction"}
        return inputs, attributes

    _scatternd = _scatterelements

    def _equal(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        if self.opset < 11 and "" not in inputs:
            inputs = [self.op("Cast", name, to=TensorProto.INT32) for name in inputs]
        return inputs, attributes

    def _resize(self, inputs: Any, attributes: Any) -> tuple[Any, Any]:
        inputs = [*inputs, "", "", ""][:4]
        nothing = np.array([], np.float32)
        if self.opset < 11:
            said = {"mode": attributes.get("mode", "nearest")}
            plain = {"coordinate_transformation_mode": "asymmetric"} | said
            if inputs[3] or attributes != plain:
                raise UnsayableError("it had no places")
            return [inputs[0], inputs[2]], said
        if self.opset < 13:
            inputs[1] = inputs[1] or self.constant(nothing)
            inputs[2] = inputs[2] or self.constant(nothing)
        return inputs, attributes

    def scaled(self, rows: str, factor: str) -> str:
        if self.opset >= 7:
            return super().scaled(rows, factor)
        column = self.op("Reshape", factor, self.constant(np.array([-1])))
        return self.op("Mul", rows, column, axis=0)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        if kind == "Shape" and attributes and self.opset < 15:
            # a part of the shape
            start, end = attributes.get("start", 0), attributes.get("end", 2)
            whole = super().op("Shape", *inputs)
            return super().op("Gather", whole, self.constant(np.arange(start, end)), axis=0)
        if kind == "Flatten" and self.opset < 9:
            writer = next(n for n in self.nodes if inputs[0] in n.output)
            if writer.op_type in WHOLE:
                return super().op(kind, self.cast(inputs[0]), **attributes)
        return super().op(kind, *inputs, **attributes)


def says(s: Sample, opset: int) -> bool:
    """Whether a sample's shapes are ones that the operator takes in an operator set."""
    given = [i for i in s.inputs if i]
    varying = [isinstance(i, Varying) for i in given]
    shapes = [i.shape if isinstance(i, Varying) else i.value.shape for i in given]
    if s.kind in SAME and opset < 8:
        return len(set(shapes)) == 1 and all(varying)
    if s.kind in (*ARITHMETIC, *COMPARING) and opset < 7 and len(shapes) > 1:
        return varying[0] and _placed(s, varying[1], *shapes[:2])
    if s.kind == "PRelu":
        per_channel = shapes[1] == shapes[0][:1]
        if opset < 7:
            return not varying[1] and (per_channel or shapes[1] == (1,))
        return not per_channel or len(shapes[0]) == 1
    if s.kind == "Gemm" and opset < 7:
        return len(shapes) > 2 and s.body is None and not (varying[2] and shapes[2] == (1,))
    if s.kind == "Split" and opset < 18 and len(shapes) < 2:
        return shapes[0][-1] % s.outputs == 0
    if s.kind in COERCING and opset < 13:
        return s.batch == 0  # else all events are one row
    # ONNX's reference, which alone runs these, puts the padding of SAME_UPPER elsewhere
    return not (s.kind == "AveragePool" and opset < 7 and "auto_pad" in s.attributes)


def _placed(s: Sample, varies: bool, left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    """Whether B is of A's shape, or a part of its axes, or one number."""
    if varies:
        return left == right
    if "axis" in s.attributes:
        return True
    return left[len(left) - len(right) :] == right
