"""The guide: Markdown pages that ship with the package; the tests run every command in them.

``onnxtaylor guide`` lists them, ``onnxtaylor guide NAME`` shows one. ``PAGES`` has their order.
"""

from __future__ import annotations

import re
from importlib.resources import files

from onnxtaylor.errors import OptionError, name_hint, printable

__all__ = ["PAGES", "page", "summary", "title"]

PAGES = (
    "start",
    "table",
    "models",
    "data",
    "curvature",
    "check",
    "uncertainties",
    "selection",
    "progress",
    "audit",
    "pipelines",
    "cluster",
    "python",
    "derivatives",
    "how",
    "extend",
    "errors",
)


def page(name: str) -> str:
    """Returns the Markdown text of a page.

    Raises OptionError for a name that no page has.

    >>> page("start").splitlines()[0]
    '# First analysis'
    """
    if name not in PAGES:
        raise OptionError(f"the guide has no page '{printable(name)}'{name_hint(name, PAGES)}")
    return (files("onnxtaylor") / "guide" / f"{name}.md").read_text(encoding="utf-8")


def title(name: str) -> str:
    """Returns the heading of a page."""
    return page(name).splitlines()[0].removeprefix("# ")


def summary(name: str) -> str:
    """Returns the first sentence below the heading of a page, without marks of Markdown."""
    paragraph = page(name).split("\n\n", 2)[1].replace("\n", " ")
    sentence = re.split(r"(?<=[.?])\s", paragraph, maxsplit=1)[0]
    return re.sub(r"[*`]", "", sentence)
