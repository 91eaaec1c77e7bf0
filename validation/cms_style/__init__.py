"""The ranking of a network like those of CMS for H → ττ, on a sample whose structure is known.

``recipe``    the simulated sample: densities by formula, drawn from a seed
``ideal``     the response that no network can beat, and its coefficients, in closed form
``training``  the network: two hidden layers of 200 tanh nodes, dropout, L2, softmax of five classes
``judge``     what the recipe implies and what the ranking says
``figures``, ``section``   how it is shown
"""

from __future__ import annotations

import numpy as np

from onnxtaylor.results.ranking import ranked_columns
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.views.tables import as_latex, as_markdown, side_by_side
from validation.cms_style import ideal
from validation.cms_style.figures import first_order, found_and_ideal
from validation.cms_style.judge import TOP, claims, compare, truths
from validation.cms_style.recipe import CLASSES, FEATURES, NOISE, draw
from validation.cms_style.section import section
from validation.cms_style.training import (
    FULL,
    NETWORK,
    SHORT,
    Scaling,
    analyzed,
    confusion,
    responses,
    trained,
)
from validation.study import Outcome, Study

__all__ = ["STUDY", "run"]


def run(short: bool) -> Outcome:
    """Draws the sample, trains the network, ranks it, and compares with the ideal response."""
    sizes = SHORT if short else FULL
    sample, held_out, test = draw(sizes.train, 1), draw(sizes.held_out, 2), draw(sizes.test, 3)
    scaling = Scaling.of(sample.x)
    model, epochs = trained(sizes, sample, held_out, scaling)
    x = scaling(test.x)
    result = analyzed(model, x, test, bootstrap=20 if short else 200)
    # per σ of the same events: the spread of the scaled inputs, back in units of the recipe
    sigma = scaling.sigma * [feature.std for feature in result.data.features]
    compared = compare(result, *ideal.scores(test.x, test.weight, test.y, sigma))
    found = confusion(responses(model, x), test)
    best = confusion(ideal.response(test.x), test)
    numbers = {
        "network": {
            "hidden": list(NETWORK.hidden),
            "dropout": NETWORK.dropout,
            "l2": NETWORK.l2,
            "learning_rate": sizes.learning_rate,
            "batch": sizes.batch,
            "epochs": epochs,
            "accuracy": float(np.trace(found)) / len(CLASSES),
            "confusion": found.round(4).tolist(),
        },
        "ideal": {
            "accuracy": float(np.trace(best)) / len(CLASSES),
            "confusion": best.round(4).tolist(),
        },
        "sample": {
            "features": list(FEATURES),
            "classes": list(CLASSES),
            "noise": list(NOISE),
            "per_class": {"train": sizes.train, "held_out": sizes.held_out, "test": sizes.test},
            "negative": float((test.weight < 0).mean()),
            "n_eff": result.data.n_eff,
        },
        "check": result.check["verdict"] if result.check else "not run",
        "per_class": [truths(of) for of in compared["per_class"]],
        "pooled": [truths(of) for of in compared["pooled"]],
    }
    figures = {
        "first-order": first_order(result, compared["per_class"]),
        "ideal": found_and_ideal(result, compared["per_class"]),
        "per-class": result.plot.table(top=TOP, per_class=True).figure,
        "pooled": result.plot.table(top=TOP).figure,
    }
    return Outcome(numbers, claims(numbers), figures, tables(result))


def tables(result: TaylorResult) -> dict[str, str]:
    """The tables of the highest ranked coefficients, in Markdown and LaTeX, by file name."""
    found = {}
    for name, per_class in (("per-class", True), ("pooled", False)):
        table = side_by_side(ranked_columns(result, count=TOP, per_class=per_class))
        found |= {f"{name}.md": as_markdown(table), f"{name}.tex": as_latex(table)}
    return found


STUDY = Study(
    name="cms_style",
    title="A network like those of CMS for H → ττ",
    run=run,
    section=section,
    needs=("tensorflow", "tf2onnx"),
)
