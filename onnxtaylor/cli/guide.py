"""``onnxtaylor guide``: the documentation, in the terminal."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from onnxtaylor.cli import console

__all__ = ["guide"]


def guide(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="PAGE",
            help="Name of a page, such as audit; without it, all pages are listed.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Shows a page of the guide, or the list of its pages.

    In a terminal the page is formatted and shown by a pager, that of the variable PAGER or less;
    piped, it is the Markdown text.

    Example:

    onnxtaylor guide audit

    onnxtaylor guide audit | less
    """
    from onnxtaylor.guide import PAGES, page, summary, title

    if name is None:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        for known in PAGES:
            table.add_row(known, f"{title(known)}: {summary(known)}")
        console.show(table)
        return
    text = page(name)
    if not sys.stdout.isatty():
        console.document(text)
        return
    from onnxtaylor.cli.terminal_page import show_page

    show_page(text)
