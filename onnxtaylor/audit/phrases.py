"""Phrases that the findings of several checks share: names, shares, distances from a limit."""

from __future__ import annotations

from onnxtaylor.errors import printable

__all__ = ["SENTENCE", "interval", "one_line", "percent", "quote_name", "sigmas_beyond"]

SENTENCE = 2000  # characters of a sentence, at most


def percent(share: float) -> str:
    """Formats a share in per cent, to three digits.

    >>> percent(0.12345), percent(0.0), percent(1.0)
    ('12.3 %', '0 %', '100 %')
    """
    return f"{100 * share:.3g} %"


def sigmas_beyond(measured: float, limit: float, error: float) -> str:
    """Phrase for the number of standard errors by which a measured value exceeds its limit.

    >>> sigmas_beyond(0.5, 0.2, 0.1)
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


def quote_name(name: str) -> str:
    """Puts a name of the model or the data in quotes, fit for a line of prose.

    >>> quote_name("pt\\n")
    "'pt\\\\n'"
    """
    return f"'{printable(name)}'"


def one_line(text: object) -> str:
    """Makes a sentence or a name fit for one line: its control characters become escapes."""
    return printable(text, SENTENCE)
