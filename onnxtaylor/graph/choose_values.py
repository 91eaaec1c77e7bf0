"""Values of inputs that are held, and the advice on inputs that are left without a role."""

from __future__ import annotations

from collections.abc import Sequence

from onnxtaylor.errors import ModelError, OptionError, printable
from onnxtaylor.graph.choose_inputs import Request, Roles, looks_like_mask, require_features
from onnxtaylor.graph.held import Value, can_hold, read_value
from onnxtaylor.graph.layout import batch_of, can_lay_out
from onnxtaylor.graph.load import LoadedModel
from onnxtaylor.graph.ports import Port

__all__ = ["choose_values"]

SHOWN = 3  # inputs that a message describes; its advice names all
LONGEST = 600  # characters of the advice in a message


def choose_values(model: LoadedModel, roles: Roles, request: Request) -> list[tuple[Port, Value]]:
    """Reads the values of the inputs that are left.

    Raises OptionError where one has no value: the message names all of them at once. ModelError
    where one cannot be held.
    """
    features, held = list(roles.features), list(roles.left)
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
    symbols = {d for p in (*features, *roles.context) for d in p.sizes if isinstance(d, str)}
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
        f" need{'s' * (len(missing) == 1)} a value: give it with "
    )
    fixes = _fix(missing)
    if len(fixes) > LONGEST:
        return f'{line}fix={{"NAME": VALUE}}, or take as features with input=["NAME"], each of them'
    line += fixes
    masks = [p for p in missing if looks_like_mask(p, features)]
    if masks:
        return line + _mask_advice(masks, [p for p in missing if p not in masks], features)
    floats = [p for p in missing if p.is_float and p.shape != ()]
    fixed = all(p.shape and all(isinstance(d, int) for d in p.shape) for p in floats)
    if floats and fixed and not isinstance(batch_of(features[0]), int):
        return line + (
            "; where the exporter lost a constant, such as the mean or variance of Keras'"
            " Normalization, export the model again with Rescaling(1/σ, −μ/σ) in its place, or take"
            " the value from the original model"
        )
    taken = [*features, *floats]
    if floats and _can_be_features(model, taken):
        others = [p for p in missing if p not in floats]
        line += f", or take as features with input=[{', '.join(map(_quoted, taken))}]"
        line += f" {_fix(others)}" if others else ""
    return line


def _mask_advice(masks: Sequence[Port], others: Sequence[Port], features: Sequence[Port]) -> str:
    """Text of the options that make masks of inputs; the others are fed, too."""
    whose = ", ".join(f"{_quoted(p)}: {_quoted(_owner(p, features))}" for p in masks)
    line = f", or, if it says which slots are filled, use mask={{{whose}}}"
    if others:
        line += " and take the others as features with input=[…] or as context=[…]"
    return line


def _owner(mask: Port, features: Sequence[Port]) -> Port:
    """Returns the input of features that shares the most sizes or symbols with a mask."""
    sizes = set(mask.sizes)
    return max(features, key=lambda p: len(sizes & set(p.sizes)))


def _fix(ports: Sequence[Port]) -> str:
    """Text of the option that holds these inputs, with a placeholder for each value."""
    return "fix={" + ", ".join(f"{_quoted(p)}: VALUE" for p in ports) + "}"


def _quoted(port: Port) -> str:
    return f'"{printable(port.name, 400)}"'


def _can_be_features(model: LoadedModel, ports: Sequence[Port]) -> bool:
    """Whether these inputs can hold the features together, judged without data."""
    try:
        for p in ports:
            require_features(model, p, by_steps=False)
        return can_lay_out(ports)
    except ModelError:
        return False
