"""A page of the guide, as a terminal shows it."""

from __future__ import annotations

import os
import re
from importlib.resources import files
from typing import TYPE_CHECKING, ClassVar

from rich.console import Console
from rich.markdown import CodeBlock, Markdown, MarkdownElement
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import ConsoleOptions

__all__ = ["for_terminal", "show_page"]

WIDEST = 100  # letters in a line of text
LESS = "-FRX"  # colours; a short page is shown at once, and a long one stays

_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_PAGE = re.compile(r"\[([^\]]*)\]\((\w+)\.md(?:#[\w-]+)?\)")


class _Code(CodeBlock):
    """Code in one piece: a line that was wrapped or cut could not be copied."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        code = str(self.text).rstrip("\n")
        yield Text(code, style="cyan", no_wrap=True, overflow="ignore")


class _Page(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": _Code,
        "code_block": _Code,
    }


def for_terminal(text: str) -> str:
    """Returns a page whose links and images are of use in a terminal.

    Links to other pages are calls that show them, images the names of their files.

    >>> for_terminal("see [data](data.md), and [which columns](data.md)")
    'see `onnxtaylor guide data`, and which columns (`onnxtaylor guide data`)'
    """
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [_PAGE.sub(_call, _IMAGE.sub(_file, part)) for part in parts[::2]]
    return "".join(parts)


def _call(link: re.Match[str]) -> str:
    call = f"`onnxtaylor guide {link[2]}`"
    return call if link[1].strip("`") == link[2] else f"{link[1]} ({call})"


def _file(image: re.Match[str]) -> str:
    path = files("onnxtaylor").joinpath("guide", *image[2].split("/"))
    return f"{image[1]}: `{path}`"


def show_page(text: str) -> None:
    """Prints Markdown on a terminal, by the pager that its reader has chosen, or less."""
    terminal = Console()
    page = _Page(for_terminal(text), hyperlinks=False)
    styles = "r" in os.environ.setdefault("LESS", LESS).lower()
    with terminal.pager(styles=styles):
        terminal.print(page, width=min(terminal.width, WIDEST), crop=False)
