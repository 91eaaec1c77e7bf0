"""What is escaped reads back as it was: by a Markdown parser, by a reader of TeX, by LaTeX."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from onnxtaylor.errors import printable
from onnxtaylor.text.markup import latex, markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "](javascript:x)",
    "[a](https://b.c) www.d.e f@g.h",
    "a|b\\|c\\",
    "`code` *b* _i_ __b__ m__vis ~~s~~ :smile: ![x](y)",
    "$x_1$ & #2 50% {} ^~ \\input{/etc/passwd}",
    "line\nend\r\ttab\x1b[31m\u202e",
    "a--b ---''q'' ``z`` ?` !` <<x>>",
    '"[x]*\\\\',
    "é Åß łøı φ ΔR Ω ς µ ± ⟨t⟩ – … × −",
    "名 😀 ð ą ﬁ",
    "x}",
    "&lt;b&gt; &#65;",
    "",
]
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
NO_WIDTH = "\u200b"  # ``printable`` shows such a letter of a name by its number


def cell_of(markdown_text):
    """The content of the one cell of a table, as the parser shows it; only text may be in it."""
    tokens = PARSER.parse(f"| head |\n| --- |\n| {markdown_text} |\n\nbehind")
    inline = [token for token in tokens if token.type == "inline"]
    assert [token.content for token in inline[::2]] == ["head", "behind"]
    assert {child.type for child in inline[1].children} <= {"text", "text_special"}
    return "".join(child.content for child in inline[1].children)


@given(st.text(max_size=30) | st.text("\\`*_[]<>|~$&!:@#(){}^\"'- aw.1\n", max_size=20))
@example("m_vis")
@example("__a__")
def test_markdown_shows_text_and_nothing_else(text):
    # a parser trims a cell, and reads blanks of any kind as they are
    assert cell_of(markdown(text)).replace(NO_WIDTH, "") == printable(text, 400).strip(" ")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert_in_markdown(text):
    assert cell_of(markdown(text)).replace(NO_WIDTH, "") == printable(text)
    # what GitHub adds to CommonMark
    assert not re.search(r"(?<!\\)[$@]|https?:|(?<!\\):smile|www\.", markdown(text))


# What GitHub and GitLab look for in the text that is shown, behind any backslash:
# https://docs.github.com/en/get-started/writing-on-github and
# https://docs.gitlab.com/user/markdown/#gitlab-specific-references
# numbers are no pictures but for these two
CALLS = re.compile(r"[@#!~&$%]\w|:(?!\d+:)[a-z0-9+_-]+:|:100:|:1234:")


@given(st.text(max_size=30) | st.text("@#!~&$%:_\\ aZ1", max_size=20))
@example("@all")
@example("#12 !12 ~bug &12 %12 $12")
@example(r"\@all :smile: :+1: \\#12")
@example("a:b:c::d")
@example(":100:")
@example(":8ball:")
@example("12:34:56")
def test_a_name_calls_nobody(text):
    assert not CALLS.search(cell_of(markdown(text)))


def test_usual_names_stay_legible():
    for name in ("m_vis", "DER_mass_transverse_met_lep", "p_T (GeV)", "x.y-z", "each response: c"):
        assert markdown(name) == name


NAMED = {
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<",
    "textgreater": ">", "textbar": "|", "textendash": "–", "textemdash": "—", "dots": "…",
    "langle": "⟨", "rangle": "⟩", "pm": "±", "times": "×", "mu": "μ", "ss": "ß", "o": "ø",
    "l": "ł", "i": "ı", "phi": "φ", "Delta": "Δ", "Omega": "Ω", "lambda": "λ",
}  # fmt: skip
MARKS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308", "r": "\u030a"}
TOKEN = re.compile(
    r"\\ensuremath\{(?P<math>\\[a-zA-Z]+|-)\}"
    r"|\\texttt\{\\char34\}(?P<quote>)"
    r"|\\(?P<mark>[`'^~\"=.]|[uvrHc](?=\{))\{(?P<base>[A-Za-z])\}"
    r"|\\(?P<named>[a-zA-Z]+)\{\}"
    r"|\\(?P<special>[{}$&#%_])"
    r"|(?P<bracket>\{[\[\]]\})"
    r"|(?P<nothing>\{\})"
    r"|(?P<plain>[^\\{}$&#%_~^<>|\"\[\]\x00-\x1f\x7f-\U0010ffff])"
)


def read_back(text):
    """What LaTeX shows: its tokens, one by one; a special letter that does something is none."""
    shown, place = [], 0
    while place < len(text):
        token = TOKEN.match(text, place)
        assert token, f"{text[place : place + 20]!r} is live in {text!r}"
        kind, value = token.lastgroup, token.group(token.lastgroup)
        if kind == "base":
            shown.append(unicodedata.normalize("NFC", value + MARKS[token["mark"]]))
        elif kind in ("math", "named"):
            shown.append("−" if value == "-" else NAMED[value.lstrip("\\")])
        else:
            shown.append({"quote": '"', "nothing": "", "bracket": value[1:2]}.get(kind, value))
        place = token.end()
    return "".join(shown)


@given(st.text(st.characters(max_codepoint=126), max_size=30))
@example("a--b''")
def test_latex_shows_every_letter_of_a_keyboard(text):
    assert read_back(latex(text)) == printable(text, 400)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("é Å ü ñ", "é Å ü ñ"),
        ("φ ΔR Ωλ µ", "φ ΔR Ωλ μ"),
        ("⟨t⟩ ± – … × −", "⟨t⟩ ± – … × −"),
        ("ß ø ł ı", "ß ø ł ı"),
        ("名", r"\u540d"),
        ("😀", r"\U0001f600"),
        ("a\u202eb\n", r"a\u202eb\n"),
    ],
)
def test_letters_beyond_are_composed_or_shown_by_their_number(text, shown):
    assert read_back(latex(text)) == shown


@given(st.text(max_size=30))
def test_any_text_is_inert_in_latex(text):
    written = latex(text)
    assert written.isascii()
    assert not re.search(r"[\n\r]|(?<!\\)(\\\\)*[%$&#]", written)
    assert written.count("{") - written.count(r"\{") == written.count("}") - written.count(r"\}")


@pytest.mark.parametrize("pair", ["--", "''", "``", "?`", "!`", "---"])
def test_no_two_letters_become_one_sign(pair):
    for one, two in pairwise(pair):
        assert one + two not in latex(pair)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles(tmp_path):
    letters = [chr(c) for c in (*range(32, 127), *range(160, 0x250), *range(0x370, 0x400))]
    body = "\n\n".join(f"x {latex(text)} y" for text in [*HOSTILE, *letters])
    document = rf"\documentclass{{article}}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "d.tex").write_text(document)
    call = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "d.tex"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in (tmp_path / "d.log").read_text(errors="replace")
