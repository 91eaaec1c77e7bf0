"""``onnxtaylor rank``: tables of a saved result."""

from __future__ import annotations

import json as encoder
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import NAMES, takes
from onnxtaylor.cli.options import Group, Json, Result, Top, file_option
from onnxtaylor.cli.summary import summary
from onnxtaylor.errors import OptionError
from onnxtaylor.options import ModelOptions
from onnxtaylor.options.declare import option
from onnxtaylor.results.summaries import units_apart

if TYPE_CHECKING:
    from onnxtaylor.results.ranking import Column
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["rank"]


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """Columns of the table, and the format that it is written in."""

    per_class: bool = option(
        False,
        "All responses side by side, each over the events of its own class (CMS convention). The"
        " class of a response is known from the result or from `classes`",
    )
    side_by_side: bool = option(False, "All responses side by side, over the events of `group`")
    scores: bool = option(False, "⟨t⟩ beside each coefficient in tables side by side")
    format: str = option("text", "text, markdown, or latex (for booktabs)", metavar="NAME")

    @property
    def beside(self) -> bool:
        """Whether the table has a column for each response."""
        return self.per_class or self.side_by_side


@takes(TableOptions, ModelOptions, only=(*(f.name for f in fields(TableOptions)), *NAMES))
def rank(
    result: Result,
    top: Top = 20,
    output: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Response. Default: the first.", show_default=False),
    ] = None,
    group: Group = None,
    order: Annotated[
        int | None,
        typer.Option(metavar="N", help="Only coefficients of this order.", show_default=False),
    ] = None,
    feature: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only coefficients with this feature; a pattern with * and ? names several.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, file_option("Saves the table in place of printing it.", "-o", "--out")
    ] = None,
    csv: Annotated[Path | None, file_option("Saves the whole tidy table (CSV).")] = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Prints the highest ranked coefficients of a saved result.

    Example:

    onnxtaylor rank result.json --top 50 --feature 'DER_mass*'

    onnxtaylor rank result.json --top 50 --per-class --format latex -o top.tex
    """
    files.writable({"-o": out, "--csv": csv}, inputs=[result], options=options)
    names = {name: options.pop(name) for name in NAMES if name in options}
    table = TableOptions(**options)
    _require_agreement(table, output=output, json=json)
    from onnxtaylor.files.whole import write_whole
    from onnxtaylor.results.ranking import Column, ranked_columns, ranked_rows
    from onnxtaylor.results.tidy import write_table

    loaded = files.load_result(result, **names)
    chosen: dict[str, Any] = {"count": top, "order": order, "feature": feature}
    if table.beside:
        columns = ranked_columns(loaded, group=group, per_class=table.per_class, **chosen)
    else:
        c, g = loaded.position(output, group)
        rows = ranked_rows(loaded, output=output, group=group, **chosen)
        columns = [Column(loaded.outputs[c], loaded.groups[g], rows)]
    if csv is not None:
        write_table(loaded.to_arrow(), csv)
    if json:
        ranked = [row for column in columns for row in column.rows]
        text = encoder.dumps(ranked, indent=1, ensure_ascii=False) + "\n"
    else:
        text = _table(loaded, columns, table, shown=not out)
    if out is not None:
        write_whole(out, text.encode(errors="backslashreplace"))
    elif text:
        console.document(text)
    apart = None if json else units_apart(loaded.data.features, loaded.options.get("scale"))
    console.warn(filter(None, [apart]))
    for path in filter(None, (out, csv)):
        console.note(f"saved {console.printable(path)}")


def _require_agreement(table: TableOptions, *, output: str | None, json: bool) -> None:
    """Raises OptionError for options that contradict one another."""
    if table.beside and output is not None:
        raise OptionError("chooses one response: leave it out of tables side by side",
                          option="output")  # fmt: skip
    if table.scores and not table.beside:
        raise OptionError("needs --per-class or --side-by-side: the table of one response has ⟨t⟩"
                          " anyway", option="scores")  # fmt: skip
    if json and table.format != "text":
        raise OptionError(
            f"--json and --format {console.printable(table.format)}: choose one of them"
        )


def _table(
    result: TaylorResult, columns: Sequence[Column], chosen: TableOptions, *, shown: bool
) -> str:
    """Returns the table as text; prints it on a terminal instead, and returns no text."""
    from onnxtaylor.views import tables

    column, total, signed = columns[0], len(result.indices), result.data.signed
    group = None if column.group == result.groups[0] else column.group
    title = console.title(column.output, group)
    if chosen.beside:
        cells = tables.side_by_side(columns, scores=chosen.scores)
    else:
        cells = tables.listing(column.rows, title, signed=signed)
    if chosen.format != "text":
        return tables.format_table(cells, chosen.format)
    above = summary(result)
    if chosen.beside:  # above, since the title of a narrow table is folded
        above += f"\n\n{console.printable(cells.caption, limit=400)}"
        table = console.table_of(cells)
    else:
        table = console.ranking_table(column.rows, title=title, total=total, signed=signed)
    if shown:
        console.show(above, table)
        return ""
    with redirect_stdout(StringIO()) as text:
        console.show(above, table)
    return text.getvalue()
