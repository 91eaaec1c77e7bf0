"""Short form of a result for notebooks: the analysis in a line, and the top of the table.

Styles are written into the elements, since the page belongs to the notebook: colours are inherited
to suit light and dark themes. No scripts.
"""

from __future__ import annotations

import jinja2

from onnxtaylor.results.mirror_images import mirror_words
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.views.report.facts import overall
from onnxtaylor.views.report.page import environment
from onnxtaylor.views.report.payload import response, units
from onnxtaylor.views.tables import listing

__all__ = ["fragment"]

TOP = 10
OUTPUTS, WARNINGS = 8, 5  # as many responses and warnings are shown


def fragment(result: TaylorResult) -> str:
    """The highest ranked coefficients of each response over all events, as an HTML fragment."""
    template: jinja2.Template = environment().get_template("notebook.html")
    shown = range(min(OUTPUTS, len(result.outputs)))
    status, verdict = overall(result)
    return template.render(
        result=result,
        file=result.model.path.rpartition("/")[2] or "model",
        symbol=result.quantity.symbol,
        thing=result.quantity.nouns,
        units=units(result),
        remark=result.quantity.remark,
        status=status,
        verdict=verdict,
        tables=[
            (response(result, c), listing(result.top(TOP, output=c), signed=result.data.signed))
            for c in shown
        ],
        images=mirror_words(result),
        more=len(result.outputs) - len(shown),
        shown_warnings=WARNINGS,
    )
