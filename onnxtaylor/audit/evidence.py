"""Evidence of an audit: model, data, coefficients, baseline, reference; each computed when needed.

A second model, the reference, is another ``Evidence`` over the same events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.audit.curvature import with_curvature_of
from onnxtaylor.audit.finding import Location
from onnxtaylor.audit.ranked import with_ranking_of
from onnxtaylor.crosscheck import Sample
from onnxtaylor.data import EventSource
from onnxtaylor.errors import OnnxTaylorError
from onnxtaylor.files.hashes import sha256_of
from onnxtaylor.files.names import tables_of
from onnxtaylor.gof.result import GoodnessOfFit
from onnxtaylor.graph import LoadedModel, read_model, stored_names
from onnxtaylor.graph.external import external_tensors
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.options.functions import read_keywords
from onnxtaylor.options.scale import scale_of
from onnxtaylor.problem import Problem
from onnxtaylor.problem.events import FEATURE_KEYS, open_data
from onnxtaylor.problem.unvarying import Unvarying
from onnxtaylor.progress import Progress
from onnxtaylor.results.mirror_images import mirror_images
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.run.analyze import Analysis, analyze_problem

__all__ = ["Evidence"]

Floats = npt.NDArray[np.float64]

IN_MEMORY = "array"  # where events come from that are in no file
EVALUATED = 4096  # events at which responses are looked at


@dataclass(frozen=True, eq=False)
class Evidence:
    """Files and options of one audit, and all numbers computed from them.

    ``options`` are the keywords of ``analyze``. ``files`` are names of data; other events, and
    files by class, are ``x``; ``opened`` is the problem where it was opened before.
    """

    path: Path
    files: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    baseline_paths: tuple[Path, ...] = ()
    reference_path: Path | None = None
    gof_path: Path | None = None
    progress: Progress | None = None
    role: str = "model"
    x: Any = None
    opened: Problem | None = None

    @property
    def model_file(self) -> Location:
        """Place that findings about the model point to."""
        return Location(self.role, str(self.path))

    @property
    def data_file(self) -> Location:
        """Place that findings about the data point to: the first file."""
        return Location("data", self.files[0] if self.files else IN_MEMORY)

    @property
    def events(self) -> Any:
        """Events of the analysis: the files, with their classes, or those in memory."""
        return list(self.files) if self.x is None else self.x

    def open(self) -> None:
        """Reads all files but the data. Raises OnnxTaylorError for what cannot be read."""
        _ = self.model, self.source
        _ = self.baselines
        if self.gof_path is not None:
            _ = self.gof

    @cached_property
    def model(self) -> LoadedModel:
        """The model as it is in the file. Raises ModelError."""
        return read_model(self.path) if self.opened is None else self.opened.model

    @cached_property
    def model_hashes(self) -> tuple[tuple[Location, str | None], ...]:
        """The model's file, the files of its external weights if it has some, and their SHA-256."""
        own = (self.model_file, self.model.sha256)
        tensors = external_tensors(onnx.load(self.path, load_external_data=False))
        entries = (e for tensor in tensors for e in tensor.external_data)
        beside = sorted({entry.value for entry in entries if entry.key == "location"})
        paths = [self.path.parent / name for name in beside]
        return (own, *((Location(self.role, str(path)), sha256_of(path)) for path in paths))

    @cached_property
    def data_hashes(self) -> tuple[tuple[Location, str | None], ...]:
        """The data's files and their SHA-256, which is None for data that are no file."""
        if not self.files:
            return ((self.data_file, None),)
        places = (one.place for one in tables_of(self.files))
        return tuple((Location("data", place), sha256_of(Path(place))) for place in places)

    @cached_property
    def option_groups(self) -> tuple[ModelOptions, DataOptions, EngineOptions, StatisticsOptions]:
        """The options, grouped by their subject. Raises OptionError."""
        return read_keywords(
            "audit", self.options, ModelOptions, DataOptions, EngineOptions, StatisticsOptions
        )

    @property
    def measure(self) -> tuple[str, str, str]:
        """Method, scale and link of the result, known before the analysis."""
        model, _, engine, statistics = self.option_groups
        method = "derivative" if engine.finite_step is None else "finite-step"
        return method, scale_of(engine, statistics), model.link

    @property
    def derivatives(self) -> bool:
        """Whether derivatives are analyzed, not responses to finite steps."""
        return self.option_groups[2].finite_step is None

    @cached_property
    def engine_options(self) -> EngineOptions:
        """Options of the engine, with second order as in the baseline where that is left open.

        Raises OptionError, and ResultError for a baseline that cannot be read.
        """
        options = self.option_groups[2]
        return with_curvature_of(options, self.baseline) if self.baselines else options

    @property
    def statistics_options(self) -> StatisticsOptions:
        """Options of the statistics, with what the baseline ranks where that is left open."""
        return with_ranking_of(self.option_groups[3], self.baselines)

    @cached_property
    def source(self) -> EventSource:
        """The events. Raises DataError."""
        if self.opened is not None:
            return self.opened.source
        model, data, _, statistics = self.option_groups
        return open_data(
            self.model,
            model,
            self.events,
            data,
            derivatives=self.derivatives,
            seed=statistics.seed,
            progress=self.progress,
        )

    @cached_property
    def problem(self) -> Problem:
        """The model on the events, opened once. Raises OnnxTaylorError."""
        if self.opened is not None:
            return self.opened
        model, data, engine, _ = self.option_groups
        return Problem.of_source(
            self.model,
            self.source,
            model,
            data,
            derivatives=self.derivatives,
            provider=engine.provider,
            progress=self.progress,
        )

    @property
    def result(self) -> TaylorResult:
        """The coefficients. Raises the OnnxTaylorError of ``analyze``, at every access."""
        return self._analysis[0].result

    @property
    def failure(self) -> OnnxTaylorError | None:
        """Reason why there are no coefficients; None where there are some."""
        return self._tried if isinstance(self._tried, OnnxTaylorError) else None

    @property
    def _analysis(self) -> tuple[Analysis, Sample]:
        if isinstance(self._tried, OnnxTaylorError):
            raise self._tried
        return self._tried

    @cached_property
    def _tried(self) -> tuple[Analysis, Sample] | OnnxTaylorError:
        """The analysis and a sample of its events, from one pass; or the error that it raised."""
        try:
            engine, statistics = self.engine_options, self.statistics_options
            drawn = Sample(self.problem.survey.events, EVALUATED, statistics.seed)
            analysis = analyze_problem(
                self.problem, engine, statistics, samples=[drawn], progress=self.progress
            )
        except OnnxTaylorError as error:
            return error
        return analysis, drawn

    @property
    def sample(self) -> Sample:
        """4096 events, drawn by the seed, or all where there are fewer."""
        return self._analysis[1]

    @cached_property
    def responses(self) -> Floats:
        """The model's responses (E, C) at the events of ``sample``."""
        x = self.sample.x
        parts = [self.problem.session(part) for part in np.array_split(x, -(-len(x) // 256))]
        return np.concatenate(parts).astype(np.float64)

    @cached_property
    def mirror_images(self) -> dict[str, str]:
        """Maps each response that mirrors an earlier one to the name of the earlier one."""
        return {} if self.failure is not None else mirror_images(self.result)

    @property
    def baseline_path(self) -> Path | None:
        """The file of the (first) baseline."""
        return self.baseline_paths[0] if self.baseline_paths else None

    @cached_property
    def baselines(self) -> tuple[TaylorResult, ...]:
        """The saved results of earlier analyses: one, or several of as many trainings.

        Raises ResultError.
        """
        return tuple(TaylorResult.load(path) for path in self.baseline_paths)

    @property
    def unvarying(self) -> Sequence[Unvarying]:
        """The responses that are the same at all events, or at all of a class."""
        return self._analysis[0].unvarying

    @property
    def baseline(self) -> TaylorResult:
        """The (first) saved result of an earlier analysis. Raises ResultError."""
        assert self.baselines, "the service asks for it first"
        return self.baselines[0]

    @property
    def baseline_file(self) -> Location:
        """Place that findings about the (first) baseline point to."""
        return Location("baseline", str(self.baseline_path))

    @cached_property
    def gof(self) -> GoodnessOfFit:
        """The saved goodness of fit of the inputs. Raises ResultError."""
        assert self.gof_path is not None, "the service asks for it first"
        return GoodnessOfFit.load(self.gof_path)

    @property
    def gof_file(self) -> Location:
        """Place that findings about the goodness of fit point to."""
        return Location("gof", str(self.gof_path))

    @cached_property
    def reference(self) -> Evidence:
        """The other model, over the same events and features.

        Its features are matched by name; a model without names takes them in the order of the first
        model.
        """
        assert self.reference_path is not None, "the service asks for it first"
        options = {**self.options, "check": 0, "bootstrap": 0}  # its scores are all that is asked
        options |= {name: getattr(self.statistics_options, name) for name in ("by", "reduce")}
        if self.failure is None and (curvature := self.result.options.get("curvature")):
            options["curvature"] = curvature
        if (names := self.source.feature_names) is not None:  # else nothing to choose them by
            stored = stored_names(read_model(self.reference_path).proto, FEATURE_KEYS)
            agree = stored is not None and set(stored) == set(names)
            options["feature_names"] = list(stored if agree and stored else names)
        if self.opened is not None and not self.files:  # a source has its columns and weights
            settled = DataOptions.__dataclass_fields__.keys() - {"missing"}
            options = {key: value for key, value in options.items() if key not in settled}
        return replace(
            self,
            path=self.reference_path,
            opened=None,
            options=options,
            baseline_paths=(),
            reference_path=None,
            gof_path=None,
            role="reference",
        )
