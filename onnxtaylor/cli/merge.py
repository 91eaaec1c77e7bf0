"""``onnxtaylor merge``: the parts of an analysis, or of a survey, put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.analyze import finish
from onnxtaylor.cli.options import Csv, Json, PerClass, Quiet, Top, file_option
from onnxtaylor.errors import OptionError

__all__ = ["merge"]

Parts = Annotated[
    list[Path],
    typer.Argument(
        metavar="PART",
        help="All parts of `analyze --shard K/N -o`, or of `survey --shard K/N -o`, in any order.",
        show_default=False,
    ),
]


def merge(
    parts: Parts,
    out: Annotated[
        Path | None,
        file_option("Saves the result (JSON), or the survey of all data.", "-o", "--out"),
    ] = None,
    csv: Csv = None,
    top: Top = 20,
    per_class: PerClass = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Puts the parts of an analysis together: the result is that of an undivided one.

    Example:

    onnxtaylor merge part-*.npz -o result.json

    onnxtaylor merge survey-*.npz -o survey.npz
    """
    if Path("-") in parts:
        raise OptionError("PART -: is no file here: only DATA or RESULT is read from stdin")
    files.writable({"-o": out, "--csv": csv}, inputs=parts, results=["-o"])
    with console.progress_bar(quiet, unit="parts") as progress:
        from onnxtaylor.results.taylor import TaylorResult
        from onnxtaylor.run.divided.merge import merge_parts

        merged = merge_parts(parts, progress=progress)
    if isinstance(merged, TaylorResult):
        finish(merged, out, csv, top=top, per_class=per_class, json=json, quiet=quiet)
        return
    if out is None:
        raise OptionError("PART: these are parts of a survey: name a file for it with -o")
    for flag, given in {"--csv": csv, "--json": json, "--per-class": per_class}.items():
        if given:
            raise OptionError(f"{flag}: a survey has no coefficients: leave it out")
    merged.save(out)
    if not quiet:
        console.note(f"saved {console.printable(out)}: the survey of {merged.words}")
