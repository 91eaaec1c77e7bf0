"""Writes a value with as many digits as its uncertainty allows."""

from __future__ import annotations

from math import floor, isfinite, log10

__all__ = ["number_formats", "plus_minus"]


def plus_minus(value: float, error: float) -> str:
    """A value and its uncertainty as text, both to the second digit of the uncertainty.

    >>> plus_minus(0.23537, 0.00974), plus_minus(1234.5, 67.0), plus_minus(0.5, 0.0)
    ('0.2354 ± 0.0097', '1234 ± 67', '0.5 ± 0')
    """
    shown, and_error = number_formats(value, error)
    return f"{value:{shown}} ± {error:{and_error}}"


def number_formats(value: float, error: float) -> tuple[str, str]:
    """Format specifications of a value and of its uncertainty, to the latter's second digit.

    >>> format(0.23537, number_formats(0.23537, 0.00974)[0])
    '0.2354'
    """
    if not (isfinite(value) and isfinite(error)) or error <= 0:
        return ".6g", ".2g"
    # digits of the rounded uncertainty: 0.0996 becomes 0.10, which needs one digit less
    digits = 1 - floor(log10(float(f"{error:.1e}")) + 1e-9)
    size = max(abs(value), error)
    if digits > 8 or size >= 1e6 or size < 1e-4:
        return f".{min(max(0, digits + floor(log10(size))), 12)}e", ".1e"
    return f".{max(0, digits)}f", f".{max(0, digits)}f"
