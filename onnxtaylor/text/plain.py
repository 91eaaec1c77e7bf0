"""Letters that a terminal does not know, in those of ASCII: ``⟨t⟩ ± σ`` is ``<t> +- sigma``."""

from __future__ import annotations

import codecs

__all__ = ["PLAIN", "in_plain_letters"]

PLAIN = "onnxtaylor.plain"  # name of the error handler

LETTERS = {
    **{"⟨": "<", "⟩": ">", "±": "+-", "σ": "sigma", "Σ": "sum ", "×": "x", "–": "-", "−": "-"},
    **{"─": "-", "│": "|", "…": "...", "≤": "<=", "≥": ">=", "→": "->", "·": "*", "½": "1/2"},
    **{"∂": "d", "²": "^2", "√": "sqrt", "∞": "inf", "τ": "tau", "φ": "phi", "μ": "mu", "′": "'"},
    **{"┌": "+", "┐": "+", "└": "+", "┘": "+", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "━": "-"},
}


def in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    """Replaces letters that an encoding lacks: an error handler of ``codecs``.

    Letters without a plain form become their ``\\x`` or ``\\u`` escapes.

    >>> "⟨t⟩ ± σ, é €".encode("ascii", PLAIN), "é €".encode("latin-1", PLAIN)
    (b'<t> +- sigma, \\\\xe9 \\\\u20ac', b'\\xe9 \\\\u20ac')
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    plain = (LETTERS.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing)
    return "".join(plain), error.end


codecs.register_error(PLAIN, in_plain_letters)
