"""Which inputs are features, which are held at a value, and which outputs are responses."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy.typing as npt

from onnxtaylor.errors import ModelError, OptionError, nearest, printable
from onnxtaylor.graph.held import Value, can_hold, read_value
from onnxtaylor.graph.layout import batch_of, can_lay_out, feature_count
from onnxtaylor.graph.load import LoadedModel
from onnxtaylor.graph.ports import FLOATS, Port, input_ports, output_ports, zipmap_tensors
from onnxtaylor.graph.prune import needed_inputs, tensor_names
from onnxtaylor.options.model import ModelOptions

__all__ = ["Choice", "choose"]

SHOWN = 3  # inputs that a message describes; it names all
LONGEST = 600  # letters of a call that a message proposes
MOST_FEATURES = 2**24  # of which one event fills 128 MiB


@dataclass(frozen=True)
class _Request:
    """Names and values of ``ModelOptions`` as tuples and a dictionary.

    ``by_steps``: no derivatives are wanted, so that features may be whole numbers and responses may
    vary in steps.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    fix: Mapping[str, npt.ArrayLike]
    by_steps: bool


@dataclass(frozen=True)
class Choice:
    """The resolved options.

    ``outputs`` are the tensors to evaluate; ``picks`` what was asked for in that order, tensors
    and names that are none, such as a class or ``p[2]``: which response those mean is known once
    the model has responded. ``others`` are outputs that were not chosen.
    """

    features: tuple[Port, ...]
    fixed: tuple[tuple[Port, Value], ...]
    outputs: tuple[str, ...]
    picks: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def n_features(self) -> int | None:
        """Number of features; None where a dimension is free and the data must tell."""
        sizes = [feature_count(p) for p in self.features]
        return None if None in sizes else sum(s for s in sizes if s is not None)


def choose(
    model: LoadedModel, options: ModelOptions | None = None, *, derivatives: bool = True
) -> Choice:
    """Resolves the options of a model against its graph.

    Without ``derivatives``, for responses to finite steps, features and responses may be whole
    numbers. Raises ModelError where the model has nothing to offer, OptionError where an option
    names what does not exist or an input is left without a value.
    """
    options = options or ModelOptions()
    request = _Request(
        _names(options.input), _names(options.output), dict(options.fix or {}), not derivatives
    )
    graph = model.proto.graph
    outputs, picks, others = _choose_outputs(model, request)
    ports = input_ports(graph)
    for name in (*request.inputs, *request.fix):
        if name not in {p.name for p in ports}:
            raise OptionError(
                f"{_at(model)}has no input '{printable(name)}'"
                + nearest(name, [p.name for p in ports])
            )
        if name in request.inputs and name in request.fix:
            raise OptionError(f"input '{printable(name)}' cannot be held and be features as well")
    needed = needed_inputs(graph, outputs)
    ports = [p for p in ports if p.name in needed or p.name in request.inputs]
    features = _choose_features(model, ports, request)
    held = [p for p in ports if p not in features]
    return Choice(
        features=tuple(features),
        fixed=tuple(_choose_values(model, features, held, request)),
        outputs=tuple(outputs),
        picks=tuple(picks),
        others=tuple(others),
    )


def _choose_outputs(
    model: LoadedModel, request: _Request
) -> tuple[list[str], list[str], list[str]]:
    """The tensors to evaluate, what to pick of their responses, and the outputs not chosen."""
    graph, wanted, by_steps = model.proto.graph, request.outputs, request.by_steps
    ports = {p.name: p for p in output_ports(graph)}
    floats = [p.name for p in ports.values() if p.is_float]
    if by_steps and not floats:
        floats = [p.name for p in ports.values() if p.is_whole]
    if not wanted:
        if not floats:
            what = ", ".join(f"{printable(p.name)} ({p.type_name})" for p in ports.values())
            raise ModelError(
                f"{_at(model)}has no output of floating-point numbers, only {what}: a response"
                " must be a number; name an inner tensor with --output"
            )
        return floats[:1], floats[:1], floats[1:]
    inner = tensor_names(graph)
    maps = zipmap_tensors(graph)
    # a ZipMap's sequence of maps, or one of its entries, stands for the tensor that it reads
    named = (name.partition("[") if name not in inner else (name, "", "") for name in wanted)
    picks = list(dict.fromkeys(maps.get(owner, owner) + "".join(rest) for owner, *rest in named))
    tensors = []
    for name in picks:
        port = ports.get(name)
        if port and not port.is_float and not (port.is_whole and by_steps):
            raise OptionError(
                f"{_at(model)}output '{printable(name)}' holds {ports[name].type_name}: it has no"
                " derivative" + (f"; choose {', '.join(map(printable, floats))}" if floats else "")
            )
        # a single node belongs to the tensor that it names, as in p[2], or to the first output
        owner = name.rsplit("[", 1)[0]
        tensors += [name] if name in ports or name in inner else [owner]
    known = [t for t in tensors if t in ports or t in inner]
    if len(known) < len(tensors):
        known += [f for f in floats[:1] if f not in known]
    if not known:
        raise OptionError(
            f"{_at(model)}has no output or inner tensor '{printable(wanted[0])}'"
            + nearest(wanted[0], sorted(inner))
        )
    outputs = list(dict.fromkeys(known))
    return outputs, picks, [f for f in floats if f not in outputs]


