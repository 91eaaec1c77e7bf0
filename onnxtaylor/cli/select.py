"""``onnxtaylor select``: the features of the most influential coefficients."""

from __future__ import annotations

import json as encoder
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import NAMES, takes
from onnxtaylor.cli.options import Json, Result
from onnxtaylor.cli.summary import summary
from onnxtaylor.errors import OptionError, printable
from onnxtaylor.options import ModelOptions
from onnxtaylor.options.selection import JoinOptions, SelectionOptions
from onnxtaylor.results.quantity import noun_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from onnxtaylor.gof import JoinedTable
    from onnxtaylor.results.selection import FeatureInfluence, Selection
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["select"]

JOINING = tuple(f.name for f in fields(JoinOptions))


@takes(
    SelectionOptions,
    JoinOptions,
    ModelOptions,
    only=(*(f.name for f in fields(SelectionOptions)), *JOINING, *NAMES),
)
def select(
    result: Result,
    names: Annotated[
        bool,
        typer.Option(
            "--names",
            metavar="",
            help="Prints only the names of the features, one a line, in the order of the model's"
            " input: `onnxtaylor analyze --features @FILE` reads them.",
        ),
    ] = False,
    json: Json = False,
    **options: Any,
) -> None:
    """Finds the features of the most influential coefficients.

    A feature is chosen if it is in a kept coefficient: alone, or as a part of a pair.

    With --gof each feature gets a verdict: well modelled, check (badly
    modelled, and selected) or drop (badly modelled, and not selected).
    The exit status is 0 with any result.

    Example:

    onnxtaylor select result.json --top-fraction 0.05 --names > names.txt
    """
    renaming, joining = (
        {name: options.pop(name) for name in some if name in options} for some in (NAMES, JOINING)
    )
    gof = joining.pop("gof", None)
    if "fraction" in options and "count" in options:
        raise OptionError("--top-fraction and --count exclude one another: leave one of them out")
    if names and json:
        raise OptionError("--names and --json exclude one another: the JSON holds the names, too")
    if gof is None and joining:
        raise OptionError("--threshold and --max-bad-pairs judge p-values: name them with --gof")
    if gof is not None and names:
        raise OptionError("--names and --gof exclude one another: the verdicts are in --json")
    from onnxtaylor.results.selection import select as select_features

    loaded = files.load_result(result, **renaming)
    selection = select_features(loaded, **options)
    joined = None if gof is None else _joined(loaded, selection, gof, joining)
    if json:
        parts = selection.to_dict() | ({} if joined is None else {"gof": joined.to_dict()})
        text = encoder.dumps(parts, indent=1, ensure_ascii=False)
        console.document(text + "\n")
    elif names:
        console.document(_lines(selection.names))
    else:
        inverted = options["inverted"]
        symbol = loaded.quantity.symbol
        tables = (
            [_table(loaded, selection, inside, symbol) for inside in (not inverted, inverted)]
            if joined is None
            else [_joined_table(joined, symbol)]
        )
        console.show(summary(loaded), _title(selection, symbol), *tables)
    if selection.not_ranked:
        missing = console.counted(len(selection.not_ranked), "feature")
        console.note(f"{missing} without a coefficient in the result: neither in nor out")
    if not selection.names:
        console.note("no feature is chosen")


def _joined(
    result: TaylorResult, selection: Selection, gof: Path, limits: dict[str, Any]
) -> JoinedTable:
    """Joins the selection with a saved goodness of fit."""
    from onnxtaylor.gof import GoodnessOfFit, join

    return join(result, selection, GoodnessOfFit.load(gof), **limits)


def _joined_table(joined: JoinedTable, symbol: str) -> Table:
    """Makes the table of influence, goodness of fit and verdict of each feature."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    counts = [f"{len(names)} {kind}" for kind, names in joined.verdicts().items() if names]
    title = ", ".join(counts)
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    table.add_column("feature", overflow="fold")
    table.add_column(f"⟨{symbol}⟩ of first order ± SEM", justify="right", no_wrap=True)
    for head in ("rank", "best", "p", "bad pairs"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("because", overflow="fold")
    for row in joined.rows:
        table.add_row(
            Text(printable(row.feature, limit=400)),
            "–" if row.score is None else console.plus_minus(row.score, row.sem or 0.0),
            "–" if row.first_rank is None else str(row.first_rank),
            f"{row.best_rank}{'*' * row.important}",
            "–" if row.p is None else f"{row.p:.2g}",
            f"{row.bad_pairs} of {row.pairs}",
            row.verdict,
            Text(printable(row.reason, limit=400)),
        )
    table.caption = (
        f"by influence; *: in a coefficient that is kept; bad: p < {joined.threshold:g}; pairs with"
        " features that are not bad alone"
    )
    table.caption_justify = "left"
    return table


def _lines(names: Sequence[str]) -> str:
    """Returns one name a line. Raises OptionError for a name that no line of text can hold."""
    for name in names:
        if not name.strip() or not name.isprintable():
            raise OptionError(
                f"--names: '{printable(name)}' cannot be a line of plain text: use --json"
            )
    return "".join(f"{name}\n" for name in names)


def _title(selection: Selection, symbol: str) -> str:
    """Returns in a few lines which coefficients were kept."""
    first = selection.cuts[0]
    of_order = "" if selection.order is None else f" of order {selection.order}"
    lines = [f"kept: the {first.kept} highest ranked of {first.total} coefficients{of_order}"]
    for cut in selection.cuts:
        group = None if cut.group == "all" else cut.group
        lines.append(f"  {console.title(cut.output, group)}: ⟨{symbol}⟩ ≥ {cut.score:.4g}")
    return "\n".join(lines) + "\n"


def _table(result: TaylorResult, selection: Selection, inside: bool, symbol: str) -> Table:
    """Makes the table of the influential features, or of the others."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    features: Sequence[FeatureInfluence] = selection.influential if inside else selection.others
    what = "in a coefficient that is kept" if inside else "in none of them"
    noun = noun_of(result.options)
    title = f"{what}: {len(features)} of {len(result.features)} {noun}s"
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    table.add_column(noun, overflow="fold")
    if inside:
        table.add_column("coefficients", justify="right", no_wrap=True)
        table.add_column("share", justify="right", no_wrap=True)
    table.add_column("best rank", justify="right", no_wrap=True)
    table.add_column(f"⟨{symbol}⟩ of first order ± SEM", justify="right", no_wrap=True)
    judged = any(f.sure is not None for f in features)
    if judged:
        table.add_column("surely in" if inside else "surely out", justify="center", no_wrap=True)
    for f in features:
        alone = "–" if f.first_order is None else console.plus_minus(f.first_order, f.sem or 0.0)
        table.add_row(
            Text(printable(f.name, limit=400)),
            *([str(f.coefficients), f"{100 * f.share:.1f} %"] if inside else []),
            str(f.best_rank),
            alone,
            *(["yes" if f.sure else "open"] if judged else []),
        )
    return table
