"""Keras models as ONNX files: by Keras itself, and by tf2onnx."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from validation.tensorflow_hessians.reference import tensorflow

__all__ = ["EXPORTERS", "by_keras", "by_tf2onnx", "has_erfc", "without_erfc"]

OPSET = 18


def by_keras(model: Any) -> onnx.ModelProto:
    """``model.export(..., format="onnx")``."""
    _quiet()
    shapes = [(1, *i.shape[1:]) for i in model.inputs]
    zeros = [np.zeros(shape, model.inputs[0].dtype) for shape in shapes]
    model(zeros if len(zeros) > 1 else zeros[0])  # Keras exports called models only
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        model.export(str(path), format="onnx", verbose=False)
        return onnx.load(str(path))


def by_tf2onnx(model: Any) -> onnx.ModelProto:
    """``tf2onnx.convert.from_function``, in an operator set that is newer than its default."""
    _quiet()
    tf = tensorflow()
    import tf2onnx

    signature = [tf.TensorSpec((None, *i.shape[1:]), i.dtype, name=i.name) for i in model.inputs]

    @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]
    def call(*inputs: Any) -> Any:
        return model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proto, _ = tf2onnx.convert.from_function(call, input_signature=signature, opset=OPSET)
    return proto


EXPORTERS = {"Keras": by_keras, "tf2onnx": by_tf2onnx}


def _quiet() -> None:
    """tf2onnx tells of what it cannot convert, and converts it all the same."""
    for name in ("tf2onnx", "tf2onnx.tfonnx", "tf2onnx.optimizer"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def has_erfc(proto: onnx.ModelProto) -> bool:
    """Whether there is an ``Erfc``, which no operator set of ONNX has."""
    return any(node.op_type == "Erfc" for node in proto.graph.node)


def without_erfc(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The file with erfc x = 1 − erf x in its place."""
    found = onnx.ModelProto()
    found.CopyFrom(proto)
    kind = found.graph.input[0].type.tensor_type.elem_type
    one = np.array(1, helper.tensor_dtype_to_np_dtype(kind))
    found.graph.initializer.append(numpy_helper.from_array(one, "erfc_one"))
    nodes = []
    for node in found.graph.node:
        if node.op_type != "Erfc":
            nodes.append(node)
            continue
        inner = f"{node.output[0]}_erf"
        nodes.append(helper.make_node("Erf", list(node.input), [inner]))
        nodes.append(helper.make_node("Sub", ["erfc_one", inner], list(node.output)))
    del found.graph.node[:]
    found.graph.node.extend(nodes)
    return found
