"""Tables on stdout, progress and messages on stderr, for people."""

from __future__ import annotations

import json as encoder
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxtaylor.cli.flags import as_flags
from onnxtaylor.errors import printable
from onnxtaylor.results.check_place import largest_in, place_in
from onnxtaylor.results.quantity import FINITE_STEP, quantity_of_rows
from onnxtaylor.text.uncertainty import plus_minus

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from onnxtaylor.progress import Progress
    from onnxtaylor.results.taylor import Notice
    from onnxtaylor.views.tables import Table as Cells

__all__ = [
    "check_line",
    "counted",
    "document",
    "library_text",
    "note",
    "plus_minus",
    "printable",
    "progress_bar",
    "ranking_table",
    "show",
    "table_of",
    "title",
    "warn",
]

NARROWEST = 16  # of a column of names, in letters; numbers are never cut
THIRD = 3  # order
FREE = 10_000  # letters: a terminal without an edge
SHOWN_WARNINGS = 5  # of a kind; the others are counted
EXTRAPOLATED = (
    "their widths are partly extrapolated: a smaller --curvature-step (--finite-step), or do not"
    " read them"
)
SHOWN_FEATURES = 3  # whose steps leave the data's range, in one line


def note(message: str) -> None:
    """Prints one line on stderr; where it takes nothing, as on a full disk, the work goes on."""
    with suppress(OSError):
        print(message, file=sys.stderr)


def note_saved(result: Sequence[Path], *others: Path | None) -> None:
    """Prints the files that were saved: those of a result, and others."""
    for path in (*result[:1], *filter(None, others)):
        note(f"saved {printable(path)}")
    for path in result[1:]:
        note(f"saved {printable(path)}: the coefficients of {printable(result[0])}, keep it beside")


def library_text(text: object, limit: int = 400) -> str:
    """Returns a message of the library as one line for the terminal, with options as flags."""
    return printable(as_flags(str(text)), limit=limit)


def warn(notices: Iterable[Notice], saved: bool = True) -> None:
    """Prints each warning of a result on stderr; of many of one kind only the first ones.

    Of several features whose steps leave the data's range, one line says so.

    ``saved``: whether the others can be read in a file.
    """
    kinds: dict[str, list[str]] = {}
    notices = list(notices)
    left = [str(notice.feature) for notice in notices if notice.code == "range"]
    for notice in notices:
        kinds.setdefault(notice.code, []).append(notice.message)
    for code, messages in kinds.items():
        if code == "range":
            first = messages[0] if len(left) == 1 else _leave_range(left)
            note(f"warning: {library_text(first)}; {EXTRAPOLATED}")
            continue
        for message in messages[:SHOWN_WARNINGS]:
            note(f"warning: {library_text(message)}")
        if len(messages) > SHOWN_WARNINGS:
            more = counted(len(messages) - SHOWN_WARNINGS, "more warning")
            where = "all are in the saved result" if saved else "a saved result has all"
            note(f"warning: {more} of this kind ({printable(code)}): {where}")


def _leave_range(features: Sequence[str]) -> str:
    """Says of several features that their steps leave the data's range."""
    named = ", ".join(f"'{printable(name)}'" for name in features[:SHOWN_FEATURES])
    more = len(features) - SHOWN_FEATURES
    return f"{len(features)} features are moved out of the data's range at many events: {named}" + (
        f" +{more} more" if more > 0 else ""
    )


def document(text: str) -> None:
    """Prints a text for machines on stdout: UTF-8, whatever the encoding of the terminal.

    Control characters of terminals become JSON escapes: JSON may hold control characters of eight
    bits and marks of direction as they are, and no other document has any.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    print(re.sub(r"[^\t\n -~]", _inert, text), end="")


def _inert(letter: re.Match[str]) -> str:
    """Returns a letter, or its JSON escape if it is a control character of terminals."""
    return letter[0] if letter[0].isprintable() else encoder.dumps(letter[0])[1:-1]


def show(*things: Table | str) -> None:
    """Prints tables and text on stdout; piped, a table is as wide as it needs to be."""
    from rich.console import Console

    if sys.stdout is None:
        return
    console = Console(highlight=False, markup=False, emoji=False)
    terminal = console.width
    for thing in things:
        console.width = _width(thing, console, terminal)
        # captured: rich ends the program by itself where the reader of a pipe has gone
        with console.capture() as captured:
            console.print(thing, soft_wrap=isinstance(thing, str) and not console.is_terminal)
        # rich fills lines with blanks
        lines = captured.get().splitlines()
        print("\n".join(line if console.is_terminal else line.rstrip() for line in lines))


def _width(thing: Table | str, console: Console, terminal: int) -> int:
    """Returns the terminal's width, or the least width that cuts no number of a table."""
    from rich.measure import Measurement

    if isinstance(thing, str):
        return terminal
    free = console.options.update(width=FREE)
    if not console.is_terminal:
        return Measurement.get(console, free, thing).maximum
    least = 1  # a line on either side of each column, and a blank within it
    for column in thing.columns:
        cells = (column.header, *column.cells)
        needed = max(Measurement.get(console, free, cell).maximum for cell in cells)
        column.min_width = needed if column.no_wrap else min(needed, NARROWEST)
        least += 3 + column.min_width
    return max(terminal, least)


