"""Tests whether the first axes of several inputs count the same events.

An exporter that knows no batch writes a jet's features as [1, F] and those of its tracks as
[n_tracks, F]: n_tracks counts no events, but the objects of one. They are recognized by a trial:
the model is run with more rows of one input than of another. Where it fails, the axes count the
same. Where it runs, an axis counts events only if each of its rows has a row of responses, and the
same responses as when the model gets that row alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import EndlessError, ModelError, ProbeError, printable
from onnxtaylor.graph import Choice, GraphFunction, LoadedModel, Port
from onnxtaylor.graph.function import DIGITS
from onnxtaylor.graph.layout import batch_of
from onnxtaylor.problem.own_inputs import OwnInputs
from onnxtaylor.problem.probes import are_close, with_displaced

__all__ = ["objects_hint", "require_events"]

FEWER, MORE = 2, 3  # rows of inputs that may count different things: a single one is broadcast

Array = npt.NDArray[Any]


def require_events(
    model: LoadedModel,
    choice: Choice,
    function: GraphFunction,
    x: npt.NDArray[np.float64],
    *,
    whole: bool = False,
) -> None:
    """Raises ProbeError where the first axis of an input does not count the events of another.

    x (B, n) are a few events. Inputs that share a symbol or size are tested by the probes instead.
    """
    ports = (*choice.features, *choice.context)
    fixed = [b for p in ports if isinstance(b := batch_of(p), int)]
    groups: dict[str, list[Port]] = {}
    for port in ports:
        if not isinstance(batch := batch_of(port), int):
            groups.setdefault(batch or "", []).append(port)
    if not groups or not (fixed or len(groups) > 1) or any(p.batch_axis != 0 for p in ports):
        return
    rows = with_displaced(x, whole=whole, context=function.n_context)
    asked = _Asked(OwnInputs(model, choice, x.shape[1]), rows)
    few = fixed[0] if fixed else FEWER
    more = few + MORE - FEWER
    apart: list[tuple[bool, Port]] = []  # whether the responses follow its rows, and the input
    for group in groups.values():
        names = [port.name for port in group]
        together = asked(few, names, slice(0, more))
        if not together:
            continue  # they count the same: of one input alone there are never more
        digits = min(function.digits, DIGITS["float32"]) if asked.single else function.digits
        if not fixed or not _each_alone(asked, few, names, together, digits):
            apart.append((all(r.shape[:1] == (more,) for r in together), group[0]))
    if apart:
        _, port = min(apart, key=lambda one: one[0])
        raise ProbeError(
            f"{printable(model.path)}: {_axis(port)} does not count events: the model takes {more}"
            f" of its rows with {few} of another input, as the tracks of a jet: if the inputs hold"
            " one event, use no_batch=True, and feed each event's rows as a list; else export the"
            " model with inputs [batch, …]"
        )


def _each_alone(
    asked: _Asked, few: int, names: Sequence[str], together: Sequence[Array], digits: int
) -> bool:
    """Whether each further row has a row of responses, the same as when it is evaluated alone."""
    count = few + MORE - FEWER
    alone = [asked(few, names, slice(k, k + few)) for k in range(count)]
    for place, responses in enumerate(together):
        rows = [answer[place][:1] for answer in alone if answer and answer[place].ndim]
        if len(rows) != count or responses.ndim == 0 or len(responses) != count:
            return False
        if not are_close(responses, np.concatenate(rows), digits):
            return False
    return True


class _Asked:
    """A model with its own inputs, run with any number of rows of each.

    ``x`` (B, n) are events for all inputs.
    """

    def __init__(self, own: OwnInputs, x: npt.NDArray[np.float64]) -> None:
        self.single, self._own, self._rows = own.single, own, own.arrays(x)

    def __call__(self, few: int, others: Sequence[str], taken: slice) -> list[Array]:
        """Runs the model on the first ``few`` rows of each input, on the rows ``taken`` of others.

        Empty where the model does not run with these.
        """
        feeds = {n: r[taken if n in others else slice(0, few)] for n, r in self._rows.items()}
        try:
            return self._own.run(feeds)
        except EndlessError:
            raise
        except ModelError:
            return []


def objects_hint(ports: Sequence[Port]) -> str:
    """Hint at another cause of a wrong number of response rows; it begins with a semicolon."""
    free = [port for port in ports if not isinstance(batch_of(port), int)]
    if not free:
        return ""
    return (
        f"; or, if {_axis(free[0])} counts the objects of one event, use no_batch=True, and feed"
        " each event's objects as a list"
    )


def _axis(port: Port) -> str:
    """Phrase for the first axis of an input: ``axis 0 of input 'tracks' [n_tracks, 5]``."""
    return f"axis 0 of input '{printable(port.name)}' {printable(port.shape_text)}"
