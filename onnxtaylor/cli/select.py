"""``onnxtaylor select``: the variables behind the most influential coefficients."""

from __future__ import annotations

import json as encoder
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onnxtaylor.cli import console, options, responses
from onnxtaylor.errors import OptionError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from onnxtaylor.gof import JoinedTable
    from onnxtaylor.results.selection import FeatureInfluence, Selection
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["select"]

GOF = "Goodness of fit"


def select(
    result: options.Result,
    top_fraction: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Keep this share of the coefficients. Default: 0.05.",
            show_default=False,
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(metavar="N", help="Keep N coefficients instead.", show_default=False),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Response; may be repeated, for the union. Default: the first, with --per-class"
            " all.",
            show_default=False,
        ),
    ] = None,
    group: options.Group = None,
    per_class: Annotated[
        bool,
        typer.Option(
            "--per-class",
            metavar="",
            help="Each response over the events of its own class, and the union of all. Which that"
            " is, the result or --classes must tell.",
        ),
    ] = False,
    output_names: responses.Names = None,
    classes: responses.Classes = None,
    order: Annotated[
        int | None,
        typer.Option(metavar="N", help="Only this order of derivatives.", show_default=False),
    ] = None,
    inverted: Annotated[
        bool,
        typer.Option("--inverted", metavar="", help="Choose the variables that are not behind it."),
    ] = False,
    names: Annotated[
        bool,
        typer.Option(
            "--names",
            metavar="",
            help="Only the names chosen, one a line, in the order of the model's input: what"
            " analyze --features @FILE reads.",
        ),
    ] = False,
    gof: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Tests by `onnxtaylor gof -o`: which features are well modelled, to check or to"
            " drop.",
            rich_help_panel=GOF,
            show_default=False,
            callback=options.no_stdin,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="Smaller p-values are bad. Default: 0.05.",
            rich_help_panel=GOF,
            show_default=False,
        ),
    ] = None,
    max_bad_pairs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Bad pairs that a well modelled feature may have. Default: what chance makes of"
            " them, at 95 %.",
            rich_help_panel=GOF,
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Finds the variables behind the most influential coefficients.

    It is chosen if it is in a coefficient that is kept: alone, or as a part of a pair.

    With --gof each feature is well modelled, to check (badly modelled, and
    one of the variables found) or to drop (badly modelled, and none of
    them). Exit status 0 whatever is found.

    Example:

    onnxtaylor select result.json --top-fraction 0.05 --names > names.txt
    """
    if top_fraction is not None and count is not None:
        raise OptionError("--top-fraction and --count exclude one another: leave one of them out")
    if names and json:
        raise OptionError("--names and --json exclude one another: the JSON holds the names, too")
    if gof is None and (threshold is not None or max_bad_pairs is not None):
        raise OptionError("--threshold and --max-bad-pairs judge p-values: name them with --gof")
    if gof is not None and names:
        raise OptionError("--names and --gof exclude one another: the verdicts are in --json")
    from onnxtaylor.results import selection

    loaded = responses.load_named(result, output_names, classes)
    found = selection.select(
        loaded,
        selection.FRACTION if top_fraction is None else top_fraction,
        count=count,
        outputs=output,
        group=group,
        per_class=per_class,
        order=order,
        inverted=inverted,
    )
    joined = None if gof is None else _joined(loaded, found, gof, threshold, max_bad_pairs)
    if json:
        parts = found.to_dict() | ({} if joined is None else {"gof": joined.to_dict()})
        text = encoder.dumps(parts, indent=1, ensure_ascii=False)
        console.document(text + "\n")
    elif names:
        console.document(_lines(found.names))
    else:
        symbol = loaded.quantity.symbol
        tables = (
            [_table(loaded, found, inside, symbol) for inside in (not inverted, inverted)]
            if joined is None
            else [_joined_table(joined, symbol)]
        )
        console.show(console.summary(loaded), _title(found, symbol), *tables)
    if found.not_ranked:
        missing = console.counted(len(found.not_ranked), "feature")
        console.note(f"{missing} without a coefficient in the result: neither in nor out")
    if not found.names:
        console.note("no feature is chosen")


def _joined(
    result: TaylorResult,
    found: Selection,
    gof: Path,
    threshold: float | None,
    max_bad_pairs: int | None,
) -> JoinedTable:
    from onnxtaylor.gof import GoodnessOfFit, join
    from onnxtaylor.gof.join import THRESHOLD

    return join(
        result,
        found,
        GoodnessOfFit.load(gof),
        threshold=THRESHOLD if threshold is None else threshold,
        max_bad_pairs=max_bad_pairs,
    )


def _joined_table(joined: JoinedTable, symbol: str) -> Table:
    """Influence and goodness of fit of each feature, and the verdict."""
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
            "–" if row.score is None else console.uncertain(row.score, row.sem or 0.0),
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
    """One name a line, to the letter. Raises OptionError for one that no line can hold."""
    for name in names:
        if not name.strip() or not name.isprintable():
            raise OptionError(
                f"--names: '{printable(name)}' cannot be a line of plain text: use --json"
            )
    return "".join(f"{name}\n" for name in names)


def _title(found: Selection, symbol: str) -> str:
    """Which coefficients were kept."""
    first = found.cuts[0]
    of_order = "" if found.order is None else f" of order {found.order}"
    lines = [f"kept: the {first.kept} highest ranked of {first.total} coefficients{of_order}"]
    for cut in found.cuts:
        group = None if cut.group == "all" else cut.group
        lines.append(f"  {console.title(cut.output, group)}: ⟨{symbol}⟩ ≥ {cut.score:.4g}")
    return "\n".join(lines) + "\n"


def _table(result: TaylorResult, found: Selection, inside: bool, symbol: str) -> Table:
    """The influential features, or the others."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    features: Sequence[FeatureInfluence] = found.influential if inside else found.others
    what = "in a coefficient that is kept" if inside else "in none of them"
    title = f"{what}: {len(features)} of {len(result.features)} features"
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    table.add_column("feature", overflow="fold")
    if inside:
        table.add_column("coefficients", justify="right", no_wrap=True)
        table.add_column("share", justify="right", no_wrap=True)
    table.add_column("best rank", justify="right", no_wrap=True)
    table.add_column(f"⟨{symbol}⟩ of first order ± SEM", justify="right", no_wrap=True)
    judged = any(f.sure is not None for f in features)
    if judged:
        table.add_column("surely in" if inside else "surely out", justify="center", no_wrap=True)
    for f in features:
        alone = "–" if f.first_order is None else console.uncertain(f.first_order, f.sem or 0.0)
        table.add_row(
            Text(printable(f.name, limit=400)),
            *([str(f.coefficients), f"{100 * f.share:.1f} %"] if inside else []),
            str(f.best_rank),
            alone,
            *(["yes" if f.sure else "open"] if judged else []),
        )
    return table