def _choose_features(model: LoadedModel, ports: list[Port], request: _Request) -> list[Port]:
    if request.inputs:
        by_name = {p.name: p for p in ports}
        chosen = [by_name[name] for name in dict.fromkeys(request.inputs)]
    else:
        free = [p for p in ports if p.name not in request.fix]
        if not free:
            raise ModelError(
                f"{_at(model)}the response depends on no input that is free to vary: choose"
                " another with --output"
            )
        floats = [p for p in free if p.is_float]
        if request.by_steps and not floats:
            floats = [p for p in free if p.is_whole]
        # a single number, such as a temperature, belongs to no event
        rows = [p for p in floats if p.shape != ()] or floats
        if len(rows) > 1 and all(feature_count(p) == 1 for p in rows):
            chosen = rows  # one input per column, as scikit-learn pipelines have
        else:
            chosen = sorted(rows, key=_narrowness)[:1] or free[:1]
    for p in chosen:
        _refuse(model, p, by_steps=request.by_steps)
    return chosen


def _narrowness(port: Port) -> tuple[bool, int]:
    """Sorts the widest input first, a free size counting as wide, and those with a fixed batch
    behind: beside inputs with a free one they are constants that the exporter left open.
    """
    return isinstance(batch_of(port), int), -(feature_count(port) or 10**9)


def _refuse(model: LoadedModel, p: Port, *, by_steps: bool) -> None:
    where = f"{_at(model)}input '{printable(p.name)}'"
    if not p.is_float and not (p.is_whole and by_steps):
        steps = "use analyze --finite-step 1, or " if p.is_whole else ""
        raise ModelError(
            f"{where} holds {p.type_name}, and a response has no derivative by"
            f" {'text' if p.type_name == 'string' else 'whole numbers'}: {steps}cut the model"
            " behind the encoding of this input (onnx.utils.extract_model) and analyze the part"
            " that takes floating-point numbers"
            if p.type
            else f"{where} is no tensor: export the model with a tensor [batch, features] instead"
        )
    if FLOATS.get(p.type) == "bfloat16":
        raise ModelError(
            f"{where} is bfloat16, which onnxruntime cannot be fed from NumPy: export the model"
            " with float32 inputs"
        )
    if (feature_count(p) or 0) > MOST_FEATURES:
        raise ModelError(f"{where} {p.shape_text} has more features than can be analyzed")
    if p.shape == ():
        raise ModelError(
            f"{where} is a single number without a batch axis: export the model with inputs of"
            " shape [batch, features]"
        )


def _choose_values(
    model: LoadedModel, features: list[Port], held: list[Port], request: _Request
) -> list[tuple[Port, Value]]:
    """The values of the held inputs; names all that are missing at once."""
    missing = [p for p in held if p.name not in request.fix]
    for p in missing:
        if not can_hold(p):
            raise ModelError(
                f"{_at(model)}input '{printable(p.name)}' holds {p.type_name}, which cannot be fed:"
                " export the model with tensors of numbers or text as inputs, or cut it behind this"
                " one (onnx.utils.extract_model)"
            )
    if missing:
        raise OptionError(_missing_line(model, features, missing))
    batch = batch_of(features[0])
    symbols = {d for p in features for d in (p.shape or ())[1:] if isinstance(d, str)}
    return [(p, read_value(p, request.fix[p.name], batch, symbols)) for p in held]


def _missing_line(model: LoadedModel, features: list[Port], missing: list[Port]) -> str:
    """What to add to the call: everything, so that the call is not refused a second time."""
    shown = [
        f"'{printable(p.name)}' ({p.type_name} {printable(p.shape_text)})" for p in missing[:SHOWN]
    ]
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    line = (
        f"{_at(model)}input{'s' * (len(missing) > 1)} {', '.join(shown)}{more}"
        f" need{'s' * (len(missing) == 1)} a value: hold with "
    )
    fixes = _options("--fix", missing)
    if len(fixes) > LONGEST:
        return f"{line}--fix NAME=VALUE, or take as features with --input NAME, each of them"
    line += fixes
    floats = [p for p in missing if p.is_float and p.shape != ()]
    fixed = all(p.shape and all(isinstance(d, int) for d in p.shape) for p in floats)
    if floats and fixed and not isinstance(batch_of(features[0]), int):
        return line + (
            "; where the exporter lost a constant, such as the mean or variance of Keras'"
            " Normalization, its value is in the original model"
        )
    taken = [*features, *floats]
    if floats and _can_be_features(model, taken):
        others = [p for p in missing if p not in floats]
        line += f", or take as features with {_options('--input', taken)}"
        line += f" {_options('--fix', others)}" if others else ""
    return line


def _options(option: str, ports: Sequence[Port]) -> str:
    """The options as they are typed, for every port."""
    value = "=VALUE" if option == "--fix" else ""
    return " ".join(f"{option} {shlex.quote(printable(p.name, 400) + value)}" for p in ports)


def _can_be_features(model: LoadedModel, ports: Sequence[Port]) -> bool:
    """Whether these inputs can be features together, as far as that is known without data."""
    try:
        for p in ports:
            _refuse(model, p, by_steps=False)
        return can_lay_out(ports)
    except ModelError:
        return False


def _names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def _at(model: LoadedModel) -> str:
    return f"{printable(model.path)}: "
