"""What an analysis can be asked for: how coefficients are computed, and of which events."""

from __future__ import annotations

import os
from dataclasses import dataclass

from onnxtaylor.engine.differences.stencil import ACCURACIES, MIXED
from onnxtaylor.engine.finite_step.moves import FiniteSteps, read_steps
from onnxtaylor.errors import OptionError, listed, printable
from onnxtaylor.indices import check_order

__all__ = ["ENGINES", "PRECISIONS", "SCALES", "AnalysisOptions", "DataRequest"]

ENGINES = ("auto", "exact", "differences")
PRECISIONS = ("auto", "float32", "float64")
SCALES = ("sigma", "unit")
MAX_THREADS = 1024


@dataclass(frozen=True)
class AnalysisOptions:
    """How coefficients are computed and summed; see ``analyze`` for the meaning of each."""

    order: int = 2
    engine: str = "auto"
    precision: str = "auto"
    link: str = "identity"
    scale: str = "sigma"
    accuracy: int | None = None
    mixed: str = "two"
    bootstrap: int | None = None
    seed: int = 0
    missing: float | None = None
    batch_size: int | None = None
    threads: int = 0
    provider: str = "auto"
    resume: str | os.PathLike[str] | None = None
    finite_step: FiniteSteps | None = None
    check: int = 64
    per_class: bool = False

    def __post_init__(self) -> None:
        check_order(self.order)
        if self.engine not in ENGINES:
            raise OptionError(
                f"engine '{printable(self.engine)}' is not offered: {listed(ENGINES)}"
            )
        if self.precision not in PRECISIONS:
            raise OptionError(
                f"precision '{printable(self.precision)}' is not offered: {listed(PRECISIONS)}"
            )
        if self.scale not in SCALES:
            raise OptionError(f"scale '{printable(self.scale)}' is not offered: {listed(SCALES)}")
        least_of = {"bootstrap": 0, "seed": 0, "batch_size": 1, "threads": 0, "check": 0}
        for name, least in least_of.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise OptionError(f"{name} {value}: {least} is the least")
        if self.accuracy not in (None, *ACCURACIES):
            raise OptionError(
                f"accuracy {self.accuracy} is not offered: {listed(list(map(str, ACCURACIES)))}"
            )
        if self.mixed not in MIXED:
            raise OptionError(f"mixed '{printable(self.mixed)}' is not offered: {listed(MIXED)}")
        if self.threads > MAX_THREADS:
            raise OptionError(f"threads {self.threads}: {MAX_THREADS} is the most")
        if self.seed >= 2**63:
            raise OptionError(f"seed {self.seed}: it must be below 2⁶³")
        if self.finite_step is not None:
            self._check_finite_step(self.finite_step)

    @property
    def per(self) -> str:
        """What coefficients are told per: ``sigma`` or ``unit``; ``step`` of finite steps."""
        return self.scale if self.finite_step is None else "step"

    def _check_finite_step(self, step: FiniteSteps) -> None:
        """Raises OptionError for a step that is none, and for what only derivatives have."""
        read_steps(step)
        if self.order > 2:
            raise OptionError("--finite-step has responses of order 1 and 2: leave --order 3 out")
        usual = {"engine": "auto", "scale": "sigma", "accuracy": None, "precision": "auto"}
        for name in usual:
            if getattr(self, name) != usual[name]:
                raise OptionError(
                    f"--{name} {printable(getattr(self, name))} is for derivatives, --finite-step"
                    " asks for responses to finite steps: leave one of them out"
                )


@dataclass(frozen=True)
class DataRequest:
    """Which columns and events are taken; arrays have no columns, files and frames have."""

    features: tuple[str, ...] | None = None
    label: str | None = None
    weight: str | None = None
    exclude: tuple[str, ...] = ()
    events: int | None = None
    sample: int | None = None
