"""onnxruntime: which provider, how many threads, and calls into bound buffers."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.errors import (
    EvaluationError,
    ModelError,
    OptionError,
    ProbeError,
    RuntimeMissingError,
    printable,
)
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.semantics import KEPT, as_written, distorting

__all__ = [
    "PROVIDERS",
    "Session",
    "available_threads",
    "choose_provider",
    "launch",
    "start",
    "varying_width",
]

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

UNKNOWN_OPERATOR = (
    r"Fatal error: (?P<domain>\S*):(?P<kind>\S+?)\(-?\d+\) is not a registered function/op",
    r'\("[^"]*", (?P<kind>[^,]+), "(?P<domain>[^"]*)", -?\d+\).*No opset import for domain',
    r'\("[^"]*", (?P<kind>[^,]+), "(?P<domain>[^"]*)", -?\d+\).*No Op registered for \S+ with'
    r" domain_version of (?P<version>\d+)",
)
UNKNOWN_KERNEL = (
    r"Could not find an implementation for (?P<kind>[^ (]+)\(\d+\) node with name '(.*)'"
)
# of a buffer of responses, whose last axis is theirs
OTHER_SHAPE = (
    r"has shape \{[\d,]*?(\d+)\} but the computed output shape for this run is \{[\d,]*?(\d+)\}"
)


def available_threads() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def runtime() -> Any:
    """The onnxruntime module, quiet: what goes wrong comes as exceptions, not as log lines.

    Raises RuntimeMissingError where neither wheel is installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeMissingError(
            "onnxruntime is not installed: pip install onnxruntime-gpu (the extra [gpu], also for"
            f" machines without a GPU) or onnxruntime (the extra [cpu]) [{printable(error)}]"
        ) from None
    onnxruntime.set_default_logger_severity(4)
    return onnxruntime


def choose_provider(wanted: str) -> str:
    """``cpu`` or ``cuda`` for ``auto``, ``cpu`` or ``cuda``.

    ``auto`` takes CUDA where onnxruntime was built with it and a device answers. Raises
    OptionError where CUDA is asked for and is not to be had.
    """
    if wanted not in ("auto", *PROVIDERS):
        raise OptionError(f"provider '{printable(wanted)}' is not offered: auto, cpu, cuda")
    if wanted == "cpu":
        return "cpu"
    built = PROVIDERS["cuda"] in runtime().get_available_providers()
    if built and _cuda_devices() > 0:
        if hasattr(runtime(), "preload_dlls"):
            runtime().preload_dlls()
        return "cuda"
    if wanted == "auto":
        return "cpu"
    why = "no CUDA device answers" if built else "the installed onnxruntime has no CUDA provider"
    raise OptionError(f"--provider cuda: {why}: use --provider cpu, or install onnxruntime-gpu")


