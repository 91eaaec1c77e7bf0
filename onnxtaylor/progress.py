"""Reports the progress of long work, and draws a bar: in a terminal, or below a notebook's cell.

In a terminal, rich draws the bar. In a notebook rich needs ipywidgets, so the bar there is one line
of HTML that IPython replaces, which every notebook shows. Either says so once if kernels have to be
compiled, which takes a while.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from importlib import import_module
from time import monotonic
from typing import Any

from onnxtaylor.supervision.work import note_stage

__all__ = [
    "Progress",
    "in_notebook",
    "notebook_bar",
    "progress_callback",
    "report_progress",
    "terminal_bar",
]

Progress = Callable[[str, int, int | None], None]  # stage, events done, events in all

EVERY = 0.2  # seconds between two updates in a notebook
COMPILING = "first run: compiling kernels, about 10 s; later runs find them compiled"
BAR = 8  # letters; so millions of evaluations fit a terminal of 80 letters
# units of the stages that do not count in the unit of the job
UNITS = {"cross-check": "evaluations", "step sizes": "trials"}


def report_progress(progress: Progress | None, stage: str, done: int, total: int | None) -> None:
    """Reports progress to a callback, if there is one.

    Parameters
    ----------
    progress
        The callback, or None.
    stage
        Name of the stage of work, such as ``coefficients``.
    done, total
        Events, or other units, done and in all; None if the total is not known.
    """
    note_stage(stage)
    if progress is not None:
        progress(stage, done, total)


@contextmanager
def progress_callback(
    progress: Progress | bool | None, unit: str = "events"
) -> Iterator[Progress | None]:
    """Yields the callback for ``progress``, and removes its bar at the end.

    Parameters
    ----------
    progress
        A callback, True for a bar, None or False for nothing.
    unit
        Unit of the numbers beside the bar.

    Yields
    ------
    The callback, or None.
    """
    if progress is None or progress is False:
        yield None
    elif progress is not True:
        yield progress
    else:
        with notebook_bar(unit) if in_notebook() else terminal_bar(unit) as update:
            yield update


def in_notebook() -> bool:
    """Whether the program runs in a notebook."""
    module = sys.modules.get("IPython")  # a notebook has always imported it
    shell = None if module is None else module.get_ipython()
    return hasattr(shell, "kernel")


@contextmanager
def notebook_bar(unit: str) -> Iterator[Progress]:
    """Draws a bar below the notebook's cell, and removes it at the end; yields its callback."""
    from onnxtaylor_kernels.jit import when_compiled  # takes Numba

    shown: Any = import_module("IPython.display")
    handle = shown.display(shown.HTML(""), display_id=True)
    last: list[Any] = ["", 0.0]  # the stage, and the time at which it was last drawn

    def update(stage: str, done: int, total: int | None) -> None:
        now = monotonic()
        if stage == last[0] and done != total and now - last[1] < EVERY:
            return
        last[:] = stage, now
        end = "" if total is None else f' value="{done}" max="{total}"'
        in_all = "" if total is None else f" of {total}"
        counts = f": {done}{in_all} {UNITS.get(stage, unit)}" if done or total else ""
        words = escape(f"{stage}{counts}")
        handle.update(
            shown.HTML(f'<progress{end} aria-label="{escape(stage)}"></progress> {words}')
        )

    try:
        with when_compiled(lambda: print(COMPILING, file=sys.stderr)):
            yield update
    finally:
        handle.update(shown.HTML(""))


@contextmanager
def terminal_bar(unit: str) -> Iterator[Progress]:
    """Draws a bar on stderr for the running stage, removes it at the end; yields its callback."""
    from onnxtaylor_kernels.jit import when_compiled  # takes Numba
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Left(progress.TimeRemainingColumn):
        """The remaining time; empty where the total is unknown."""

        def render(self, task: progress.Task) -> Text:
            return Text("") if task.total is None else super().render(task).append(" left")

    class Count(progress.MofNCompleteColumn):
        """Numbers done and in all, with their unit; empty for a stage that counts nothing."""

        def render(self, task: progress.Task) -> Text:
            counts = task.completed or task.total
            unit = f" {task.fields['unit']}"
            return super().render(task).append(unit) if counts else Text("")

    class Rate(progress.ProgressColumn):
        """Number done in a second; empty before it is known, and for what counts nothing."""

        def render(self, task: progress.Task) -> Text:
            rate = task.finished_speed or task.speed or 0.0
            if not 1 <= rate < 1e12:
                return Text("")
            power = sum(rate >= limit for limit in (1e4, 1e6, 1e9))
            return Text(f"{rate / 1000**power:.0f}{('', 'k', 'M', 'G')[power]}/s")

    bars = progress.Progress(
        progress.TextColumn("{task.description:>13}"),
        progress.BarColumn(bar_width=BAR),
        Count(),
        Rate(),
        progress.TimeElapsedColumn(),
        Left(),
        console=Console(stderr=True),
        transient=True,
    )
    shown: dict[str, progress.TaskID] = {}  # only the running stage

    def update(stage: str, done: int, total: int | None) -> None:
        if stage not in shown:
            bars.refresh()  # draws the end of the last stage, however short it was
            for earlier in shown.values():
                bars.remove_task(earlier)
            shown.clear()
            shown[stage] = bars.add_task(stage, total=total, unit=UNITS.get(stage, unit))
        bars.update(shown[stage], completed=done, total=total)

    with bars, when_compiled(lambda: bars.console.print(COMPILING, highlight=False)):
        yield update
