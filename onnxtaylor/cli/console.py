"""What people see: tables on stdout, progress and messages on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from onnxtaylor.errors import printable

if TYPE_CHECKING:
    from rich.table import Table

    from onnxtaylor.analysis import Progress
    from onnxtaylor.result import TaylorResult

__all__ = ["note", "printable", "progress_bar", "ranking_table", "show", "summary"]


def note(message: str) -> None:
    """One line on stderr."""
    print(message, file=sys.stderr)


def show(*things: Any) -> None:
    """Prints tables and text on stdout; piped, a table is as wide as it needs to be."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=not sys.stdout.isatty())
    if not sys.stdout.isatty():
        console.width = 160
    for thing in things:
        console.print(thing)


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress | None]:
    """A progress function that draws on stderr, or None where nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress as Bars,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    bars = Bars(
        TextColumn("{task.description:>13}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("events"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    tasks: dict[str, Any] = {}

    def tell(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total)
        bars.update(tasks[stage], completed=done, total=total)

    with bars:
        yield tell


def summary(result: TaylorResult) -> str:
    """What was analyzed and how, in two lines."""
    model, data, options = result.model, result.data, result.options
    units = "σ of each feature" if options["scale"] == "sigma" else "the input's units"
    link = "" if options["link"] == "identity" else f"{options['link']} of the response, "
    how = f"{link}{model.engine} in {model.precision} on {model.provider}"
    if "points" in options:
        how += f", {options['points']} evaluations per event"
    return (
        f"{printable(model.path)}: {data.events} events,"
        f" Σw = {data.sum_weight:.6g}, N_eff = {data.n_eff:.6g}; ⟨t⟩ per {units}\n"
        f"{how}; {len(result.indices)} coefficients of {_counted(len(result.outputs), 'response')}"
    )


def ranking_table(
    rows: Sequence[dict[str, Any]], *, title: str, total: int, caption: str | None = None
) -> Table:
    """Tidy rows as a table: rank and its interval, coefficient, ⟨t⟩ ± SEM, signed mean."""
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
    table.add_column("signed mean", justify="right", no_wrap=True)
    for row in rows:
        low, high = row["rank_low"], row["rank_high"]
        interval = [str(low) if low == high else f"{low}–{high}"] if intervals else []
        table.add_row(
            str(row["rank"]),
            *interval,
            Text(printable(row["label"])),
            uncertain(row["score"], row["sem"]),
            f"{row['signed_mean']:+.3g}",
        )
    if len(rows) < total:
        table.caption = caption or f"{len(rows)} of {total} coefficients"
        table.caption_justify = "left"
    return table


def uncertain(value: float, error: float) -> str:
    """A value with its uncertainty to two digits: ``0.2354 ± 0.0097``.

    >>> uncertain(0.23537, 0.00974), uncertain(1234.5, 67.0), uncertain(0.5, 0.0)
    ('0.2354 ± 0.0097', '1234 ± 67', '0.5 ± 0')
    """
    from math import floor, isfinite, log10

    if not (isfinite(value) and isfinite(error)) or error <= 0:
        return f"{value:.6g} ± {error:.2g}"
    digits = 1 - floor(log10(error))
    size = max(abs(value), error)
    if digits > 8 or size >= 1e6 or size < 1e-4:
        shown = max(0, digits + floor(log10(size)))
        return f"{value:.{min(shown, 12)}e} ± {error:.1e}"
    return f"{value:.{max(0, digits)}f} ± {error:.{max(0, digits)}f}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
