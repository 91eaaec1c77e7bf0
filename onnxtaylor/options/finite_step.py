"""Sizes of finite steps as a user writes them: ``0.5sigma``, or ``0.5`` in units of the input."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf

from onnxtaylor.errors import OptionError, printable

__all__ = ["OTHERS", "FiniteSteps", "Step", "read_steps", "step_text"]

Step = tuple[float, bool]  # its size, and whether that is in σ
FiniteSteps = str | float | Mapping[str, str | float]

OTHERS = "*"  # in a mapping of steps: all features that it does not name
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_STEP = re.compile(rf"\s*({_NUMBER})\s*(sigma|σ)?\s*")


def read_steps(steps: FiniteSteps, option: str = "finite_step") -> dict[str, Step]:
    """Reads the steps by feature, ``*`` for all others, of an option that the errors name.

    Raises OptionError for an invalid step.

    >>> read_steps("0.5sigma"), read_steps({"n_jets": 2, "*": "1 sigma"})
    ({'*': (0.5, True)}, {'n_jets': (2.0, False), '*': (1.0, True)})
    """
    if not isinstance(steps, Mapping):
        steps = {OTHERS: steps}
    if not steps:
        raise OptionError("has no step: write for example 0.5sigma", option=option)
    return {str(name): _read(name, step, option) for name, step in steps.items()}


def step_text(step: Step) -> str:
    """Returns a step as a user writes it.

    >>> step_text((0.5, True))
    '0.5sigma'
    """
    size, in_sigma = step
    return f"{size:.10g}{'sigma' if in_sigma else ''}"


def _read(name: str, step: str | float, option: str) -> Step:
    """Reads the step of one feature."""
    parts = _STEP.fullmatch(str(step))
    size = float(parts[1]) if parts else 0.0
    if not parts or not 0 < size < inf or isinstance(step, bool):
        text = printable(step) if name == OTHERS else f"{printable(name)}={printable(step)}"
        raise OptionError(
            f"must be a positive number, in units of the model's input or, such as 0.5sigma, in σ"
            f" of the data; got {text}",
            option=option,
        )
    return size, bool(parts[2])