def _cuda_devices() -> int:
    """Asks the driver itself: onnxruntime-gpu lists its CUDA provider on any machine."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def start(
    proto: onnx.ModelProto,
    *,
    provider: str = "cpu",
    threads: int = 0,
    without: Sequence[str] = (),
    plain: bool = False,
) -> Any:
    """An onnxruntime session that computes what the graph says; 0 threads are all.

    ``without`` are optimizers to be left out beside those that would make another function of it; a
    ``plain`` session leaves out all. Raises ModelError, in one line, where onnxruntime cannot load
    the graph, OptionError where CUDA does not start.
    """
    return launch(
        as_written(proto),
        provider=provider,
        threads=threads,
        entries=KEPT,
        without=[*without, *distorting(proto)],
        plain=plain,
    )


def launch(
    proto: onnx.ModelProto,
    *,
    provider: str,
    threads: int,
    entries: Mapping[str, str],
    without: Sequence[str] = (),
    plain: bool = False,
) -> Any:
    """A session with these configuration ``entries``; raises as ``start`` does.

    Without any it computes what a program does that loads the file and says nothing more.
    """
    module = runtime()
    options = module.SessionOptions()
    options.intra_op_num_threads = threads or available_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # idle threads must not take the processors from the kernels and sums between two calls
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    if plain:
        options.graph_optimization_level = module.GraphOptimizationLevel.ORT_DISABLE_ALL
    providers: list[Any] = [PROVIDERS["cpu"]]
    if provider == "cuda":
        # TF32 products would keep 10 of single precision's 23 bits
        providers.insert(0, (PROVIDERS["cuda"], {"use_tf32": "0"}))
    try:
        session = module.InferenceSession(
            proto.SerializeToString(),
            options,
            providers=providers,
            disabled_optimizers=list(without),
            enable_fallback=False,  # it would print on stdout before it tries again
        )
    except Exception as error:  # onnxruntime raises many types without a common base
        raise ModelError(f"onnxruntime cannot load the model: {reason(error)}") from None
    if provider == "cuda" and PROVIDERS["cuda"] not in session.get_providers():
        raise OptionError("onnxruntime could not start its CUDA provider: use --provider cpu")
    return session


class Session:
    """A GraphFunction that can be called on rows of features.

    It computes what the graph says. With ``entries`` of its own it is a session as others would
    start it, which may be another function: see ``engine.semantics``. Raises ModelError, in one
    line, where onnxruntime cannot load or run the graph, ProbeError where it does not answer with
    one row per event.
    """

    def __init__(
        self,
        function: GraphFunction,
        *,
        provider: str = "cpu",
        threads: int = 0,
        entries: Mapping[str, str] | None = None,
    ) -> None:
        kind: dict[str, Any] = {"provider": provider, "threads": threads, "plain": function.plain}
        if entries is None:
            self._session = start(function.proto, without=_dropping(function), **kind)
        else:
            self._session = launch(function.proto, entries=entries, **kind)
        self.function = function
        self.provider = provider
        self._width: int | None = None  # responses of an event, once it has been called

    def __call__(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Responses (R, C) at the rows (R, n), cast to the format of the graph."""
        with np.errstate(over="ignore"):  # stand-ins beside the largest number of the format
            rows = np.ascontiguousarray(rows, dtype=self.function.dtype)
        batch = self.function.fixed_batch
        if not batch:
            return self._run(rows)
        # a graph that insists on its batch gets it; the last one is filled up with its last row
        filled = np.concatenate((rows, np.repeat(rows[-1:], -len(rows) % batch, axis=0)))
        answers = [self._run(filled[k : k + batch]) for k in range(0, len(filled), batch)]
        return np.concatenate(answers)[: len(rows)]

    def _run(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        try:
            answer = self._session.run([self.function.response], {self.function.feed: rows})[0]
        except Exception as error:
            why = reason(error)
            raise EvaluationError(f"the model fails on {len(rows)} events: {why}") from None
        if answer.ndim != 2 or len(answer) != len(rows):
            raise ProbeError(
                f"output {', '.join(map(printable, self.function.outputs))} has shape"
                f" {list(answer.shape)} for {len(rows)} events: its first axis is not the batch;"
                " choose another with --output"
            )
        if self._width not in (None, answer.shape[1]):
            raise varying_width(self.function, f"{self._width} and {answer.shape[1]}")
        self._width = answer.shape[1]
        return np.asarray(answer)

    def bind(self, rows: npt.NDArray[Any], responses: npt.NDArray[Any]) -> BoundCall:
        """A call from one buffer into another, without a copy on the CPU."""
        return BoundCall(self, self._session, rows, responses)


def varying_width(function: GraphFunction, counts: str) -> ProbeError:
    """The error for an output whose number of responses is not the same for all events."""
    return ProbeError(
        f"output {', '.join(map(printable, function.outputs))} has {counts} responses, depending on"
        " the event: each event needs the same number; choose another with --output"
    )


def _dropping(function: GraphFunction) -> list[str]:
    """The optimizer that would take the randomness out of a random function.

    onnxruntime drops every Dropout inside a graph, even one that is asked to drop: a model left in
    training mode would pass for another one that is not.
    """
    nodes = function.proto.graph.node
    random = any(n.op_type == "Dropout" and len(n.input) > 2 and n.input[2] for n in nodes)
    return ["EliminateDropout"] if random else []


class BoundCall:
    """Evaluates the rows of a fixed buffer (R, n) into a fixed buffer (R, C), again and again."""

    def __init__(
        self,
        session: Session,
        raw: Any,
        rows: npt.NDArray[Any],
        responses: npt.NDArray[Any],
    ) -> None:
        self._raw, self._feed, self._function = raw, session.function.feed, session.function
        batch = session.function.fixed_batch or len(rows)
        whole = len(rows) // batch * batch
        places = [slice(k, k + batch) for k in range(0, whole, batch)]
        pieces = [(rows[place], responses[place]) for place in places]
        # a graph that insists on its batch gets the last rows filled up in buffers of their own
        self._rest = (rows[whole:], responses[whole:])
        self._filled = [np.zeros((batch, part.shape[1]), part.dtype) for part in self._rest]
        if whole < len(rows):
            pieces.append((self._filled[0], self._filled[1]))
        self._bindings = []
        for piece, target in pieces:
            binding = raw.io_binding()
            if session.provider == "cpu":
                _bind(binding.bind_input, self._feed, piece)
            _bind(binding.bind_output, session.function.response, target)
            self._bindings.append((binding, piece))
        self._copies = session.provider != "cpu"

    def __call__(self) -> None:
        """Fills the responses. Raises ModelError where the model fails."""
        rest, count = self._rest, len(self._rest[0])
        if count:
            self._filled[0][:count] = rest[0]
            self._filled[0][count:] = rest[0][-1]
        try:
            for binding, piece in self._bindings:
                if self._copies:
                    binding.bind_cpu_input(self._feed, piece)
                self._raw.run_with_iobinding(binding)
        except Exception as error:
            if sizes := re.search(OTHER_SHAPE, str(error)):
                raise varying_width(self._function, f"{sizes[1]} and {sizes[2]}") from None
            raise ModelError(f"the model fails: {reason(error)}") from None
        if count:
            rest[1][:] = self._filled[1][:count]


def _bind(method: Any, name: str, buffer: npt.NDArray[Any]) -> None:
    method(name, "cpu", 0, buffer.dtype.type, buffer.shape, buffer.ctypes.data)


def reason(error: BaseException) -> str:
    """onnxruntime's message in one line, without the place in its sources, and what to do."""
    if isinstance(error, UnicodeDecodeError):  # of its own message about a damaged name
        return "the model file is damaged: copy or export it again"
    text = " ".join(str(error).split())
    parts: Sequence[str] = text.split(" : ")
    if text.startswith("[ONNXRuntimeError]") and len(parts) > 3:
        text = " : ".join(parts[3:])
    text = re.sub(r"/\S+\.(?:cc|h|cu):\d+ [^(]*\([^)]*\)(?: const)?,? ", "", text)
    for pattern in UNKNOWN_OPERATOR:
        if found := re.search(pattern, text):
            names = found.groupdict()
            domain = names.get("domain") or "ai.onnx"
            version = f" {names['version']}" if "version" in names else ""
            return (
                f"it has no operator '{printable(names['kind'])}' in domain"
                f" '{printable(domain)}'{version}, and libraries of custom operators are not"
                " loaded: export the model with standard operators"
            )
    if found := re.search(UNKNOWN_KERNEL, text):
        return (
            f"it does not compute '{printable(found[1])}' (node '{printable(found[2])}') in the"
            " number format of this model: export the model in float32"
        )
    return printable(text, limit=300)
