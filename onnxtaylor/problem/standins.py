"""Numbers in place of events, for what needs no data: to save derivatives, to look at a model.

A model of transverse momenta takes their logarithm, one of angles their arccosine: random numbers
are no features of theirs. So several ranges are tried, and the first one is taken at which the
model runs and its responses are finite. Where there is none, finiteness is not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import EvaluationError, NotFiniteError
from onnxtaylor.graph import LoadedModel, ModelRequest
from onnxtaylor.problem.opening import OpenModel, open_model

__all__ = ["NO_DATA", "OpenedAtStandins", "open_without_data", "stand_ins"]

Floats = npt.NDArray[np.float64]

EVENTS = 8
NO_DATA = "no data were given: the model was probed at random numbers"


@dataclass(frozen=True)
class OpenedAtStandins:
    """A model opened without data; ``x`` (8, n) are what stands for events, ``finite`` tells
    whether its responses are finite there.
    """

    opened: OpenModel
    x: Floats
    finite: bool

    @property
    def note(self) -> str:
        """What this means for the probes, in one line."""
        if self.finite:
            return NO_DATA
        return f"{NO_DATA}, at which its responses are not finite: whether they are, data can tell"


def stand_ins(n: int) -> Iterator[Floats]:
    """Sets of 8 events of n features, the usual one first: all of one range.

    Around 0, between 0 and 1 (logarithms, roots, arccosine), above 1 (arcosh), tens (a logarithm
    of a logarithm), falling from feature to feature (a mass from energy and momenta), 0 and 1
    (numbers of classes).
    """
    shape = (EVENTS, n)
    random = np.random.default_rng(0)
    yield random.normal(size=shape)
    yield random.uniform(0.1, 0.9, shape)
    yield random.uniform(1.1, 2.0, shape)
    yield random.uniform(10.0, 100.0, shape)
    yield random.uniform(1.0, 2.0, shape) / np.minimum(2.0 * np.arange(n) + 0.1, 1e3)
    yield random.integers(0, 2, shape).astype(np.float64)


def open_without_data(
    model: LoadedModel, request: ModelRequest, n: int, *, provider: str = "cpu"
) -> OpenedAtStandins:
    """Opens a model of n features at stand-ins for events. Raises as ``open_model`` does."""
    first: EvaluationError | None = None
    unfit: Floats | None = None
    for x in stand_ins(n):
        try:
            return OpenedAtStandins(open_model(model, request, x, provider=provider), x, True)
        except NotFiniteError:
            unfit = x if unfit is None else unfit
        except EvaluationError as error:
            first = first or error
    if unfit is None:
        assert first is not None
        raise type(first)(f"{first} ({NO_DATA})")
    opened = open_model(model, request, unfit, provider=provider, finite=False)
    return OpenedAtStandins(opened, unfit, False)
