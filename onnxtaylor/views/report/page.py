"""One file that needs nothing else: templates, styles and scripts put together.

The page's Content-Security-Policy allows the scripts and styles that it holds, each by its hash,
and nothing else: no request can leave it, whatever a name in it says. Template engines escape;
``name`` is the filter for text from outside, ``embedded`` for the data of scripts.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import jinja2
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape

from onnxtaylor.errors import printable
from onnxtaylor.files.whole import time_of_writing
from onnxtaylor.text.abbreviation import distinguish, shorten_all

__all__ = [
    "LIBRARIES",
    "PLOT_CLASS",
    "count",
    "display_name",
    "display_names",
    "embedded",
    "environment",
    "name",
    "render",
    "written_at",
]

# In this order: Plot needs d3.
LIBRARIES = ("vendor/d3.min.js", "vendor/plot.umd.min.js", "vendor/dataTables.min.js")

# Plot puts these rules into each figure that it draws with this class: allowed by their hash.
PLOT_CLASS = "plot"
PLOT_STYLE = """:where(.plot) {
  --plot-background: white;
  display: block;
  height: auto;
  height: intrinsic;
  max-width: 100%;
}
:where(.plot text),
:where(.plot tspan) {
  white-space: pre;
}"""

NAME_LIMIT = 400
NO_NAME = "(no name)"


def render(
    template: str,
    *,
    data: Mapping[str, Any],
    scripts: Sequence[str] = (),
    packages: Sequence[str] = (),
    **context: Any,
) -> str:
    """Makes a page from a template that extends ``base.html``.

    ``scripts`` are files of ``report/assets``; they find ``data`` in the element ``data``.
    Templates are searched in ``templates/`` of ``packages``, then of this package.
    """
    style, codes = _asset("page.css"), [_asset(script) for script in scripts]
    return (
        environment(*packages)
        .get_template(template)
        .render(
            policy=_policy(codes, [style, PLOT_STYLE]),
            # ours to the letter, and none of them holds the end of its element: see the tests
            style=Markup(style),
            scripts=[Markup(code) for code in codes],
            data=embedded(data),
            written=written_at(),
            **context,
        )
    )


def environment(*packages: str) -> jinja2.Environment:
    """Returns the template environment: where templates are found, their filters, escaping on."""
    loaders = [jinja2.PackageLoader(p) for p in (*packages, "onnxtaylor.views.report")]
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"name": name, "shown": display_name, "count": count}
    return made


def name(text: object) -> Markup:
    """Name from outside: control characters visible, its direction of writing kept inside.

    >>> print(name('<b>\\x1b'))
    <bdi>&lt;b&gt;\\x1b</bdi>

    Long names may break after an underscore.
    """
    return Markup("<bdi>{}</bdi>").format(
        Markup("_<wbr>").join(escape(part) for part in display_name(text).split("_"))
    )


def display_name(text: object) -> str:
    """The letters of a name as a page shows them."""
    return printable(text, NAME_LIMIT) or NO_NAME


def display_names(names: Sequence[str]) -> list[str]:
    """Names as a page shows them; different names stay different."""
    safe = [printable(text, len(text) + 1) or NO_NAME for text in names]
    return shorten_all(distinguish(names, safe), NAME_LIMIT)


def count(number: float) -> str:
    """A number of things in groups of three digits, with thin spaces.

    >>> count(12345.6)
    '12\\u2009346'
    """
    return f"{number:,.0f}".replace(",", "\u2009")


def embedded(data: Mapping[str, Any]) -> Markup:
    """JSON that cannot end the script element around it.

    >>> print(embedded({"a": "</script>"}))
    {"a":"\\u003c/script\\u003e"}
    """
    return htmlsafe_json_dumps(data, dumps=_json)


def written_at() -> str:
    """Time of writing, or SOURCE_DATE_EPOCH. Raises OptionError where that is not a time."""
    return f"{time_of_writing():%Y-%m-%d %H:%M:%S} UTC"


def _json(data: object, **_: object) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _asset(path: str) -> str:
    return files("onnxtaylor.views.report").joinpath("assets", path).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    def hashes(texts: Sequence[str]) -> str:
        digests = (base64.b64encode(hashlib.sha256(t.encode()).digest()) for t in texts)
        return " ".join(f"'sha256-{digest.decode()}'" for digest in digests) or "'none'"

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
