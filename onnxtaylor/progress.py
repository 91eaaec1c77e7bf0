"""A bar that shows how far a run is: in a terminal by rich, in a notebook below its cell.

Rich draws in notebooks only where ipywidgets is installed; a cell of ours is one line of HTML that
IPython replaces, which every notebook shows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from importlib import import_module
from time import monotonic
from typing import Any

__all__ = ["Progress", "in_notebook", "notebook_bar", "showing", "tell", "terminal_bar"]

Progress = Callable[[str, int, int | None], None]  # stage, events done, events in all

EVERY = 0.2  # seconds between two updates of a cell
BAR = 14  # letters: millions of evaluations fit a terminal of 80
# what stages count that do not count what the job does
UNITS = {"cross-check": "evaluations", "step sizes": "trials"}


def tell(progress: Progress | None, stage: str, done: int, total: int | None) -> None:
    """Reports progress to whoever looks."""
    if progress is not None:
        progress(stage, done, total)


@contextmanager
def showing(progress: Progress | bool | None, unit: str = "events") -> Iterator[Progress | None]:
    """The function that is told of progress: the caller's own, none, or for True that of a bar."""
    if progress is None or progress is False:
        yield None
    elif progress is not True:
        yield progress
    else:
        with notebook_bar(unit) if in_notebook() else terminal_bar(unit) as tell:
            yield tell


def in_notebook() -> bool:
    """Whether the program runs behind a notebook's cells."""
    module = sys.modules.get("IPython")  # where it is not imported, no notebook runs us
    shell = None if module is None else module.get_ipython()
    return hasattr(shell, "kernel")


@contextmanager
def notebook_bar(unit: str) -> Iterator[Progress]:
    """A line below the cell, empty at the end."""
    shown: Any = import_module("IPython.display")

    handle = shown.display(shown.HTML(""), display_id=True)
    last: list[Any] = ["", 0.0]  # the stage, and when it was last drawn

    def tell(stage: str, done: int, total: int | None) -> None:
        now = monotonic()
        if stage == last[0] and done != total and now - last[1] < EVERY:
            return
        last[:] = stage, now
        end = "" if total is None else f' value="{done}" max="{total}"'
        of = "" if total is None else f" of {total}"
        counted = f": {done}{of} {UNITS.get(stage, unit)}" if done or total else ""
        words = escape(f"{stage}{counted}")
        handle.update(
            shown.HTML(f'<progress{end} aria-label="{escape(stage)}"></progress> {words}')
        )

    try:
        yield tell
    finally:
        handle.update(shown.HTML(""))


@contextmanager
def terminal_bar(unit: str) -> Iterator[Progress]:
    """A bar on stderr for the stage that runs, gone at the end."""
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Left(progress.TimeRemainingColumn):
        """Nothing where the end is unknown."""

        def render(self, task: progress.Task) -> Text:
            return Text("") if task.total is None else super().render(task).append(" left")

    class Count(progress.MofNCompleteColumn):
        """Nothing where nothing is counted."""

        def render(self, task: progress.Task) -> Text:
            counts = task.completed or task.total
            unit = f" {task.fields['unit']}"
            return super().render(task).append(unit) if counts else Text("")

    bars = progress.Progress(
        progress.TextColumn("{task.description:>13}"),
        progress.BarColumn(bar_width=BAR),
        Count(),
        progress.TimeElapsedColumn(),
        Left(),
        console=Console(stderr=True),
        transient=True,
    )
    shown: dict[str, progress.TaskID] = {}  # the stage that runs, alone

    def tell(stage: str, done: int, total: int | None) -> None:
        if stage not in shown:
            bars.refresh()  # how a stage ended is seen, however short it was
            for earlier in shown.values():
                bars.remove_task(earlier)
            shown.clear()
            shown[stage] = bars.add_task(stage, total=total, unit=UNITS.get(stage, unit))
        bars.update(shown[stage], completed=done, total=total)

    with bars:
        yield tell
