"""Choice of a model's inputs and outputs: features, inputs held at a value, responses.

By default the widest input of floating-point numbers holds the features, and the first output of
floating-point numbers the responses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy.typing as npt

from onnxtaylor.errors import ModelError, OptionError, name_hint, printable
from onnxtaylor.graph.held import Value, can_hold, read_value
from onnxtaylor.graph.layout import batch_of, can_lay_out, feature_count
from onnxtaylor.graph.load import LoadedModel
from onnxtaylor.graph.ports import FLOATS, Port, input_ports, output_ports, zipmap_tensors
from onnxtaylor.graph.prune import needed_inputs, tensor_names
from onnxtaylor.options.model import ModelOptions

__all__ = ["Choice", "choose"]

SHOWN = 3  # inputs that a message describes; its advice names all
LONGEST = 600  # characters of the advice in a message
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

    ``features`` are the inputs that hold the features, in the order of the data's columns, ``held``
    further inputs with the values that they are held at, ``outputs`` the tensors to evaluate.
    ``picks`` are the requested names, in order: tensors, and names such as a class or ``p[2]``,
    whose responses are known only once the model has responded. ``others`` are outputs of
    floating-point numbers that were not chosen.
    """

    features: tuple[Port, ...]
    held: tuple[tuple[Port, Value], ...]
    outputs: tuple[str, ...]
    picks: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def n_features(self) -> int | None:
        """Number of features; None where a size is free and only the data have it."""
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
                f"'{printable(name)}' is not an input of the model"
                + name_hint(name, [p.name for p in ports]),
                option="input" if name in request.inputs else "fix",
            ).located(model.path)
        if name in request.inputs and name in request.fix:
            raise OptionError(
                f"'{printable(name)}' is also held at a value: an input either holds features or is"
                " held",
                option="input",
            ).located(model.path)
    needed = needed_inputs(graph, outputs)
    ports = [p for p in ports if p.name in needed or p.name in request.inputs]
    features = _choose_features(model, ports, request)
    held = [p for p in ports if p not in features]
    return Choice(
        features=tuple(features),
        held=tuple(_choose_values(model, features, held, request)),
        outputs=tuple(outputs),
        picks=tuple(picks),
        others=tuple(others),
    )


def _choose_outputs(
    model: LoadedModel, request: _Request
) -> tuple[list[str], list[str], list[str]]:
    """Tensors to evaluate, names to pick from their responses, and outputs that are not chosen."""
    graph, wanted, by_steps = model.proto.graph, request.outputs, request.by_steps
    ports = {p.name: p for p in output_ports(graph)}
    floats = [p.name for p in ports.values() if p.is_float]
    if by_steps and not floats:
        floats = [p.name for p in ports.values() if p.is_whole]
    if not wanted:
        if not floats:
            what = ", ".join(f"{printable(p.name)} ({p.type_name})" for p in ports.values())
            raise ModelError(
                f"the model has no output of floating-point numbers, only {what}: a response must"
                " be a number; name an inner tensor with output=…"
            ).located(model.path)
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
                f"'{printable(name)}' holds {ports[name].type_name}, which has no derivative"
                + (f": choose {', '.join(map(printable, floats))}" if floats else ""),
                option="output",
            ).located(model.path)
        # a single node belongs to the tensor that it names, as in p[2], or to the first output
        owner = name.rsplit("[", 1)[0]
        tensors += [name] if name in ports or name in inner else [owner]
    known = [t for t in tensors if t in ports or t in inner]
    if len(known) < len(tensors):
        known += [f for f in floats[:1] if f not in known]
    if not known:
        raise OptionError(
            f"'{printable(wanted[0])}' is not an output or inner tensor of the model"
            + name_hint(wanted[0], sorted(inner)),
            option="output",
        ).located(model.path)
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
                "the response depends on no input that is free to vary: choose another with"
                " output=…"
            ).located(model.path)
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
        _require_features(model, p, by_steps=request.by_steps)
    return chosen


