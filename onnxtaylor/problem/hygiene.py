"""Signs in data and responses that a ranking cannot be trusted, searched before the analysis.

==============  ==================================================================================
``constant``    a feature has one value only, or σ = 0: nothing in the data varies along it
``empty``       a feature is missing in every event
``sentinel``    a value far from all others, at many events, such as −999: a missing entry?
``range``       the steps of a feature leave the range of its data at many events
``saturated``   a probability is 0 or 1 at many events: its logit would vary more
``joint``       many events lie exactly where the response has a kink, or jumps
``weights``     few events carry nearly all of the weight: N_eff = (Σw)² / Σw² is small; or weights
                of both signs cancel, so that Σw is mostly round-off
``deployed``    onnxruntime's default options change the model's function
``batch``       an event's response depends on its batch: events are evaluated one at a time
==============  ==================================================================================

How often something happens is estimated on the survey's sample of events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.data import Survey
from onnxtaylor.data.values import is_missing
from onnxtaylor.errors import join_names, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.problem.problem import Problem
from onnxtaylor.results.taylor import Notice

__all__ = [
    "inspect",
    "inspect_data",
    "inspect_joints",
    "inspect_responses",
    "inspect_steps",
    "sentinels",
]

Floats = npt.NDArray[np.float64]

MANY = 0.1  # share of the events that are saturated
LEAVING = 0.2  # share of the events at which a step leaves the range
REPEATED = (5, 0.005)  # a sentinel occurs so often, and at such a share of the events
FAR = 5.0  # σ of all other values, between them and a sentinel
NEAR = 3.0  # the same, for a number that people take for sentinels
DISTINCT = 8  # values that a column needs to have, else each of them may stand alone
MARGIN = 0.01  # of a feature's range, by which a step may leave it
SATURATED = 1e-6
FEW = 0.1  # N_eff per event
EPSILON = 2.0**-52
ROUNDED = 1e-6  # share of Σw that is round-off
ON_JOINT = 0.01  # share of the events
EVALUATED = 256  # events of the sample

PASSING = frozenset({"Identity", "Cast", "Flatten", "Reshape", "Squeeze", "Gather", "Slice"})


def inspect(problem: Problem, scale: str, reach: Floats | None) -> list[Notice]:
    """Finds suspicious signs in data and responses before an analysis runs.

    ``scale`` is that of the coefficients: ``sigma``, ``unit``, or ``step`` of finite steps;
    ``reach`` (n,) the largest displacement of each feature by the engine, None where it moves none.
    """
    survey, names, missing = problem.survey, problem.feature_names, problem.missing
    padded = problem.slots.padded(survey.sample) if problem.slots else None
    notices = [*problem.notices, *inspect_data(survey, names, missing, scale, padded)]
    if reach is not None:
        notices += inspect_steps(survey, names, missing, reach, padded)
    return notices + inspect_responses(
        survey, problem.function, problem.response_names, problem.session
    )


def inspect_data(
    survey: Survey,
    names: Sequence[str],
    missing: float | Floats | None,
    scale: str,
    padded: npt.NDArray[np.bool_] | None = None,
) -> list[Notice]:
    """Finds constant and empty features, sentinels, and weights of few events.

    ``padded`` are entries of the sample in padded slots, which are no data.
    """
    notices = []
    present = ~is_missing(survey.sample, missing)
    if padded is not None:
        present &= ~padded
    vanish = ", so all of its coefficients are 0 per σ" if scale == "sigma" else ""
    for i, name in enumerate(names):
        if survey.missing[i] == survey.events:
            notices.append(_notice("empty", name, "is missing in every event"))
        elif survey.min[i] == survey.max[i]:
            text = f"is constant ({survey.min[i]:g}): the data do not vary along it{vanish}"
            notices.append(_notice("constant", name, text))
        elif scale == "sigma" and not survey.std[i] > 0:
            text = (
                f"has σ = 0, so all of its coefficients are 0 per σ: between {survey.min[i]:g} and"
                f" {survey.max[i]:g} it varies only at events without weight, or too little for σ²"
            )
            notices.append(_notice("constant", name, text))
        else:
            values = survey.sample[present[:, i], i]
            for value, share in sentinels(values):
                text = (
                    f"has {value:.10g} at {share:.0%} of the events, far from all other values: if"
                    f" it stands for a missing entry, set missing={value:.10g}"
                )
                notices.append(_notice("sentinel", name, text))
    n_eff = survey.sum_weight**2 / survey.sum_weight2
    if n_eff < FEW * survey.events:
        text = (
            f"the weights leave N_eff = {n_eff:.3g} of {survey.events} events: errors are as large"
            " as for so few"
        )
        notices.append(Notice("weights", None, text))
    return notices + _cancelling(survey)


def _cancelling(survey: Survey) -> list[Notice]:
    """Finds groups of events whose weights, of both signs, leave a sum that is mostly round-off.

    Sums round by about ε √(N Σw²), which is at least ε Σ abs(w); so much of Σw is not known.
    """
    groups = {"all events": (survey.events, survey.sum_weight, survey.sum_weight2)}
    groups |= {f"class '{printable(name)}'": c for name, c in survey.classes.items()}
    notices = []
    for name, (events, total, squares) in groups.items():
        size = np.sqrt(events * squares)
        if 0 < total * ROUNDED < EPSILON * size:
            text = (
                f"the weights of {name} are of both signs and cancel: Σw = {total:.3g} is left of"
                f" weights whose sizes add up to about {size:.3g}, so round-off alone changes ⟨t⟩"
                f" by about {min(EPSILON * size / total, 1.0):.1g} of its value"
            )
            notices.append(Notice("weights", None, text))
    return notices


def sentinels(values: Floats) -> list[tuple[float, float]]:
    """Finds values that occur often, lie beyond all others and far from them, and their shares.

    ``values`` (S,) are those of one feature. A value is far if there are 5 σ of the others between
    it and them, and they have 8 distinct values at least. Of numbers all of nines (99, −999, …) 3 σ
    from any others will do, or a minus before one where no other is negative. −1 again and again
    below a quantity of fractions that is never negative is far, too.

    >>> sentinels(np.array([-999.0] * 10 + [0.5, 1.5, 2.5, 1.0, 2.0] * 4))
    [(-999.0, 0.3333333333333333)]
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) < 2:
        return []
    many = counts >= max(REPEATED[0], REPEATED[1] * len(values))
    usual = many.copy()
    usual[many] = [_all_nines(v) for v in distinct[many]]
    first, last = 0, len(distinct)
    while first < last and usual[first]:
        first += 1
    while last > first and usual[last - 1]:
        last -= 1
    marked = [*range(first), *range(last, len(distinct))]
    limit = NEAR
    if not marked and len(distinct) > DISTINCT:
        marked, limit = [end for end in (0, len(distinct) - 1) if many[end]], FAR
    answer = []
    for k in marked:
        others = np.delete(distinct, marked if limit == NEAR else k)
        if not len(others):
            continue
        inside = values[(values >= others[0]) & (values <= others[-1])]
        gap = max(others[0] - distinct[k], distinct[k] - others[-1])
        alone = distinct[k] < 0 <= others[0] and (limit == NEAR or _is_minus_one(distinct, counts))
        if alone or gap > limit * inside.std():
            answer.append((float(distinct[k]), float(counts[k] / len(values))))
    return answer