@contextmanager
def progress_bar(quiet: bool, unit: str = "events") -> Iterator[Progress | None]:
    """Yields a progress callback that draws on stderr, or None where stderr is no terminal.

    ``unit`` is the noun for what the bar counts, such as events.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from onnxtaylor.progress import terminal_bar

    with terminal_bar(unit) as progress:
        yield progress


def ranking_table(
    rows: Sequence[dict[str, Any]], *, title: str, total: int, signed: bool = True
) -> Table:
    """Makes a table of tidy rows: rank and its interval, coefficient, ⟨t⟩ ± SEM, signed mean.

    Responses to finite steps are ⟨r⟩ in title and columns. Where the engine estimates its numerical
    errors, there is a column for the bound of the score's error.
    """
    from onnxtaylor.views.tables import listing

    quantity = quantity_of_rows(rows)
    noun = f": {quantity.noun}" if quantity == FINITE_STEP else ""
    shown = table_of(listing(rows, signed=signed), title=title + noun)
    if len(rows) < total:
        shown.caption = f"{len(rows)} of {total} {quantity.nouns}"
        shown.caption_justify = "left"
    return shown


def table_of(cells: Cells, *, title: str | None = None) -> Table:
    """Makes a table for the terminal of cells of text: names may be folded, numbers never are."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    for name, letter in zip(cells.heads, cells.align, strict=True):
        justify: Any = {"l": "left", "r": "right", "c": "center"}[letter]
        head = printable(name, limit=400)
        if letter == "l":
            table.add_column(head, justify=justify, overflow="fold")
        else:
            table.add_column(head, justify=justify, no_wrap=True)
    for row in cells.rows:
        pairs = zip(row, cells.align, strict=True)
        table.add_row(*(Text(printable(t, limit=400)) if at == "l" else t for t, at in pairs))
    return table


def title(output: str, group: str | None) -> str:
    """Returns the title of a ranking: its response, and the class if not all events count.

    >>> title("ggh", None), title("0", None)
    ('ggh', 'response 0')
    """
    name = f"response {output}" if output.isdecimal() else output
    return printable(name) + (f", events of {printable(group)}" if group is not None else "")


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun: ``1 response``, ``2 responses``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def check_line(check: Mapping[str, Any]) -> str:
    """Returns the verdict of a cross-check in one line; ``check`` is its part of a saved result."""
    verdict, counts, worst = check.get("verdict"), check.get("coefficients"), check.get("worst")
    if verdict == "not run":
        return f"check: not run, so not passed: {library_text(check.get('reason'))}"
    reason = check.get("reason")
    if reason:  # nothing was compared
        words = {"differs": "DIFFERS", "undecided": "undecided, so not passed"}
        return f"check: {words.get(str(verdict), verdict)}: {library_text(reason)}"
    if not isinstance(counts, dict) or not isinstance(worst, list) or verdict not in counts:
        return "check: none that this version can read"
    total, place = sum(counts.values()), place_in(check)
    far = largest_in(check)
    responses = check.get("responses") or {}
    lines = {
        "agrees": f"agrees: {counts['agrees']} of {total} coefficients {place}{far}",
        "differs": f"DIFFERS: {counts['differs']} of {total} coefficients {place}{far}",
    }
    if verdict == "differs" and not responses.get("agree", True):
        lines["differs"] += "; the responses of derivative graph and model differ"
    blind = f"{verdict}, so not passed: {counts[verdict]} of {total} coefficients {place}"
    notes = check.get("notes") or ()
    return f"check: {printable(lines.get(str(verdict), blind), limit=400)}" + "".join(
        f" ({library_text(note)})" for note in notes
    )
