"""Makes a specification of weaver's ``preprocess.json``, which belongs to an exported tagger.

The file lists groups of variables, each an input (N, variables, slots) of the model; with

    value = clip((finite(x) − median)·norm_factor, lower_bound, upper_bound)

where ``replace_inf_value`` stands for an x that is not finite. Sets are cut off at ``max_length``
and padded up to ``min_length`` with ``pad``, after the transform; ``var_length`` is both, and null
for a group without slots. A group called ``…_mask`` tells the filled slots of the other groups of
the same first part: ``pf_mask`` those of ``pf_features`` and ``pf_points``.
"""

from __future__ import annotations

from collections.abc import Sequence

from onnxtaylor.inputs.json_node import JsonNode
from onnxtaylor.inputs.model_input import InputSpecification, Variable
from onnxtaylor.inputs.specification import Specification
from onnxtaylor.inputs.transform import Transform

__all__ = ["from_weaver", "is_weaver"]

MASK = "mask"


def is_weaver(document: JsonNode) -> bool:
    """Whether a JSON document is a ``preprocess.json`` of weaver."""
    return document.has("input_names") and document.has("output_names")


def from_weaver(document: JsonNode) -> Specification:
    """Makes a specification of a ``preprocess.json``.

    Outputs are the names of the classes where the file lists them; expressions of labels, which
    trainings with labels of their own leave in their place, are not read.

    Raises OptionError that names the key at fault.
    """
    names = document.get("input_names").names()
    groups = {name: document.get(name) for name in names}
    outputs = document.get("output_names")
    return Specification(
        inputs=tuple(_input(name, group, names) for name, group in groups.items()),
        outputs=outputs.names() if isinstance(outputs.value, list) and outputs.value else None,
        origin=document.where,
    )


def _input(name: str, group: JsonNode, names: Sequence[str]) -> InputSpecification:
    """Makes one input of its group."""
    least, most = _length(group)
    variables = group.get("var_names").names()
    infos = group.get("var_infos")
    masked = _masked(name, names)
    return InputSpecification(
        name=name,
        role="mask" if masked else "features",
        axes=("batch", "variable", "slot") if most is not None else ("batch", "variable"),
        variables=tuple(_variable(one, infos.get(one), bool(masked)) for one in variables),
        min_length=least,
        max_length=most,
        mask_of=masked,
    )


def _length(group: JsonNode) -> tuple[int, int | None]:
    """Returns the fewest and the most slots; (0, None) for a group without slots."""
    if group.has("min_length") or group.has("max_length"):
        least, most = group.get("min_length"), group.get("max_length")
        if most.count() < max(least.count(), 1):
            raise most.wrong(f"must be at least {max(least.count(), 1)}")
        return least.count(), most.count()
    length = group.get("var_length")
    if length.value is None:
        return 0, None
    if length.count() == 0:
        raise length.wrong("must be at least 1")
    return length.count(), length.count()


def _masked(name: str, names: Sequence[str]) -> tuple[str, ...]:
    """Returns the inputs whose filled slots an input tells; none if it is no mask."""
    first, _, last = name.rpartition("_")
    if last != MASK:
        return ()
    return tuple(other for other in names if other != name and other.startswith(f"{first}_"))


def _variable(name: str, info: JsonNode, of_mask: bool) -> Variable:
    """Makes one variable of its numbers."""
    scale = info.get("norm_factor")
    if scale.number() == 0.0:
        raise scale.wrong("must not be 0: the model would not see the variable")
    lower, upper = info.get("lower_bound"), info.get("upper_bound")
    if lower.number() >= upper.number():
        raise lower.wrong("must be smaller than upper_bound")
    transform = Transform(
        subtract=info.get("median").number(),
        scale=scale.number(),
        lower=lower.number(),
        upper=upper.number(),
        replace=info.get("replace_inf_value").number(),
    )
    padding = info.get("pad").number() if info.has("pad") else 0.0
    if of_mask:
        return Variable(name, transform=transform)
    return Variable(name, transform=transform, padding=padding or None)
