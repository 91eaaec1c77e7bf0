"""A summary of a result in a few lines, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxtaylor.cli.console import check_line, counted, library_text
from onnxtaylor.errors import join_names, printable
from onnxtaylor.results.quantity import FINITE_STEP

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["steps", "summary"]

THIRD = 3  # order


def summary(result: TaylorResult) -> str:
    """Returns a summary of the analysis in a few lines."""
    from onnxtaylor.views.tables import folds_words, pairs_words, reduction_words

    model, data, options = result.model, result.data, dict(result.options)
    units = {"sigma": "σ of each feature", "step": "step"}.get(
        str(options.get("scale")), "the input's units"
    )
    linked = options.get("link", "identity")
    link = "" if linked == "identity" else f" of {printable(linked)} of the response"
    engine, precision, provider = map(printable, (model.engine, model.precision, model.provider))
    points = (
        f", {printable(options['points'])} evaluations per event" if "points" in options else ""
    )
    kinks, grouped = curvature(result), reduction_words(result)
    why = options.get("no_exact_engine")
    because = f"\nno exact derivatives: {library_text(why)}" if why else ""
    narrow = options.get("no_float64")
    because += f"\nnot in float64: {library_text(narrow)}" if narrow else ""
    quantity, where = result.quantity, options.get("where")
    return (
        f"{printable(model.path)}: {data.events} events,"
        f" Σw = {data.sum_weight:.6g}, N_eff = {data.n_eff:.6g}\n"
        + (f"only events at which {printable(where, 200)}\n" if where else "")
        + f"{len(result.indices)} {quantity.nouns} of {counted(len(result.outputs), 'response')};"
        f" {quantity.mean}{link} per {units}\n"
        + (f"{grouped}\n" if grouped else "")
        + (f"{chosen}\n" if (chosen := pairs_words(result)) else "")
        + (f"{folds}\n" if (folds := folds_words(result)) else "")
        + (f"{steps(result)}\n" if quantity == FINITE_STEP else "")
        + f"{engine} in {precision} on {provider}{points}{because}{kinks}{within_reach(result)}"
        + (f"\n{check_line(result.check)}" if result.check is not None else "")
    )


def curvature(result: TaylorResult) -> str:
    """Returns how second order treats kinks, and why: nothing where there are none."""
    options, remark = result.options, result.quantity.remark
    reason = options.get("curvature_reason")
    because = f": {library_text(reason)}" if reason else ""
    if remark:
        told = dict(options.get("curvature_step") or {})
        whole, stays = told.get("whole") or [], dict(told.get("not_moved") or {})
        moved = f"\nby whole steps, inside the data's range: {join_names(whole)}" if whole else ""
        moved += f"\nnone by {join_names(list(stays))}: not stepped" if stays else ""
        return f"\nsecond order is {printable(remark, 80)}{because}{moved}"
    kinds = options.get("piecewise_linear") or {}
    if not isinstance(kinds, dict) or not kinds or options.get("order") == 1:
        return ""
    names = ", ".join(f"{printable(kind)} ×{printable(count)}" for kind, count in kinds.items())
    if options.get("order") == THIRD:
        return f"\nsecond and third order are pointwise: they do not see the kinks of {names}"
    if because:
        return f"\nsecond order is pointwise{because}"
    return f"\nsecond order is pointwise: it leaves out what bends at the kinks of {names}"


def within_reach(result: TaylorResult) -> str:
    """Returns the share of events with kinks within the stencil, along the worst feature."""
    kinks = [(f.kinks, f.name) for f in result.data.features if f.kinks]
    if not kinks:
        return ""
    share, name = max(kinks)
    return (
        f"\nkinks within reach of the stencil along {counted(len(kinks), 'feature')}, most along"
        f" {printable(name)}: at {100 * share:.2g} % of the events"
    )


def steps(result: TaylorResult) -> str:
    """Returns a few lines on finite steps: how far features move, and which ones do not."""
    moves = result.options.get("finite_step") or {}
    asked = dict(moves.get("asked") or {})
    usual = asked.pop("*", None)
    parts = [f"{printable(name)} by {printable(step)}" for name, step in asked.items()]
    text = ", ".join(
        parts + ([f"{'others' if parts else 'all'} by {printable(usual)}"] * bool(usual))
    )
    whole, fixed = moves.get("whole") or [], moves.get("not_moved") or {}
    reasons: dict[str, list[str]] = {}
    for name, why in fixed.items():
        reasons.setdefault(str(why), []).append(str(name))
    lines = [f"{FINITE_STEP.nouns} are no derivatives; steps: {text}"]
    if whole:
        lines.append(f"by whole steps, inside the data's range: {join_names(whole)}")
    lines += [
        f"not moved: {join_names(names)}: {library_text(why)}" for why, names in reasons.items()
    ]
    return "\n".join(lines)