def _all_nines(value: float) -> bool:
    """Whether a value is 99, −999, 9999.0, … up to 18 nines."""
    text = f"{abs(value):.0f}"
    return bool(value == np.rint(value)) and 2 <= len(text) <= 18 and set(text) == {"9"}


def _is_minus_one(distinct: Floats, counts: npt.NDArray[np.int64]) -> bool:
    """Whether the least value is −1, ten times as frequent as others, which are fractions ≥ 0."""
    others, often = distinct[1:], counts[1:]
    fractions = bool((others != np.rint(others)).any())
    return bool(distinct[0] == -1 and fractions and counts[0] >= 10 * np.median(often))


def inspect_steps(
    survey: Survey,
    names: Sequence[str],
    missing: float | Floats | None,
    reach: Floats,
    padded: npt.NDArray[np.bool_] | None = None,
) -> list[Notice]:
    """Finds features whose largest displacements ``reach`` (n,) leave their range at many events.

    Displacements beyond the range by up to 1 % of it are ignored, as are entries of the sample in
    ``padded`` slots.
    """
    x, margin = survey.sample, MARGIN * (survey.max - survey.min)
    low, high = survey.min - margin, survey.max + margin
    with np.errstate(invalid="ignore"):
        leaves = ((x - reach < low) | (x + reach > high)) & ~is_missing(x, missing)
    if padded is not None:
        leaves &= ~padded
    share = leaves.sum(axis=0) / max(1, len(x))
    return [
        _notice(
            "range",
            names[i],
            f"is moved by up to {reach[i]:.3g}, out of the data's range ({survey.min[i]:.6g} …"
            f" {survey.max[i]:.6g}) at {share[i]:.0%} of the events",
        )
        for i in np.flatnonzero((share > LEAVING) & (survey.min < survey.max)).tolist()
    ]


