"""Untrusted names and numbers made fit for a figure.

Feature, output and class names come from files. In a figure they must show literally: matplotlib
reads what stands between two ``$`` as mathematics, and LaTeX everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from onnxtaylor.errors import printable
from onnxtaylor.indices import label
from onnxtaylor.result import TaylorResult

__all__ = [
    "LITERAL",
    "axis_label",
    "is_finite_step",
    "literal",
    "number",
    "pair_label",
    "quantity",
    "response",
    "shorten",
]

# Goes with every text that holds a name: LaTeX would run what the name says.
LITERAL: dict[str, Any] = {"usetex": False}

NAME_LENGTH = 28


def shorten(text: str, limit: int = NAME_LENGTH) -> str:
    """Text of at most ``limit`` characters, its middle left out: both ends tell names apart.

    >>> shorten("a_very_long_feature_name_indeed", 15)
    'a_very_…_indeed'
    """
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


def literal(name: object, limit: int = NAME_LENGTH) -> str:
    r"""A name that matplotlib draws as it is: control characters visible, ``$`` escaped.

    >>> print(literal("p$_T$\n"))
    p\$_T\$\n
    """
    string = str(name)
    if len(string) > 4 * limit:  # escapes make text longer, never shorter
        string = shorten(string, 4 * limit)
    safe = printable(string, limit=len(string) + 1)
    return shorten(safe, limit).replace("$", r"\$") or "(no name)"


def pair_label(features: Sequence[str]) -> str:
    """How a coefficient is written beside its bar: ``m_vis, p_T``."""
    limit = NAME_LENGTH if len(features) < 3 else 20
    return label([literal(name, limit) for name in features])


def number(value: float) -> str:
    r"""Two significant digits in mathtext.

    >>> print(number(0.0123), number(1.2e-7), number(1234.0))
    0.012 $1.2\times10^{-7}$ 1200
    """
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    if -3 <= int(exponent) <= 3:
        digits = max(0, 1 - int(exponent))
        return f"{round(value, 1 - int(exponent)):.{digits}f}"
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


def is_finite_step(result: TaylorResult) -> bool:
    """Whether responses to finite steps are shown, which are no Taylor coefficients."""
    return result.method != "derivative"


def quantity(result: TaylorResult) -> str:
    """What the scores are means of, for titles."""
    return "Finite-step responses" if is_finite_step(result) else "Taylor coefficients"


def response(result: TaylorResult, output: str, limit: int = NAME_LENGTH) -> str:
    """The function whose coefficients are shown: the output, behind its link if there is one."""
    link = str(result.options.get("link") or "identity")
    name = literal(output, limit)
    return name if link == "identity" else f"{literal(link, 12)}({name})"


def axis_label(result: TaylorResult, symbol: str = "t") -> str:
    r"""``⟨t⟩`` and its unit: per unit of the inputs, or per standard deviation of theirs.

    Of responses to finite steps ``⟨r⟩``, per step.
    """
    if is_finite_step(result):
        symbol = symbol.replace("t", "r", 1)
    units = {"unit": "per unit of input", "sigma": "per standard deviation of input"}
    units["step"] = "finite-step response, per step"
    unit = units.get(str(result.options.get("scale", "")))
    mean = rf"$\langle {symbol} \rangle$"
    return mean if unit is None else f"{mean}  ({unit})"
