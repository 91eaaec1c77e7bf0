"""All figures of a result as files."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onnxtaylor.errors import OptionError, ResultError, printable
from onnxtaylor.files import write_whole
from onnxtaylor.plot.curve import plot_curve
from onnxtaylor.plot.matrix import plot_matrix
from onnxtaylor.plot.outputs import class_positions, plot_outputs
from onnxtaylor.plot.scores import plot_scores
from onnxtaylor.plot.style import offscreen
from onnxtaylor.plot.table import MOST, plot_table
from onnxtaylor.result import TaylorResult

__all__ = ["FORMATS", "save_axes", "save_figures", "slugs"]

# What each format would say of the time and machine it was written on, left out.
FORMATS: dict[str, dict[str, str | None]] = {
    "png": {"Software": "onnxtaylor"},
    "pdf": {"Creator": "onnxtaylor", "Producer": "matplotlib", "CreationDate": None},
    "svg": {"Creator": "onnxtaylor", "Date": None},
}

DPI = 200


def save_figures(
    result: TaylorResult,
    folder: str | os.PathLike[str],
    *,
    formats: Sequence[str] = ("png", "pdf"),
    prefix: str = "",
    group: str | None = None,
) -> list[Path]:
    """Writes every figure that makes sense for this result into a folder; returns the paths.

    ``scores``, ``curve`` and (from second order) ``matrix`` for each output, as ``scores.png`` or,
    with several outputs, ``scores-<output>.png``; ``outputs`` and ``table`` for several outputs (a
    table of 12 at most), and ``outputs-per-class`` and ``table-per-class`` where the classes match
    them. The folder is made if it is missing. Each file is whole or not there, and equal results
    give equal bytes.

    Raises OptionError for a format other than png, pdf and svg, a prefix that is no file name, or
    an unknown group; ResultError where a file cannot be written.
    """
    for name in formats:
        if name not in FORMATS:
            raise OptionError(
                f"format {printable(name)!r} is not offered: choose {', '.join(FORMATS)}"
            )
    if not re.fullmatch(r"[\w.+-]{0,60}", prefix, re.ASCII) or prefix.startswith("."):
        raise OptionError(
            f"prefix {printable(prefix)!r}: use letters, digits, '.', '_', '+' and '-'"
        )
    result.position(0, group)
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = printable(error.strerror or error)
        raise ResultError(f"{printable(folder)}: cannot be made a folder: {reason}") from None
    paths = []
    with offscreen():
        for stem, draw in _figures(result, group):
            figure = draw().figure
            assert isinstance(figure, Figure)
            for name in formats:
                path = target / f"{prefix}{stem}.{name}"
                write_whole(path, rendered(figure, name))
                paths.append(path)
    return paths


def save_axes(draw: Callable[[], Axes], path: str | os.PathLike[str]) -> None:
    """Draws one figure and writes it in the format of the file's ending, whole or not at all.

    Raises ResultError where the file cannot be written.
    """
    with offscreen():
        figure = draw().figure
    assert isinstance(figure, Figure)
    write_whole(path, rendered(figure, Path(path).suffix[1:].lower()))


def rendered(figure: Figure, format_name: str) -> bytes:
    """The figure as the bytes of a file; the same figure gives the same bytes."""
    stream = BytesIO()
    # 42: TrueType, which journals ask for; the salt makes the identifiers in an SVG repeatable
    with (
        mpl.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "onnxtaylor"}),
        warnings.catch_warnings(),
    ):
        # a letter that the font does not have is drawn as a box
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        figure.savefig(stream, format=format_name, dpi=DPI, metadata=FORMATS[format_name])
    return stream.getvalue()


def _figures(result: TaylorResult, group: str | None) -> Iterator[tuple[str, Callable[[], Axes]]]:
    several = len(result.outputs) > 1
    second = bool((result.indices.orders == 2).any())
    for c, slug in enumerate(slugs(result.outputs)):
        end = f"-{slug}" if several else ""
        yield f"scores{end}", partial(plot_scores, result, output=c, group=group)
        yield f"curve{end}", partial(plot_curve, result, output=c, group=group)
        if second:
            yield f"matrix{end}", partial(plot_matrix, result, output=c, group=group)
    if not several:
        return
    first = bool((result.indices.orders == 1).any())
    if first:
        yield "outputs", partial(plot_outputs, result, group=group)
    table = len(result.outputs) <= MOST
    if table:
        yield "table", partial(plot_table, result, group=group)
    try:
        class_positions(result)
    except OptionError:
        return
    if group is None:
        if first:
            yield "outputs-per-class", partial(plot_outputs, result, per_class=True)
        if table:
            yield "table-per-class", partial(plot_table, result, per_class=True)


def slugs(names: Sequence[str]) -> list[str]:
    """Each name as part of a file name: ASCII letters, digits, ``_`` and ``-``, and no two alike.

    They differ even where a file system takes upper for lower case.

    >>> slugs(["ggh", "GGH", "../a b", ""])
    ['ggh', 'GGH-2', 'a-b', 'output']
    """
    taken: set[str] = set()
    found = []
    for name in names:
        stem = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:40] or "output"
        slug, k = stem, 1
        while slug.lower() in taken:
            k += 1
            slug = f"{stem}-{k}"
        taken.add(slug.lower())
        found.append(slug)
    return found
