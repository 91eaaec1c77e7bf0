"""Roles of a model's inputs: features, context, masks; what is left must be held at a value.

By default all inputs of floating-point numbers for which the data have columns or arrays of their
name hold features, and those of whole numbers, truth values or text are context. Where the data
have no such names, the widest input of floating-point numbers holds the features. An input that is
called a mask has no role by default: nothing is differentiated by it unless that is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy.typing as npt
from onnx import TensorProto

from onnxtaylor.errors import ModelError, OptionError, name_hint, printable
from onnxtaylor.graph.context import require_context
from onnxtaylor.graph.layout import batch_of, feature_count, sizes_after_batch
from onnxtaylor.graph.load import LoadedModel
from onnxtaylor.graph.ports import FLOATS, WHOLE, Port
from onnxtaylor.graph.sets import flagged_axes

__all__ = [
    "Request",
    "Roles",
    "choose_roles",
    "is_called_mask",
    "looks_like_mask",
    "require_features",
]

CONTEXT = frozenset({*WHOLE, TensorProto.BOOL, TensorProto.STRING})
WORDS = {"context": "context", "mask": "a mask", "fix": "held"}
MOST_FEATURES = 2**24  # of which one event fills 128 MiB


@dataclass(frozen=True)
class Request:
    """Names and values of ``ModelOptions`` as tuples and a dictionary.

    ``by_steps``: no derivatives are wanted, so that features may be whole numbers and responses may
    vary in steps.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    context: tuple[str, ...]
    masks: Mapping[str, tuple[str, ...]]
    fix: Mapping[str, npt.ArrayLike]
    by_steps: bool

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """Names of inputs by the option that gives them their role."""
        return {
            "input": self.inputs,
            "context": self.context,
            "mask": tuple(self.masks),
            "fix": tuple(self.fix),
        }


@dataclass(frozen=True)
class Roles:
    """Inputs by their role; ``left`` are those that must be held at a value."""

    features: tuple[Port, ...]
    context: tuple[Port, ...]
    left: tuple[Port, ...]


def choose_roles(
    model: LoadedModel,
    ports: Sequence[Port],
    needed: Collection[str],
    request: Request,
    present: Collection[str],
) -> Roles:
    """Gives each input its role.

    Parameters
    ----------
    model, ports
        The model and all its inputs.
    needed
        Names of the inputs that the responses need.
    request
        What the user asked for.
    present
        Names of the inputs for which the data have columns or arrays of their name.

    Raises
    ------
    OptionError
        An option names no input, or one input for two roles.
    ModelError
        An input cannot have its role, or no input can hold the features.
    """
    _check_names(model, ports, request)
    asked = {name for names in request.roles.values() for name in names}
    ports = [p for p in ports if p.name in needed or p.name in asked]
    context = [p for p in ports if p.name in {*request.context, *request.masks}]
    free = [p for p in ports if p not in context and p.name not in request.fix]
    features = _choose_features(model, free, request, present)
    if not request.by_steps or any(p.is_float for p in features):
        others = [p for p in free if p not in features and p.name in present]
        context += [
            p
            for p in others
            if p.type in CONTEXT and p.shape != () and not looks_like_mask(p, features)
        ]
    context.sort(key=ports.index)
    for p in context:
        try:
            require_context(p)
        except ModelError as error:
            raise error.located(model.path) from None
    for mask, owner in ((mask, one) for mask, owners in request.masks.items() for one in owners):
        if owner not in {p.name for p in features}:
            raise OptionError(
                f"'{printable(mask)}' names '{printable(owner)}', which holds no features"
                + name_hint(owner, [p.name for p in features]),
                option="mask",
            ).located(model.path)
    left = [p for p in ports if p not in features and p not in context]
    return Roles(tuple(features), tuple(context), tuple(left))


def is_called_mask(port: Port) -> bool:
    """Whether the name of an input says that it is a mask.

    >>> is_called_mask(Port("pf_mask", TensorProto.FLOAT, ("N", 1, "n_pf")))
    True
    """
    return "mask" in port.name.lower()


def looks_like_mask(port: Port, features: Sequence[Port]) -> bool:
    """Whether an input is called a mask, or holds a truth value for each slot of some features."""
    if is_called_mask(port):
        return True
    sets = [p for p in features if len(sizes_after_batch(p)) > 1]
    return port.type == TensorProto.BOOL and any(flagged_axes(port, p) for p in sets)


def _check_names(model: LoadedModel, ports: Sequence[Port], request: Request) -> None:
    """Raises OptionError for names that are no inputs, or that two options name."""
    known = [p.name for p in ports]
    seen: dict[str, str] = {}
    for option, names in request.roles.items():
        for name in dict.fromkeys(names):
            if name not in known:
                raise OptionError(
                    f"'{printable(name)}' is not an input of the model" + name_hint(name, known),
                    option=option,
                ).located(model.path)
            if name in seen:
                also = "is also held at a value" if option == "fix" else f"is also {WORDS[option]}"
                raise OptionError(
                    f"'{printable(name)}' {also}: an input has one role", option=seen[name]
                ).located(model.path)
            seen[name] = option


def _choose_features(
    model: LoadedModel, free: list[Port], request: Request, present: Collection[str]
) -> list[Port]:
    if request.inputs:
        by_name = {p.name: p for p in free}
        chosen = [by_name[name] for name in dict.fromkeys(request.inputs)]
    else:
        if not free:
            raise ModelError(
                "the response depends on no input that is free to vary: choose another with"
                " output=…"
            ).located(model.path)
        floats = [p for p in free if p.is_float and not is_called_mask(p)]
        floats = floats or [p for p in free if p.is_float]
        if request.by_steps and not floats:
            floats = [p for p in free if p.is_whole]
        # a single number, such as a temperature, belongs to no event
        rows = [p for p in floats if p.shape != ()] or floats
        if len(rows) > 1 and all(feature_count(p) == 1 for p in rows):
            chosen = rows  # one input per column, as scikit-learn pipelines have
        elif len(rows) > 1 and all(p.name in present for p in rows):
            chosen = rows
        else:
            chosen = sorted(rows, key=_narrowness)[:1] or free[:1]
    for p in chosen:
        require_features(model, p, by_steps=request.by_steps)
    return chosen


def _narrowness(port: Port) -> tuple[bool, int]:
    """Key that sorts the widest input first; a free size counts as wide.

    Inputs with a fixed batch come last: beside inputs with a free batch they are constants that
    the exporter left open.
    """
    return isinstance(batch_of(port), int), -(feature_count(port) or 10**9)


def require_features(model: LoadedModel, p: Port, *, by_steps: bool) -> None:
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
