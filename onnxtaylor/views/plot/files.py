"""Figures of a result as files."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onnxtaylor.errors import OptionError, ResultError, name_hint, printable
from onnxtaylor.files.whole import write_whole
from onnxtaylor.indices import RELATIONS
from onnxtaylor.options.declare import alternatives
from onnxtaylor.results.ranking import class_groups
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.views.plot.curve import plot_curve
from onnxtaylor.views.plot.matrix import plot_matrix
from onnxtaylor.views.plot.outputs import plot_outputs
from onnxtaylor.views.plot.scores import plot_scores
from onnxtaylor.views.plot.style import offscreen
from onnxtaylor.views.plot.table import MOST, plot_table

__all__ = ["FORMATS", "SINGLE", "WHAT", "save_axes", "save_figures", "slugs"]

SINGLE = ("scores", "curve", "matrix")  # each shows one response
WHAT = (*SINGLE, "outputs", "table")
ALL = "all"

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
    what: str | Sequence[str] | None = None,
    output: str | int | Sequence[str | int] | None = None,
    top: int | None = None,
    per_class: bool = False,
) -> list[Path]:
    """Writes figures of a result into a folder; returns the paths.

    ``what`` names figures of ``WHAT``, or ``all`` that make sense. Its default: for one response,
    or with ``output``, ``scores``, ``curve`` and (from second order) ``matrix``; for several
    responses the two figures that show them side by side, ``outputs`` and ``table`` (of at most 12
    responses).

    ``output`` chooses responses of the figures that show one, all of them otherwise: the files are
    ``scores.png`` or, of several responses, ``scores-<output>.png``. ``top`` is the number of
    coefficients in ``scores`` and ``table``, and of features in ``matrix`` and ``outputs``. With
    ``per_class`` each response is shown over the events of its own class, in files that end in
    ``-per-class``. The folder is created if it is missing. Each file is whole or not there, and
    equal results give equal bytes.

    Raises OptionError for a figure that is not offered or that the result cannot give, a format
    other than png, pdf and svg, a prefix that is no file name, an unknown output or group, and
    where the class of a response is not known; ResultError where a file cannot be written.
    """
    for name in formats:
        if name not in FORMATS:
            raise OptionError(
                f"must be {alternatives(list(FORMATS))}, got {printable(name)!r}", option="format"
            )
    if not re.fullmatch(r"[\w.+-]{0,60}", prefix, re.ASCII) or prefix.startswith("."):
        raise OptionError(
            f"must be letters, digits, '.', '_', '+' and '-', got {printable(prefix)!r}",
            option="prefix",
        )
    request = _Request(result, group, _places(result, output), top, per_class)
    figures = list(_figures(request, _kinds(request, what, chosen=output is not None)))
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = printable(error.strerror or error)
        raise ResultError(f"{printable(folder)}: cannot be created as a folder: {reason}") from None
    paths = []
    with offscreen():
        for stem, draw in figures:
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
    """Returns the figure as the bytes of a file; equal figures give equal bytes."""
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


@dataclass(frozen=True)
class _Request:
    """Content of the figures; ``places`` are positions of responses in the result."""

    result: TaylorResult
    group: str | None
    places: tuple[int, ...]
    top: int | None
    per_class: bool

    def __post_init__(self) -> None:
        if self.per_class and self.group is not None:
            raise OptionError("chooses the groups itself: leave group=… out", option="per_class")
        if self.top is not None and self.top < 1:
            raise OptionError(f"must be at least 1, got {self.top}", option="top")
        self.result.position(0, self.group)

    @property
    def groups(self) -> list[str | None]:
        """The group of each response. Raises OptionError where the class of one is unknown."""
        if self.per_class:
            return list(class_groups(self.result))
        return [self.group] * len(self.result.outputs)

    def has(self, order: int) -> bool:
        """Whether there are coefficients of an order."""
        return bool((self.result.indices.orders == order).any())


def _places(
    result: TaylorResult, output: str | int | Sequence[str | int] | None
) -> tuple[int, ...]:
    """Returns the positions of the requested responses. Raises OptionError."""
    if output is None:
        return tuple(range(len(result.outputs)))
    wanted = [output] if isinstance(output, str | int) else output
    return tuple(dict.fromkeys(result.position(name)[0] for name in wanted))


def _kinds(request: _Request, what: str | Sequence[str] | None, *, chosen: bool) -> list[str]:
    """Returns the members of ``WHAT`` to draw. Raises OptionError."""
    wanted = [what] if isinstance(what, str) else list(what or ())
    for name in wanted:
        if name not in (*WHAT, ALL):
            raise OptionError(
                f"'{printable(name)}' is no figure{name_hint(name, [*WHAT, ALL])}", option="what"
            )
    several = len(request.result.outputs) > 1
    single = [kind for kind in SINGLE if kind != "matrix" or request.has(2)]
    beside = ["outputs"] * request.has(1) + ["table"] * (len(request.result.outputs) <= MOST)
    if ALL in wanted:
        return single + beside * (several and not chosen)
    if chosen and (lost := [name for name in wanted if name not in SINGLE]):
        raise OptionError(
            f"'{lost[0]}' shows all responses: leave output=… out, or choose"
            f" {alternatives(SINGLE)}",
            option="what",
        )
    if wanted:
        return [kind for kind in WHAT if kind in wanted]
    return single if chosen or not several else beside or single


def _figures(request: _Request, kinds: Sequence[str]) -> Iterator[tuple[str, Callable[[], Axes]]]:
    """Returns file names, each with the function that draws its figure."""
    result, groups = request.result, request.groups
    if "matrix" in kinds and not request.has(2):
        raise OptionError("'matrix' shows second order: analyze with order=2", option="what")
    end = "-per-class" * request.per_class
    top: dict[str, Any] = {} if request.top is None else {"top": request.top}
    names = slugs(result.outputs)
    for c in request.places if set(kinds) & set(SINGLE) else ():
        of = f"-{names[c]}" if len(names) > 1 else ""
        where: dict[str, Any] = {"output": c, "group": groups[c]}
        if "scores" in kinds:
            yield f"scores{of}{end}", partial(plot_scores, result, **where, **top)
        if "curve" in kinds:
            yield f"curve{of}{end}", partial(plot_curve, result, **where)
        if "matrix" in kinds:
            relations = [None] if result.indices.relation is None else RELATIONS[1:]
            for relation in relations:
                about = f"-{relation.replace(' ', '-')}" if relation else ""
                draw = partial(plot_matrix, result, **where, **top, relation=relation)
                yield f"matrix{about}{of}{end}", draw
    beside: dict[str, Any] = {"group": request.group, "per_class": request.per_class, **top}
    if "outputs" in kinds:
        yield f"outputs{end}", partial(plot_outputs, result, **beside)
    if "table" in kinds:
        yield f"table{end}", partial(plot_table, result, **beside)


def slugs(names: Sequence[str]) -> list[str]:
    """Turns names into different parts of file names: ASCII letters, digits, ``_`` and ``-``.

    They stay different on file systems that ignore case, too.

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
