"""Prepares untrusted names and numbers for figures.

Feature, output and class names come from files. In a figure they must show literally: matplotlib
reads what stands between two ``$`` as mathematics, and LaTeX everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import printable
from onnxtaylor.indices import RELATIONS, MultiIndices, label
from onnxtaylor.results.quantity import FINITE_STEP
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.text.abbreviation import distinguish, shorten_all

__all__ = [
    "LITERAL",
    "axis_label",
    "coefficient_labels",
    "is_finite_step",
    "labels_at",
    "literal",
    "literals",
    "number",
    "quantity",
    "response",
]

# Goes with every text that holds a name: LaTeX would run what the name says.
LITERAL: dict[str, Any] = {"usetex": False}

Integers = npt.NDArray[np.int64]

NAME_LENGTH = 28
NO_NAME = "(no name)"


def literal(name: object, limit: int = NAME_LENGTH) -> str:
    r"""Escapes a name for matplotlib: control characters become visible, ``$`` stays literal.

    >>> print(literal("p$_T$\n"))
    p\$_T\$\n
    """
    return literals([name], limit)[0]


def literals(names: Sequence[object], limit: int = NAME_LENGTH) -> list[str]:
    """Names as ``literal`` writes them; different names stay different (see ``abbreviation``)."""
    texts = [str(name) for name in names]
    safe = distinguish(texts, [printable(text, len(text) + 1) or NO_NAME for text in texts])
    return [text.replace("$", r"\$") for text in shorten_all(safe, limit)]


def coefficient_labels(
    features: Sequence[str],
    alphas: Sequence[Sequence[int]],
    limit: int = NAME_LENGTH,
    relations: Sequence[str] = (),
) -> list[str]:
    """Labels of coefficients beside their bars, such as ``m_vis, p_T``.

    ``alphas`` (K, order) are positions of their features; an entry below 0 is no feature.
    ``relations`` (K,) tell pairs of the same names apart.
    """
    whole, of_three = literals(features, limit), literals(features, min(limit, 20))
    found = []
    for alpha, relation in zip(alphas, relations or [""] * len(alphas), strict=True):
        places = [int(i) for i in alpha if i >= 0]
        names = of_three if len(places) > 2 else whole
        found.append(label([names[i] for i in places], relation))
    return found


def number(value: float) -> str:
    r"""Number with two significant digits, in mathtext.

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


def labels_at(features: Sequence[str], indices: MultiIndices, places: Integers) -> list[str]:
    """Labels of the coefficients at these places of a list."""
    table, words = indices.table[places], indices.told_apart[places]
    used = np.unique(table[table >= 0])  # names are told apart from those in the figure
    alphas = np.where(table >= 0, np.searchsorted(used, table), -1)
    names = [features[i] for i in used]
    return coefficient_labels(names, alphas.tolist(), relations=[RELATIONS[k] for k in words])


def is_finite_step(result: TaylorResult) -> bool:
    """Whether responses to finite steps are shown, which are no Taylor coefficients."""
    return result.quantity == FINITE_STEP


def quantity(result: TaylorResult) -> str:
    """Name of the quantity that is shown, for titles."""
    return "Finite-step responses" if is_finite_step(result) else "Taylor coefficients"


def response(result: TaylorResult, output: str, limit: int = NAME_LENGTH) -> str:
    """Name of the expanded function: the output, with its link if it has one."""
    link = str(result.options.get("link") or "identity")
    known = result.outputs
    name = literals(known, limit)[known.index(output)]
    return name if link == "identity" else f"{literal(link, 12)}({name})"


def axis_label(result: TaylorResult, symbol: str = "t", *, lines: bool = False) -> str:
    r"""``⟨t⟩`` and its unit: per unit of the inputs, or per standard deviation of theirs.

    For responses to finite steps ``⟨r⟩``, per step. Where second order is averaged over steps, it
    says so, unless the symbol is of first order; by variable, which number of its features it is.
    With ``lines`` what does not fit stands on a line of its own.
    """
    if is_finite_step(result):
        symbol = symbol.replace("t", result.quantity.symbol, 1)
    units = {"unit": "per unit of input", "sigma": "per standard deviation of input"}
    units["step"] = "finite-step response, per step"
    unit = units.get(str(result.options.get("scale", "")))
    mean = rf"$\langle {symbol} \rangle$"
    remark = result.quantity.remark
    averaged = f"second order {literal(remark, 60)}" if remark and symbol != "t_i" else ""
    how = result.options.get("reduction")
    reduced = f"{literal(how, 12)} by {literal(result.options.get('by'), 12)}" if how else ""
    if lines:
        averaged = averaged.replace(" and ±", "\nand ±")
    facts = (",\n" if lines or averaged else ", ").join(filter(None, (unit, reduced, averaged)))
    return f"{mean}  ({facts})" if facts else mean