def inspect_responses(
    survey: Survey,
    function: GraphFunction,
    names: Sequence[str],
    evaluate: Callable[[Floats], npt.NDArray[np.floating]],
) -> list[Notice]:
    """Finds probabilities within 10⁻⁶ of 0 or 1 at many events.

    ``evaluate`` maps events (B, n) to responses (B, C).
    """
    if function.link != "identity" or not _is_probability(function.proto.graph):
        return []
    responses = np.asarray(evaluate(survey.sample[:EVALUATED]), np.float64)
    share = (np.minimum(responses, 1 - responses) < SATURATED).mean(axis=0)
    return [
        Notice(
            "saturated",
            None,
            f"response '{printable(names[c])}' is within {SATURATED:g} of 0 or 1 at"
            f" {share[c]:.0%} of the events, where it hardly varies: are the inputs scaled as in"
            ' training? If they are, use link="logit"',
        )
        for c in np.flatnonzero(share > MANY).tolist()
    ]


def inspect_joints(joints: Floats, events: int, names: Sequence[str]) -> list[Notice]:
    """Finds features by which no derivative exists at many events, ``joints`` (n,) of them."""
    many = [i for i in np.argsort(-joints, kind="stable").tolist() if joints[i] > ON_JOINT * events]
    if not many:
        return []
    share = joints[many[0]] / events
    which = join_names([names[i] for i in many])
    return [
        Notice(
            "joint",
            names[many[0]] if len(many) == 1 else None,
            f"at up to {share:.0%} of the events the response or its slope jumps exactly where the"
            f" event is: first or second derivatives by {which} do not exist there, and those of"
            " one side are taken: leave these events out, or analyze with finite_step=…",
        )
    ]


def _is_probability(graph: onnx.GraphProto) -> bool:
    """Whether all responses come out of a sigmoid or softmax."""
    makers = {name: node for node in graph.node for name in node.output}

    def behind(name: str) -> Iterator[onnx.NodeProto | None]:
        node = makers.get(name)
        if node is not None and node.op_type == "Concat":
            for source in node.input:
                yield from behind(source)
        elif node is not None and node.op_type in PASSING:
            yield from behind(node.input[0])
        else:
            yield node

    return all(node is not None and _squashes(node) for node in behind(graph.output[0].name))


def _squashes(node: onnx.NodeProto) -> bool:
    final = {a.name: a.s for a in node.attribute}.get("post_transform", b"")
    return node.op_type in ("Sigmoid", "Softmax") or final in (b"LOGISTIC", b"SOFTMAX")


def _notice(code: str, feature: str, text: str) -> Notice:
    return Notice(code, feature, f"feature '{printable(feature)}' {text}")
