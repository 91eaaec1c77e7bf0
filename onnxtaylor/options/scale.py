"""The scale of coefficients (per σ, per unit, per step), by the engine and the options."""

from __future__ import annotations

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.options.engine import EngineOptions
from onnxtaylor.options.statistics import StatisticsOptions

__all__ = ["scale_of"]


def scale_of(engine: EngineOptions, statistics: StatisticsOptions) -> str:
    """Returns ``sigma`` or ``unit`` for derivatives, ``step`` for responses to finite steps.

    Raises OptionError for finite steps together with a scale other than the default.

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
