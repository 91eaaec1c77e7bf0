"""Types of the outputs of nodes, by ONNX's own inference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt
import onnx
from onnx import TypeProto, defs, helper, numpy_helper, shape_inference

from onnxtaylor.graph.onnx_errors import ONNX_ERRORS

__all__ = ["NodeTypes", "itemsize"]

REFUSALS = (*ONNX_ERRORS, TypeError, defs.SchemaError)  # the type of a number beyond 32 bits
LARGEST = 2**31 - 1  # version of an operator set


class NodeTypes:
    """Inference of the types of a model's nodes, one by one.

    Parameters
    ----------
    proto
        The model, which says the versions of its operator sets.
    """

    def __init__(self, proto: onnx.ModelProto) -> None:
        self._imports = list(proto.opset_import)
        self._versions = {o.domain: min(o.version, LARGEST) for o in proto.opset_import}
        self._ir = proto.ir_version
        self._memory: dict[object, list[TypeProto]] = {}

    def of(
        self,
        node: onnx.NodeProto,
        types: Mapping[str, TypeProto],
        values: Mapping[str, npt.NDArray[Any]],
    ) -> list[TypeProto]:
        """Infers the types of a node's outputs; nodes that are alike are inferred once.

        Parameters
        ----------
        node
            The node.
        types
            Types of tensors by name.
        values
            Values of small tensors by name, on which a shape may depend.

        Returns
        -------
        list
            One type for each output, empty where it is not known; no type where an input's is not,
            or ONNX refuses the node.
        """
        read = [name for name in node.input if name]
        if not all(name in types for name in read):
            return []
        known = {name: values[name] for name in read if name in values}
        key = (
            node.op_type,
            node.domain,
            len(node.output),
            tuple(a.SerializeToString() for a in node.attribute),
            tuple(
                (types[name].SerializeToString(), known[name].tobytes() if name in known else None)
                if name
                else None
                for name in node.input
            ),
        )
        if key not in self._memory:
            self._memory[key] = list(self._infer(node, read, types, known))
        return self._memory[key]

    def _infer(
        self,
        node: onnx.NodeProto,
        read: Sequence[str],
        types: Mapping[str, TypeProto],
        known: Mapping[str, npt.NDArray[Any]],
    ) -> Iterator[TypeProto]:
        domain = "" if node.domain == "ai.onnx" else node.domain
        version = self._versions.get(domain, self._versions.get("ai.onnx", 1))
        try:
            found = shape_inference.infer_node_outputs(
                defs.get_schema(node.op_type, version, domain),
                node,
                {name: types[name] for name in read},
                {name: numpy_helper.from_array(value, name) for name, value in known.items()},
                opset_imports=self._imports,
                ir_version=self._ir,
            )
        except REFUSALS:
            return
        for name in node.output:
            yield found.get(name, TypeProto())


def itemsize(kind: int) -> int:
    """Returns the bytes of one number of an ONNX element type; 8 where it has no NumPy format."""
    try:
        return int(helper.tensor_dtype_to_np_dtype(kind).itemsize)
    except KeyError:
        return 8
