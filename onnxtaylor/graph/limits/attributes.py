"""Nodes against the definitions of their operators: types of attributes, numbers of tensors.

onnxruntime refuses what breaks a definition, but the passes that rewrite a graph come before it.
Sizes among the attributes are held to their ranges: kernels divide by them, or allocate by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

import onnx
from onnx import AttributeProto, defs

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.limits.place import node_phrase
from onnxtaylor.graph.prune import subgraphs

__all__ = ["require_attributes"]

MOST = 2**31 - 1  # kernels count in 32 bits

# sizes by which kernels divide or allocate, in every operator that has them
FROM_ONE = frozenset(
    (
        *("kernel_shape", "strides", "dilations", "group", "blocksize", "num_outputs"),
        *("hidden_size", "num_heads", "kv_num_heads", "q_num_heads", "num_groups", "groups"),
        *("sample_size", "output_height", "output_width", "n_supports", "bits", "N", "K"),
        *("num_scan_inputs", "max_gram_length", "tile_size", "k_experts", "head_size"),
    )
)
# sizes and places that may be 0, or count from the end
WITHIN = frozenset(
    (
        *("pads", "output_padding", "output_shape", "split", "axis", "axes", "perm", "k", "shape"),
        *("batch_dims", "storage_order", "block_size", "batch_axis", "time_axis", "to", "dtype"),
        *("sampling_ratio", "max_skip_count", "min_gram_length", "post_transform"),
        *("batch_axis", "scan_input_axes", "scan_output_axes", "repeats", "tiles", "rotary"),
    )
)
# operators that alone give a name the meaning of a size
OWN_FROM_ONE = {
    "LpPool": ("p",),
    "GlobalLpPool": ("p",),
    "LpNormalization": ("p",),
    "LRN": ("size",),
}
MEANT = ("", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc")  # others use names as they like
POSITIVE = frozenset({"scales", "height_scale", "width_scale", "spatial_scale"})

NUMBERS: dict[int, str] = {
    AttributeProto.INT: "a whole number",
    AttributeProto.INTS: "a list of whole numbers",
}
WORDS: dict[int, str] = NUMBERS | {
    AttributeProto.FLOAT: "a number",
    AttributeProto.FLOATS: "a list of numbers",
    AttributeProto.STRING: "a text",
    AttributeProto.STRINGS: "a list of texts",
    AttributeProto.TENSOR: "a tensor",
    AttributeProto.GRAPH: "a graph",
}


class _Definition(NamedTuple):
    """Numbers of inputs and outputs of an operator, inputs that it needs, and its attributes."""

    inputs: tuple[int, int]
    outputs: tuple[int, int]
    needed: tuple[int, ...]
    attributes: Mapping[str, int]
    required: tuple[str, ...]


def require_attributes(proto: onnx.ModelProto, where: str) -> None:
    """Raises ModelError for the first node that breaks the definition of its operator.

    Operators that ONNX does not define are only held to the ranges of sizes.
    """
    for domain, version in _versions(proto.opset_import).items():
        if not 1 <= version <= MOST:
            raise ModelError(
                f"{where}: asks for version {version} of the operator set"
                f" '{printable(domain or 'ai.onnx')}', which does not exist"
            )
    if not 1 <= proto.ir_version <= MOST:
        raise ModelError(
            f"{where}: asks for version {proto.ir_version} of ONNX's file format, which does not"
            " exist"
        )
    bodies = {(f.domain, f.name) for f in proto.functions}
    _look_at(proto.graph.node, _versions(proto.opset_import), bodies, where)
    for function in proto.functions:
        _look_at(function.node, _versions(function.opset_import), bodies, where)


def _versions(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    return {("" if e.domain == "ai.onnx" else e.domain): e.version for e in imports}


def _look_at(
    nodes: Iterable[onnx.NodeProto],
    versions: Mapping[str, int],
    bodies: set[tuple[str, str]],
    where: str,
) -> None:
    for node in nodes:
        domain = "" if node.domain == "ai.onnx" else node.domain
        if (node.domain, node.op_type) not in bodies and domain in versions:
            definition = _definition(node.op_type, min(versions[domain], MOST), domain)
            if definition is not None:
                _require_form(node, definition, where)
        if domain in MEANT:
            for attribute in node.attribute:
                _require_range(node, attribute, where)
        for inner in subgraphs(node):
            _look_at(inner.node, versions, bodies, where)


@lru_cache(maxsize=4096)
def _definition(kind: str, version: int, domain: str) -> _Definition | None:
    """Returns what ONNX defines of an operator, None for one that it does not know."""
    try:
        schema: Any = defs.get_schema(kind, version, domain)
    except defs.SchemaError:
        return None
    single = defs.OpSchema.FormalParameterOption.Single
    return _Definition(
        (schema.min_input, schema.max_input),
        (schema.min_output, schema.max_output),
        tuple(k for k, entry in enumerate(schema.inputs) if entry.option == single),
        {name: int(entry.type.value) for name, entry in schema.attributes.items()},
        tuple(name for name, entry in schema.attributes.items() if entry.required),
    )


def _require_form(node: onnx.NodeProto, definition: _Definition, where: str) -> None:
    """Raises ModelError for numbers of tensors and types of attributes that cannot be."""
    for what, count, (least, most) in (
        ("inputs", len(node.input), definition.inputs),
        ("outputs", len(node.output), definition.outputs),
    ):
        if not least <= count <= most:
            allowed = least if least == most else f"{least} to {most}" if most < MOST else least
            raise ModelError(
                f"{node_phrase(node, where)} has {count} {what}, where its operator has {allowed}:"
                " export the model again"
            )
    for k in definition.needed:
        if k < len(node.input) and not node.input[k]:
            raise ModelError(f"{node_phrase(node, where)} lacks its input {k + 1}")
    given = set()
    for attribute in node.attribute:
        given.add(attribute.name)
        wanted = definition.attributes.get(attribute.name)
        if wanted is not None and attribute.type not in (wanted, AttributeProto.UNDEFINED):
            raise ModelError(
                f"{node_phrase(node, where)}: attribute '{printable(attribute.name)}' is"
                f" {WORDS.get(attribute.type, 'something else')}, where its operator wants"
                f" {WORDS.get(wanted, 'something else')}: export the model again"
            )
    for name in definition.required:
        if name not in given:
            raise ModelError(f"{node_phrase(node, where)} lacks its attribute '{name}'")


def _require_range(node: onnx.NodeProto, attribute: AttributeProto, where: str) -> None:
    """Raises ModelError for a size that no kernel can have."""
    name = attribute.name
    if attribute.type in NUMBERS:
        whole = [attribute.i] if attribute.type == AttributeProto.INT else attribute.ints
        from_one = name in FROM_ONE or name in OWN_FROM_ONE.get(node.op_type, ())
        if not from_one and name not in WITHIN:
            return
        least = 1 if from_one else -MOST
        for number in whole:
            if not least <= number <= MOST:
                raise ModelError(
                    f"{node_phrase(node, where)}: attribute '{name}' is {number}, but must be from"
                    f" {least} to {MOST}: export the model again"
                )
        if name == "num_outputs" and node.op_type == "Split" and whole[0] != len(node.output):
            raise ModelError(
                f"{node_phrase(node, where)} is to have {whole[0]} outputs and has"
                f" {len(node.output)}: export the model again"
            )
    elif name in POSITIVE and attribute.type in (AttributeProto.FLOAT, AttributeProto.FLOATS):
        real = [attribute.f] if attribute.type == AttributeProto.FLOAT else attribute.floats
        for number in real:
            if not (isfinite(number) and number > 0):
                raise ModelError(
                    f"{node_phrase(node, where)}: attribute '{name}' is {number}, but must be a"
                    " finite number above 0: export the model again"
                )
