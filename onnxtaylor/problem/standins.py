"""Stand-ins for events, for work without data: to save derivatives, or to inspect a model.

A model of transverse momenta takes their logarithm, one of angles their arccosine: arbitrary random
numbers do not suit them. So several ranges are tried, and the first one is taken at which the model
runs and its responses are finite. If there is none, responses need not be finite.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from onnxtaylor.errors import EvaluationError, NotFiniteError
from onnxtaylor.graph import InputData, LoadedModel, input_ports
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.opening import OpenModel, open_model

__all__ = ["NOT_FINITE", "NO_DATA", "open_at_standins", "stand_ins"]

Floats = npt.NDArray[np.float64]

EVENTS = 8
NO_DATA = "no data were given: the model was probed at random numbers"
NOT_FINITE = f"{NO_DATA}, at which its responses are not finite: whether they are, data can tell"


def stand_ins(n: int) -> Iterator[Floats]:
    """Yields sets of 8 events of n features, the usual one first: all of one range.

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


def open_at_standins(
    model: LoadedModel,
    options: ModelOptions,
    n: int,
    context: int = 0,
    *,
    provider: str = "cpu",
    data: InputData | None = None,
) -> tuple[OpenModel, Floats, bool]:
    """Opens a model of n features at stand-ins for events; columns of context are 1, or else 0.

    Returns the open model, the stand-ins (8, n), and whether its responses are finite there. Raises
    as ``open_model`` does.
    """
    first: EvaluationError | None = None
    unfit: Floats | None = None
    texts = any(port.type == TensorProto.STRING for port in input_ports(model.proto.graph))
    values = (0.0,) if texts or not context else (1.0, 0.0)  # of texts there is only one
    held = [np.full((EVENTS, context), value) for value in values]
    for x in (np.hstack(pair) for pair in product(stand_ins(n), held)):
        try:
            return open_model(model, options, x, provider=provider, data=data), x, True
        except NotFiniteError:
            unfit = x if unfit is None else unfit
        except EvaluationError as error:
            first = first or error
    if unfit is None:
        assert first is not None
        raise type(first)(f"{first} ({NO_DATA})")
    opened = open_model(model, options, unfit, provider=provider, finite=False, data=data)
    return opened, unfit, False
