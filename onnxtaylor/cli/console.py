"""What people see: tables on stdout, progress and messages on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from onnxtaylor.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from onnxtaylor.inputs import Progress
    from onnxtaylor.result import TaylorResult

__all__ = [
    "document",
    "note",
    "printable",
    "progress_bar",
    "ranking_table",
    "show",
    "summary",
    "title",
    "uncertain",
]

NARROWEST = 16  # of a column of names, in letters; numbers are never cut
FREE = 10_000  # letters: a terminal without an edge


def note(message: str) -> None:
    """One line on stderr."""
    print(message, file=sys.stderr)


def document(text: str) -> None:
    """Text for machines on stdout: UTF-8, whatever the terminal's encoding, and nothing else."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    print(text, end="")


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
    """The terminal's width, or what it takes to show a table's numbers whole."""
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
def progress_bar(quiet: bool) -> Iterator[Progress | None]:
    """A progress function that draws on stderr, or None where nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Left(progress.TimeRemainingColumn):
        """Nothing where the end is unknown."""

        def render(self, task: progress.Task) -> Text:
            return Text("") if task.total is None else super().render(task).append(" left")

    bars = progress.Progress(
        progress.TextColumn("{task.description:>13}"),
        progress.BarColumn(bar_width=20),
        progress.MofNCompleteColumn(),
        progress.TextColumn("events"),
        progress.TimeElapsedColumn(),
        Left(),
        console=Console(stderr=True),
        transient=True,
    )
    stages: dict[str, progress.TaskID] = {}

    def tell(stage: str, done: int, total: int | None) -> None:
        if stage not in stages:
            for earlier in stages.values():
                bars.update(earlier, visible=False)
            stages[stage] = bars.add_task(stage, total=total)
        bars.update(stages[stage], completed=done, total=total)

    with bars:
        yield tell


def summary(result: TaylorResult) -> str:
    """What was analyzed and how, in a few lines."""
    model, data, options = result.model, result.data, dict(result.options)
    units = "σ of each feature" if options.get("scale") == "sigma" else "the input's units"
    linked = options.get("link", "identity")
    link = "" if linked == "identity" else f" of {printable(linked)} of the response"
    engine, precision, provider = map(printable, (model.engine, model.precision, model.provider))
    points = (
        f", {printable(options['points'])} evaluations per event" if "points" in options else ""
    )
    kinds = options.get("piecewise_linear") or {}
    kinks = (
        "\nsecond order does not see the kinks of "
        + ", ".join(f"{printable(kind)} ×{printable(count)}" for kind, count in kinds.items())
        if isinstance(kinds, dict) and kinds and options.get("order") != 1
        else ""
    )
    why = options.get("no_exact_engine")
    because = f"\nno exact derivatives: {printable(why, limit=400)}" if why else ""
    narrow = options.get("no_float64")
    because += f"\nnot in float64: {printable(narrow, limit=400)}" if narrow else ""
    return (
        f"{printable(model.path)}: {data.events} events,"
        f" Σw = {data.sum_weight:.6g}, N_eff = {data.n_eff:.6g}\n"
        f"{len(result.indices)} coefficients of {_counted(len(result.outputs), 'response')};"
        f" ⟨t⟩{link} per {units}\n"
        f"{engine} in {precision} on {provider}{points}{because}{kinks}"
    )


def ranking_table(rows: Sequence[dict[str, Any]], *, title: str, total: int) -> Table:
    """Tidy rows as a table: rank and its interval, coefficient, ⟨t⟩ ± SEM, signed mean.

    Where the engine tells how wrong its coefficients may be, the bound of the score's error, too.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    intervals = any(row["rank_low"] is not None for row in rows)
    table.add_column("rank", justify="right", no_wrap=True)
    if intervals:
        table.add_column("68 %", justify="center", no_wrap=True)
    table.add_column("coefficient", overflow="fold")
    table.add_column("⟨t⟩ ± SEM", justify="right", no_wrap=True)
    bounded = any(row.get("numerical_error") is not None for row in rows)
    if bounded:
        table.add_column("num. error", justify="right", no_wrap=True)
    table.add_column("signed mean", justify="right", no_wrap=True)
    for row in rows:
        low, high = row["rank_low"], row["rank_high"]
        interval = [str(low) if low == high else f"{low}–{high}"] if intervals else []
        table.add_row(
            str(row["rank"]),
            *interval,
            Text(printable(row["label"], limit=400)),
            uncertain(row["score"], row["sem"]),
            *([_bound(row["numerical_error"])] if bounded else []),
            f"{row['signed_mean']:+{_formats(row['score'], row['sem'])[0]}}",
        )
    if len(rows) < total:
        table.caption = f"{len(rows)} of {total} coefficients"
        table.caption_justify = "left"
    return table


def _bound(error: float | None) -> str:
    return "unknown" if error is None or error != error else f"{error:.1e}"


def title(output: str, group: str | None) -> str:
    """Which response, and over which events if not over all."""
    return printable(output) + (f", events of {printable(group)}" if group is not None else "")


def uncertain(value: float, error: float) -> str:
    """A value with its uncertainty to two digits: ``0.2354 ± 0.0097``.

    >>> uncertain(0.23537, 0.00974), uncertain(1234.5, 67.0), uncertain(0.5, 0.0)
    ('0.2354 ± 0.0097', '1234 ± 67', '0.5 ± 0')
    """
    shown, and_error = _formats(value, error)
    return f"{value:{shown}} ± {error:{and_error}}"


def _formats(value: float, error: float) -> tuple[str, str]:
    """How a value is written down to the second digit of its uncertainty, and that itself."""
    from math import floor, isfinite, log10

    if not (isfinite(value) and isfinite(error)) or error <= 0:
        return ".6g", ".2g"
    # of the rounded uncertainty: 0.0996 is 0.10
    digits = 1 - floor(log10(float(f"{error:.1e}")) + 1e-9)
    size = max(abs(value), error)
    if digits > 8 or size >= 1e6 or size < 1e-4:
        return f".{min(max(0, digits + floor(log10(size))), 12)}e", ".1e"
    return f".{max(0, digits)}f", f".{max(0, digits)}f"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
