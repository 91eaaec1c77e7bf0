"""Quantity per which coefficients are given: it follows from the engine and the scale."""

from __future__ import annotations

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.options.engine import EngineOptions
from onnxtaylor.options.statistics import StatisticsOptions

__all__ = ["scale_of"]


def scale_of(engine: EngineOptions, statistics: StatisticsOptions) -> str:
    """Returns ``sigma`` or ``unit`` for derivatives, ``step`` for responses to finite steps.

    Raises OptionError for another scale than the default beside finite steps.

    >>> scale_of(EngineOptions(finite_step="0.5sigma"), StatisticsOptions())
    'step'
    """
    if engine.finite_step is None:
        return statistics.scale
    if statistics.scale != "sigma":
        raise OptionError(
            f"asks for responses to finite steps, scale={printable(statistics.scale)} for"
            " derivatives: leave one of them out",
            option="finite_step",
        )
    return "step"
