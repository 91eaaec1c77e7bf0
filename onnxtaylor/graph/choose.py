"""Which inputs are features, which are held at a value, and which outputs are responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import prod

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import ModelError, OptionError, printable
from onnxtaylor.graph.load import LoadedModel
from onnxtaylor.graph.ports import FLOATS, Port, input_ports, output_ports
from onnxtaylor.graph.prune import needed_inputs, tensor_names

__all__ = ["Choice", "ModelRequest", "choose", "nearest"]


@dataclass(frozen=True)
class ModelRequest:
    """What the user asks of a model.

    ``inputs`` are the inputs that hold features, ``outputs`` tensors or single response nodes,
    ``fix`` values for further inputs, ``link`` what is analyzed of each response p:
    p itself (``identity``), log(p/(1−p)) (``logit``) or log p (``log``).
    """

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    fix: Mapping[str, npt.ArrayLike] = field(default_factory=dict)
    link: str = "identity"


@dataclass(frozen=True)
class Choice:
    """The resolved request.

    ``nodes`` are requested names that are no tensors, such as a class or ``p[2]``: which response
    they mean is known once the model has responded. ``others`` are outputs that were not chosen.
    """

    features: tuple[Port, ...]
    fixed: tuple[tuple[Port, npt.NDArray[np.float64]], ...]
    outputs: tuple[str, ...]
    nodes: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def n_features(self) -> int | None:
        """Number of features; None where a dimension is free and the data must tell."""
        sizes = [feature_count(p) for p in self.features]
        return None if None in sizes else sum(s for s in sizes if s is not None)


def feature_count(port: Port) -> int | None:
    """Π of all dimensions behind the batch; None if one of them is free."""
    dims = (port.shape or (None, None))[1:]
    return prod(d for d in dims if isinstance(d, int)) if all(map(_known, dims)) else None


def choose(model: LoadedModel, request: ModelRequest) -> Choice:
    """Resolves a request against a model.

    Raises ModelError where the model has nothing to offer, OptionError where the request names
    what does not exist or leaves an input without a value.
    """
    graph = model.proto.graph
    outputs, nodes, others = _choose_outputs(model, request.outputs)
    ports = input_ports(graph)
    for name in (*request.inputs, *request.fix):
        if name not in {p.name for p in ports}:
            raise OptionError(
                f"{_at(model)}has no input '{printable(name)}'; it has "
                + ", ".join(printable(p.name) for p in ports)
            )
    needed = needed_inputs(graph, outputs)
    ports = [p for p in ports if p.name in needed or p.name in request.inputs]
    features = _choose_features(model, ports, request)
    held = [p for p in ports if p not in features]
    return Choice(
        features=tuple(features),
        fixed=tuple((p, _held_value(model, p, request)) for p in held),
        outputs=tuple(outputs),
        nodes=tuple(nodes),
        others=tuple(others),
    )


def _choose_outputs(
    model: LoadedModel, wanted: Sequence[str]
) -> tuple[list[str], list[str], list[str]]:
    graph = model.proto.graph
    ports = output_ports(graph)
    floats = [p.name for p in ports if p.is_float]
    types = {p.name: p for p in ports}
    if not wanted:
        if not floats:
            what = ", ".join(f"{printable(p.name)} ({p.type_name})" for p in ports)
            raise ModelError(
                f"{_at(model)}has no output of floating-point numbers, only {what}: a response"
                " must be a number; name an inner tensor with --output"
            )
        return floats[:1], [], floats[1:]
    inner = tensor_names(graph)
    tensors, nodes = [], []
    for name in wanted:
        if name in types and not types[name].is_float:
            raise OptionError(
                f"{_at(model)}output '{printable(name)}' holds {types[name].type_name}: it has no"
                " derivative"
            )
        (tensors if name in types or name in inner else nodes).append(name)
    if nodes and not tensors:
        # a single node: of the tensor it names, as in p[2], or of the first output
        owners = {n.rsplit("[", 1)[0] for n in nodes}
        tensors = [t for t in [*floats, *sorted(inner)] if t in owners][:1] or floats[:1]
    return tensors, nodes, [f for f in floats if f not in tensors]


def _choose_features(model: LoadedModel, ports: list[Port], request: ModelRequest) -> list[Port]:
    if request.inputs:
        by_name = {p.name: p for p in ports}
        chosen = [by_name[name] for name in dict.fromkeys(request.inputs)]
    else:
        free = [p for p in ports if p.name not in request.fix]
        floats = [p for p in free if p.is_float]
        if not free:
            raise ModelError(f"{_at(model)}the response depends on no input that is free to vary")
        if len(floats) > 1 and all(feature_count(p) == 1 for p in floats):
            chosen = floats  # one input per column, as scikit-learn pipelines have
        else:
            # the widest one; a free dimension counts as wide
            chosen = sorted(floats, key=lambda p: -(feature_count(p) or 10**9))[:1] or free[:1]
    for p in chosen:
        if not p.is_float:
            raise ModelError(
                f"{_at(model)}input '{printable(p.name)}' holds {p.type_name}: a response has no"
                " derivative by whole numbers or text; analyze a later tensor's model, such as one"
                " that starts behind the embedding or encoding of this input"
            )
        if FLOATS[p.type] == "bfloat16":
            raise ModelError(
                f"{_at(model)}input '{printable(p.name)}' is bfloat16, which onnxruntime cannot be"
                " fed from NumPy: export the model with float32 inputs"
            )
        if p.shape == ():
            raise ModelError(
                f"{_at(model)}input '{printable(p.name)}' is a single number without a batch axis:"
                " export the model with inputs of shape [batch, features]"
            )
    return chosen


def _held_value(
    model: LoadedModel, port: Port, request: ModelRequest
) -> npt.NDArray[np.float64]:
    name = printable(port.name)
    if port.name not in request.fix:
        raise OptionError(
            f"{_at(model)}input '{name}' ({port.type_name} {port.shape_text}) needs a value:"
            f" hold it with --fix {name}=VALUE, or take it as features with --input {name}"
        )
    value = np.asarray(request.fix[port.name], dtype=np.float64)
    dims = [d for d in port.shape or () if isinstance(d, int)]
    sizes = {1, prod(dims), prod(dims[1:])}
    if value.size not in sizes:
        raise OptionError(
            f"--fix {name}: {value.size} values do not fit the input's shape {port.shape_text}"
        )
    return value


def nearest(name: str, names: Sequence[str]) -> str:
    """A hint ``; nearest: a, b`` for a name that does not exist."""
    close = get_close_matches(name, names, n=3, cutoff=0.4)
    listed = close or list(names)[:8]
    more = "" if close or len(names) <= 8 else f", … ({len(names)} in all)"
    return ("; nearest: " if close else "; it has ") + ", ".join(map(printable, listed)) + more


def _at(model: LoadedModel) -> str:
    return f"{printable(model.path)}: "


def _known(dim: int | str | None) -> bool:
    return isinstance(dim, int)
