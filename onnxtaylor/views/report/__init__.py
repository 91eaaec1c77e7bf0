"""A result as one HTML file that needs nothing else: ``onnxtaylor.views.report.html(result)``.

``facts``       texts of the page: summary, checks, warnings
``provenance``  where the result comes from
``payload``     the numbers that scripts show
``page``        templates, styles and scripts put together, under a policy that lets nothing out
``notebook``    the short form that a notebook shows

Why these libraries (all copies, with licences and hashes: ``assets/vendor/README.md``):

- Templates by Jinja2, with escaping on: what a name says never becomes markup.
- The ranked table by DataTables: a plain ``<table>`` that screen readers know and printers print,
  sorted with keys, ``aria-sort`` and a spoken result of each search; nearly twenty years of
  upkeep, no dependency since version 3, 0.12 MB. Tabulator (0.4 MB) builds tables of ``div``;
  simple-datatables is LGPL; itables ships DataTables, too, but brings pandas and IPython.
- The figures by Observable Plot on D3: SVG whose colours are those of the page, dark or light, and
  which is drawn anew for each width, so that letters on a phone are as large as on a screen, and
  for each response and group. 0.5 MB; Plotly and Bokeh take ten times as much. Matplotlib's SVGs
  (``onnxtaylor plot``) keep the size of a page column, and a figure for each of 5 responses and 6
  groups takes 5 MB and ten seconds.
- The matrix is an HTML table: each value can be reached by keys, and read aloud.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import PurePath

from onnxtaylor.results.mirror_images import mirror_words
from onnxtaylor.results.quantity import FINITE_STEP
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.views.report.facts import KINDS, checks, leaders, overall, warnings_by_kind
from onnxtaylor.views.report.page import LIBRARIES, render
from onnxtaylor.views.report.payload import MATRIX, payload, units
from onnxtaylor.views.report.provenance import features, groups, method_sentences, provenance
from onnxtaylor.views.tables import listing

__all__ = ["html"]

SCRIPTS = ("common.js", "table.js", "figures.js", "matrix.js", "compare.js", "choice.js")
STATIC = 50  # rows of the table for a reader without scripts


def html(result: TaylorResult, *, title: str | None = None) -> str:
    """The report of a result: one HTML document that loads nothing.

    ``title`` is the heading, by default made of the model's file name. Equal results give equal
    text, but for the time of writing, which the environment's SOURCE_DATE_EPOCH fixes.

    Raises OptionError where SOURCE_DATE_EPOCH is not a time.
    """
    file = PurePath(result.model.path).name or "model"
    status, verdict = overall(result)
    data = payload(result)
    return render(
        "result.html",
        data=data,
        scripts=(*LIBRARIES, *SCRIPTS),
        title=title,
        file=file,
        result=result,
        finite=result.quantity == FINITE_STEP,
        remark=result.quantity.remark,
        symbol=data["symbol"],
        units=units(result),
        status=status,
        verdict=verdict,
        leaders=leaders(result),
        images=mirror_words(result),
        kinds=KINDS,
        checks=checks(result),
        warnings=warnings_by_kind(result),
        how=list(method_sentences(result)),
        provenance=provenance(result),
        features=features(result),
        groups=groups(result),
        listing=listing(result.top(STATIC), signed=result.data.signed),
        data_outputs=data["outputs"],
        version=version("onnxtaylor"),
        shown=len(data["alphas"]),
        cut=data["cut"],
        matrix_shown=len(data["matrix"] or ()),
        matrix_most=MATRIX,
    )
