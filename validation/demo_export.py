"""From the trained Keras network of the demo to a clean ONNX file, verified against Keras.

Keras exports through tf2onnx, which writes a selection as arithmetic, Cast(c)·a + Cast(¬c)·x, and
names tensors after TensorFlow's scopes. Here the selection becomes one Where again, and every
tensor gets a name that a reader of the graph understands. Nothing else is changed.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

INPUT, OUTPUT = "features", "signal"
# What a constant is called, by the operator that takes it.
ROLES = {"Less": "missing_below", "Where": "replacement", "MatMul": "kernel", "Add": "bias"}
STANDARDIZATION = {"Mul": "scale", "Add": "offset"}


class DemoError(Exception):
    """The demo cannot be made; the message says why, in one line."""


def export(model: Any, names: list[str], doc: str) -> onnx.ModelProto:
    """The Keras model as ONNX, by Keras' own export, made readable and given its metadata."""
    model(np.zeros((1, len(names)), np.float32))  # keras exports only a model that has been called
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "higgs.onnx"
        model.export(path, format="onnx", verbose=False)
        exported = onnx.load(path)
    if [entry.name for entry in exported.graph.input] != [INPUT]:
        raise DemoError(f"the export has other inputs than `{INPUT}`")
    restore_where(exported.graph)
    rename(exported.graph)
    keep_used_domains(exported)
    exported.graph.name = "higgs"
    exported.doc_string = doc
    onnx.helper.set_model_props(exported, {"feature_names": json.dumps(names)})
    onnx.checker.check_model(exported, full_check=True)
    return exported


def restore_where(graph: onnx.GraphProto) -> None:
    """Cast(c)·a + Cast(¬c)·x becomes Where(c, a, x)."""
    maker = {name: node for node in graph.node for name in node.output}

    def factors(product: onnx.NodeProto) -> tuple[onnx.NodeProto, str]:
        """The Cast of a product, and the name of its other factor."""
        (cast,) = (name for name in product.input if operator(maker.get(name)) == "Cast")
        (other,) = (name for name in product.input if name != cast)
        return maker[cast], other

    for total in graph.node:
        products = [maker.get(name) for name in total.input]
        if total.op_type == "Add" and all(operator(node) == "Mul" for node in products):
            break
    else:
        raise DemoError("the export does not write its selection as tf2onnx 1.17 does")
    parts = [factors(node) for node in products if node is not None]
    negated = [operator(maker[cast.input[0]]) == "Not" for cast, _ in parts]
    if sorted(negated) != [False, True]:
        raise DemoError("the export does not write its selection as tf2onnx 1.17 does")
    (chosen_cast, chosen), (other_cast, other) = (parts[k] for k in np.argsort(negated))
    condition, negation = chosen_cast.input[0], maker[other_cast.input[0]]
    selection = onnx.helper.make_node("Where", [condition, chosen, other], total.output)
    gone = [*products, chosen_cast, other_cast, negation]
    kept = [selection if node is total else node for node in graph.node if node not in gone]
    graph.ClearField("node")
    graph.node.extend(kept)


def operator(node: onnx.NodeProto | None) -> str:
    """The operator of a node; empty where a tensor has no node because it is an input."""
    return "" if node is None else node.op_type


def rename(graph: onnx.GraphProto) -> None:
    """``LAYER/kernel``, ``LAYER/bias``, ``LAYER/OPERATOR``; batch dimension ``events``.

    Constants that no node takes are left out, the others are put into alphabetical order.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    names = {graph.input[0].name: INPUT, graph.output[0].name: OUTPUT}
    for node in graph.node:
        scope = layer(node.name)
        node.name = "/".join(filter(None, [scope, node.op_type]))
        roles = ROLES | STANDARDIZATION if scope == "standardize" else ROLES
        for name in constants.keys() & node.input:
            names[name] = "/".join(filter(None, [scope, roles[node.op_type]]))
        for name in node.output:
            names.setdefault(name, node.name)
    if len(set(names.values())) != len(names):
        raise DemoError("two tensors of the export would get the same name")
    for node in graph.node:
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    used = [tensor for name, tensor in constants.items() if name in names]
    for tensor in used:
        tensor.name = names[tensor.name]
    graph.ClearField("value_info")
    graph.ClearField("initializer")
    graph.initializer.extend(sorted(used, key=lambda tensor: tensor.name))
    graph.output[0].name = OUTPUT
    for entry in (graph.input[0], graph.output[0]):
        entry.type.tensor_type.shape.dim[0].dim_param = "events"


def layer(name: str) -> str:
    """The Keras layer of a node: ``higgs_1/hidden_1_1/MatMul`` is of ``hidden_1``; may be empty.

    Keras' export appends the count ``_1`` to every scope.
    """
    match = re.match(r"higgs(?:_\d+)?/(\w+?)_\d+/", name)
    return match[1] if match else ""


def keep_used_domains(model: onnx.ModelProto) -> None:
    """Without the operator sets that no node uses."""
    domains = {node.domain for node in model.graph.node}
    used = [entry for entry in model.opset_import if entry.domain in domains]
    model.ClearField("opset_import")
    model.opset_import.extend(used)


def verify(exported: onnx.ModelProto, model: Any, x: npt.NDArray[np.float32]) -> float:
    """The largest |onnxruntime − Keras|; raises DemoError where the export is not the model.

    Also: the signature, only standard operators, and an event alone as in a batch.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(exported.SerializeToString())
    entries = [*session.get_inputs(), *session.get_outputs()]
    signature = [(entry.name, entry.shape) for entry in entries]
    if signature != [(INPUT, ["events", x.shape[1]]), (OUTPUT, ["events", 1])]:
        raise DemoError(f"the export has the signature {signature}")
    opset = exported.opset_import[0].version
    for node in exported.graph.node:
        if node.domain or not onnx.defs.has(node.op_type, opset, ""):
            raise DemoError(f"{node.op_type} is no operator of ONNX opset {opset}")
    together = session.run([OUTPUT], {INPUT: x})[0]
    alone = np.concatenate([session.run([OUTPUT], {INPUT: row[None]})[0] for row in x])
    if not abs(alone - together).max() < 1e-6:
        raise DemoError("an event alone responds otherwise than in a batch")
    deviation = float(abs(together - model.predict(x, verbose=0)).max())
    if not deviation < 1e-5:
        raise DemoError(f"onnxruntime and Keras differ by {deviation:.1e}")
    return deviation