def _narrowness(port: Port) -> tuple[bool, int]:
    """Key that sorts the widest input first; a free size counts as wide.

    Inputs with a fixed batch come last: beside inputs with a free batch they are constants that
    the exporter left open.
    """
    return isinstance(batch_of(port), int), -(feature_count(port) or 10**9)


def _require_features(model: LoadedModel, p: Port, *, by_steps: bool) -> None:
    """Raises ModelError for an input that cannot hold features."""
    problem = ""
    if not p.type:
        problem = "is not a tensor: export the model with a tensor [batch, features]"
    elif not p.is_float and not (p.is_whole and by_steps):
        kind = "text" if p.type_name == "string" else "whole numbers"
        steps = "use finite_step=1, or " if p.is_whole else ""
        problem = (
            f"holds {p.type_name}, and a response has no derivative with respect to {kind}:"
            f" {steps}cut the model after the encoding of this input (onnx.utils.extract_model) and"
            " analyze the part that takes floating-point numbers"
        )
    elif FLOATS.get(p.type) == "bfloat16":
        problem = "is bfloat16, for which NumPy has no format: export the model with float32 inputs"
    elif (feature_count(p) or 0) > MOST_FEATURES:
        problem = f"{p.shape_text} has more features than can be analyzed ({MOST_FEATURES})"
    elif p.shape == ():
        problem = (
            "is a single number without a batch axis: export the model with inputs of shape"
            " [batch, features]"
        )
    if problem:
        raise ModelError(f"input '{printable(p.name)}' {problem}").located(model.path)


def _choose_values(
    model: LoadedModel, features: list[Port], held: list[Port], request: _Request
) -> list[tuple[Port, Value]]:
    """Values of the held inputs; the error for missing values names all of them at once."""
    missing = [p for p in held if p.name not in request.fix]
    for p in missing:
        if not can_hold(p):
            raise ModelError(
                f"input '{printable(p.name)}' holds {p.type_name}, which cannot be fed: export the"
                " model with tensors of numbers or text as inputs, or cut it after this one"
                " (onnx.utils.extract_model)"
            ).located(model.path)
    if missing:
        raise OptionError(_missing_line(model, features, missing)).located(model.path)
    batch = batch_of(features[0])
    symbols = {d for p in features for d in (p.shape or ())[1:] if isinstance(d, str)}
    try:
        return [(p, read_value(p, request.fix[p.name], batch, symbols)) for p in held]
    except OptionError as error:
        raise error.located(model.path) from None


def _missing_line(model: LoadedModel, features: list[Port], missing: list[Port]) -> str:
    """Message with all options to add, so that the next call is not refused again."""
    shown = [
        f"'{printable(p.name)}' ({p.type_name} {printable(p.shape_text)})" for p in missing[:SHOWN]
    ]
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    line = (
        f"input{'s' * (len(missing) > 1)} {', '.join(shown)}{more}"
        f" need{'s' * (len(missing) == 1)} a value: hold with "
    )
    fixes = _fix(missing)
    if len(fixes) > LONGEST:
        return f'{line}fix={{"NAME": VALUE}}, or take as features with input=["NAME"], each of them'
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
        line += f", or take as features with input=[{', '.join(map(_quoted, taken))}]"
        line += f" {_fix(others)}" if others else ""
    return line


def _fix(ports: Sequence[Port]) -> str:
    """Text of the option that holds these inputs, with a placeholder for each value."""
    return "fix={" + ", ".join(f"{_quoted(p)}: VALUE" for p in ports) + "}"


def _quoted(port: Port) -> str:
    return f'"{printable(port.name, 400)}"'


def _can_be_features(model: LoadedModel, ports: Sequence[Port]) -> bool:
    """Whether these inputs can hold the features together, judged without data."""
    try:
        for p in ports:
            _require_features(model, p, by_steps=False)
        return can_lay_out(ports)
    except ModelError:
        return False


def _names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)
