r"""Escapes untrusted text for Markdown and LaTeX: it is shown literally, and never acts as markup.

Names of features, outputs and classes come from files. Once escaped, none of them can end a cell,
open a link or a comment, notify a user of GitHub, switch to mathematics, or run a command.

For LaTeX, only commands of its kernel are used, which work in any font encoding. Letters with
accents and Greek letters are composed. A letter for which the kernel has no command is written as
its code point, so that any name compiles. (Libraries that know more letters use commands of
packages that the document may not load.)
"""

from __future__ import annotations

import re
import unicodedata

from onnxtaylor.errors import printable

__all__ = ["latex", "markdown"]

LIMIT = 400  # letters of a name that are shown

# Signs that CommonMark, or GitHub's extension of it, could take for markup, mathematics or a link.
_MARKUP = re.compile(
    r"[\\`*\[\]<>#|~$&!@]|:(?=\S)"
    r"|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])"  # within a word, _ is an ordinary letter
    r"|(?<=www)\.",
    re.IGNORECASE,
)

# References that GitHub and GitLab turn into links and pictures after they have read the Markdown,
# so that a backslash does not stop them: @name, #12, !12, ~label, &12, %12, :word:. A space of no
# width does. Of numbers only :100: and :1234: are pictures; the minutes of a time stay as they are.
_CALLS = re.compile(r"(\\[@#!~&$]|%)(?=\\?\w)|\\:(?=[^\s\d]|\d+[a-z_+-]|(?:100|1234)\\?:)")
NO_WIDTH = "&#8203;"

_LATEX = {
    **{c: f"\\{c}" for c in "{}$&#%_"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"},
    **{"[": "{[}", "]": "{]}", '"': r"\texttt{\char34}"},
    **{"–": r"\textendash{}", "—": r"\textemdash{}", "…": r"\dots{}"},
    **{"⟨": r"\ensuremath{\langle}", "⟩": r"\ensuremath{\rangle}", "±": r"\ensuremath{\pm}"},
    **{"×": r"\ensuremath{\times}", "−": r"\ensuremath{-}", "µ": r"\ensuremath{\mu}"},
    **{"ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}"},
    **{"ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}"},
}
# combining grave, acute, circumflex, tilde, macron, breve, dot, diaeresis, ring, double acute,
# caron, cedilla
_ACCENTS = dict(
    zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327", "`'^~=u.\"rHvc",
        strict=True)
)  # fmt: skip
_GREEK = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ"  # only Greek letters that have a command
_LIGATURES = re.compile(r"[-'`?!](?=[-'`])")


def markdown(text: object) -> str:
    r"""Escapes text for a paragraph or a table cell of Markdown, with GitHub's extensions.

    >>> print(markdown("m_vis"), markdown("a|b](x)"), markdown("<b>\n"), markdown("@all"))
    m_vis a\|b\](x) \<b\>\\n \@&#8203;all
    """
    escaped = _MARKUP.sub(lambda match: f"\\{match[0]}", printable(text, LIMIT))
    return _CALLS.sub(rf"\g<0>{NO_WIDTH}", escaped)


def latex(text: object) -> str:
    r"""Escapes text for a paragraph or a table cell of LaTeX.

    >>> print(latex("p_T [GeV]"), latex("50 %}"), latex("é, φ\n"))
    p\_T {[}GeV{]} 50 \%\} \'{e}, \ensuremath{\phi}\textbackslash{}n
    """
    # TeX turns two such signs in a row, as in --, into another sign; \0 becomes {} between them
    separate = _LIGATURES.sub(lambda match: f"{match[0]}\0", printable(text, LIMIT))
    return "".join("{}" if c == "\0" else _letter(c) for c in separate)


def _letter(c: str) -> str:
    """Writes one letter in commands of LaTeX's kernel."""
    if c in _LATEX:
        return _LATEX[c]
    if c.isascii():
        return c
    parts = unicodedata.normalize("NFD", c)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
        return f"\\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    if c in _GREEK:
        name = unicodedata.name(c).split()[-1].lower().replace("lamda", "lambda")
        return rf"\ensuremath{{\{name.capitalize() if c.isupper() else name}}}"
    return "".join(_LATEX.get(sign, sign) for sign in ascii(c)[1:-1])
