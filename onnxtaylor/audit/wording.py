"""How numbers are told in findings."""

from __future__ import annotations

__all__ = ["beyond", "interval", "percent"]


def percent(share: float) -> str:
    """A share in per cent, to three digits.

    >>> percent(0.12345), percent(0.0), percent(1.0)
    ('12.3 %', '0 %', '100 %')
    """
    return f"{100 * share:.3g} %"


def beyond(measured: float, limit: float, error: float) -> str:
    """How far a value with a standard error is beyond its limit.

    >>> beyond(0.5, 0.2, 0.1)
    '± 0.1: 3.0 σ beyond the limit'
    """
    if not error > 0:
        return "the same at every event: no statistical uncertainty"
    return f"± {error:.2g}: {abs(measured - limit) / error:.1f} σ beyond the limit"


def interval(count: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of ``count`` in ``total`` events.

    Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209.

    >>> [round(end, 3) for end in interval(5, 100)]
    [0.022, 0.112]
    """
    from scipy.stats import binomtest  # takes most of a second to import; few audits need it

    ends = binomtest(count, total).proportion_ci(0.95, method="wilson")
    return float(ends.low), float(ends.high)
