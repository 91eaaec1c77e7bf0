"""Options about the engines: how coefficients are computed."""

from __future__ import annotations

from dataclasses import dataclass

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.options.declare import check_options, option
from onnxtaylor.options.finite_step import FiniteSteps, read_steps
from onnxtaylor.options.sizes import read_bytes

__all__ = [
    "ACCURACIES",
    "CURVATURES",
    "ENGINES",
    "MIXED",
    "PRECISIONS",
    "PROVIDERS",
    "EngineOptions",
]

ENGINES = ("auto", "exact", "differences")
PRECISIONS = ("auto", "float32", "float64")
PROVIDERS = ("auto", "cpu", "cuda")
CURVATURES = ("auto", "pointwise", "averaged")
ACCURACIES = (2, 4, 6)
MIXED = ("two", "four")
MAX_THREADS = 1024  # each has a session of its own


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Order of the coefficients, the engine that computes them, and how it runs.

    Raises OptionError for a value that is not among the choices, and for a finite step together
    with options that only derivatives have.
    """

    order: int = option(
        2,
        "Order of the Taylor coefficients: 1, 2 with all pairs, or 3 with all triples",
        choices=(1, 2, 3),
        metavar="N",
    )
    engine: str = option(
        "auto",
        "exact differentiates the graph, differences evaluates it at stencil points; auto takes"
        " exact wherever every operator has a rule",
        choices=ENGINES,
        metavar="NAME",
    )
    finite_step: FiniteSteps | None = option(
        None,
        "Responses to finite steps in place of derivatives, for trees, quantized and integer"
        " models: r_i = [f(x+d) − f(x−d)]/2 per step d, which is 0.5sigma or a number in units of"
        " the input. Whole numbers move by whole steps, one-hot groups stay",
        metavar="STEP",
    )
    curvature: str = option(
        "auto",
        "Second order at the events (pointwise), or its mean over a step, which counts what bends"
        " at kinks such as those of Relu (averaged); auto takes averaged where kinks matter on the"
        " data",
        choices=CURVATURES,
        metavar="NAME",
    )
    curvature_step: FiniteSteps = option(
        "0.7sigma",
        "Full width h of the steps of averaged second order, from x−h/2 to x+h/2: 0.7sigma, or a"
        " number in units of the input. Whole numbers move by whole steps, one-hot groups stay",
        metavar="STEP",
    )
    precision: str = option(
        "auto",
        "float64 evaluates the model in double precision, float32 in its own; auto takes double"
        " precision for differences, where the model allows it",
        choices=PRECISIONS,
        metavar="NAME",
    )
    accuracy: int | None = option(
        None,
        "Order of accuracy of the stencil: 2, 4 or 6 (differences; default: 6)",
        choices=ACCURACIES,
        metavar="N",
    )
    mixed: str = option(
        "two",
        "Corners per pair in the stencil: two, or four, which have less round-off for up to twice"
        " the evaluations (differences)",
        choices=MIXED,
        metavar="NAME",
    )
    batch_size: int | None = option(
        None,
        "Events at a time, of all threads together. Default: what suits the engine",
        minimum=1,
        metavar="N",
    )
    threads: int = option(
        0, "Threads; 0 takes all processors", minimum=0, maximum=MAX_THREADS, metavar="N"
    )
    memory: str | None = option(
        None,
        "Memory that the analysis may take, such as 4GiB or 500MB: fewer events at a time, then"
        " fewer threads, then blocks of features make it fit. Default: half of what is free",
        metavar="SIZE",
    )
    provider: str = option(
        "auto", "Device that evaluates the model", choices=PROVIDERS, metavar="NAME"
    )

    def __post_init__(self) -> None:
        check_options(self)
        read_bytes(self.memory)
        read_steps(self.curvature_step, "curvature_step")
        if self.curvature == "averaged" and self.order > 2:
            raise OptionError(
                "averaged is offered up to second order, third order is pointwise: use order=2 or"
                " leave it out",
                option="curvature",
            )
        if self.finite_step is not None:
            self._check_finite_step(self.finite_step)

    def _check_finite_step(self, step: FiniteSteps) -> None:
        """Refuses a wrong step, and options that only derivatives have."""
        read_steps(step)
        if self.order > 2:
            raise OptionError(
                "has responses of order 1 and 2: leave order=3 out", option="finite_step"
            )
        for name, usual in (
            ("engine", "auto"),
            ("curvature", "auto"),
            ("accuracy", None),
            ("precision", "auto"),
        ):
            value = getattr(self, name)
            if value != usual:
                raise OptionError(
                    f"asks for responses to finite steps, {name}={printable(value)} for"
                    " derivatives: leave one of them out",
                    option="finite_step",
                )
