"""onnxruntime sessions: a graph that can be called, with its threads and bound buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.errors import EvaluationError, ModelError, OptionError, ProbeError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.bound import BoundCall, varying_width
from onnxtaylor.runtime.bounded import TimeLimit
from onnxtaylor.runtime.provider import PROVIDERS, available_threads, import_onnxruntime
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.semantics import FAITHFUL_ENTRIES, as_written, distorting_optimizers
from onnxtaylor.runtime.whole_products import exact_products
from onnxtaylor.supervision.work import allow_gpu, at_work

__all__ = ["BoundCall", "Evaluator", "Session", "is_optimized", "launch", "start", "varying_width"]

# nodes of a graph from which on onnxruntime takes seconds to plan its memory, and to optimize it
SOME_NODES, MANY_NODES = 500, 5000
# that take memory which no plan foresees: layouts for convolutions are copies, and all slices of a
# tensor, made at once, are as large as it
WASTEFUL = ("NchwcTransformer", "GatherSliceToSplitFusion")


def start(
    proto: onnx.ModelProto,
    *,
    provider: str = "cpu",
    threads: int = 0,
    without: Sequence[str] = (),
    plain: bool = False,
    lean: bool = False,
) -> Any:
    """Starts an onnxruntime session that computes what the graph says.

    Parameters
    ----------
    proto
        The model.
    provider
        ``cpu`` or ``cuda``.
    threads
        Threads inside the session; 0 takes one for each processor.
    without
        Optimizers of onnxruntime to be left out, besides those that would change the function.
    plain
        Leaves out all optimizers.
    lean
        Returns memory after each tensor's last use, in place of keeping it for the next run.

    Raises
    ------
    ModelError
        onnxruntime cannot load the graph; the message is one line.
    OptionError
        CUDA does not start.
    """
    proto = as_written(proto)
    return launch(
        exact_products(proto) if provider == "cpu" else proto,
        provider=provider,
        threads=threads,
        entries=FAITHFUL_ENTRIES,
        without=[*without, *distorting_optimizers(proto), *(WASTEFUL if lean else ())],
        plain=plain or not is_optimized(proto),
        lean=lean,
    )


def is_optimized(proto: onnx.ModelProto) -> bool:
    """Whether sessions of a graph are optimized, where nothing else is asked for."""
    return len(proto.graph.node) <= MANY_NODES


def launch(
    proto: onnx.ModelProto,
    *,
    provider: str,
    threads: int,
    entries: Mapping[str, str],
    without: Sequence[str] = (),
    plain: bool = False,
    lean: bool = False,
) -> Any:
    """Starts a session with these configuration ``entries``; parameters and errors as ``start``.

    Without entries it runs with onnxruntime's default options, as in most programs.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or available_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # a pattern of one size of batch is memory besides what the first run took, and no faster
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = not lean
    # the search for a tensor to be overwritten takes the square of the number of nodes
    options.enable_mem_reuse = len(proto.graph.node) <= SOME_NODES
    # idle threads must not take the processors from the kernels and sums between two calls
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    if plain:
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
    providers: list[Any] = [PROVIDERS["cpu"]]
    if provider == "cuda":
        allow_gpu()
        # TF32 products would keep 10 of single precision's 23 bits
        providers.insert(0, (PROVIDERS["cuda"], {"use_tf32": "0"}))
    try:
        with at_work("onnxruntime loads the model"):
            session = onnxruntime.InferenceSession(
                proto.SerializeToString(),
                options,
                providers=providers,
                disabled_optimizers=list(without),
                enable_fallback=False,  # it would print on stdout before it tries again
            )
    except Exception as error:  # onnxruntime raises many types without a common base
        raise ModelError(f"onnxruntime cannot load the model: {reason(error)}") from None
    if provider == "cuda" and PROVIDERS["cuda"] not in session.get_providers():
        raise OptionError(
            'cuda cannot be used, since onnxruntime cannot start it here: use provider="cpu"',
            option="provider",
        )
    return session


class Evaluator(Protocol):
    """A function that can be called on rows of features, as a ``Session`` is one."""

    function: GraphFunction
    provider: str

    def __call__(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns the responses (R, C) at the rows (R, n). Raises ModelError."""

    def bind(self, rows: npt.NDArray[Any], responses: npt.NDArray[Any]) -> Callable[[], None]:
        """Returns a call that fills responses (R, C) from rows (R, n), buffers of its format."""


class Session:
    """A GraphFunction that can be called on rows of features.

    It computes exactly the graph, unless it gets other configuration entries.

    Parameters
    ----------
    function
        f: Rⁿ → R^C as a graph.
    provider
        ``cpu`` or ``cuda``.
    threads
        Threads inside the session; 0 takes one for each processor.
    entries
        Configuration entries of onnxruntime, in place of those that make it compute exactly the
        graph. An empty mapping gives onnxruntime's default options, under which it may compute
        another function: see ``onnxtaylor.runtime.semantics``.

    Raises
    ------
    ModelError
        onnxruntime cannot load the graph, or, as EvaluationError, cannot run it on some rows.
    ProbeError
        A call does not answer with one row of equal width for each event, or, as EndlessError,
        not in time.
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
            self._session = start(function.proto, without=_derandomizers(function), **kind)
        else:
            self._session = launch(function.proto, entries=entries, **kind)
        self.function = function
        self.provider = provider
        self.limit = TimeLimit(function.proto)
        self._width: int | None = None  # responses of an event, once it has been called

    def __call__(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns the responses (R, C) at the rows (R, n), which are cast to the graph's format."""
        with np.errstate(over="ignore"):  # events may be stand-ins near the format's largest number
            rows = np.ascontiguousarray(rows, dtype=self.function.dtype)
        batch = self.function.fixed_batch
        if not batch:
            return self._run(rows)
        # a graph of fixed batch size gets batches of that size, the last one filled up
        filled = np.concatenate((rows, np.repeat(rows[-1:], -len(rows) % batch, axis=0)))
        answers = [self._run(filled[k : k + batch]) for k in range(0, len(filled), batch)]
        return np.concatenate(answers)[: len(rows)]

    def _run(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        names, feeds = [self.function.response], {self.function.feed: rows}
        with self.limit.watch(len(rows)) as options:
            try:
                answer = self._session.run(names, feeds, options)[0]
            except Exception as error:
                why = reason(error)
                raise EvaluationError(f"the model fails on {len(rows)} events: {why}") from None
        if answer.ndim != 2 or len(answer) != len(rows):
            raise ProbeError(
                f"output {', '.join(map(printable, self.function.outputs))} has shape"
                f" {list(answer.shape)} for {len(rows)} events: its first axis is not the batch;"
                " choose another with output=…"
            )
        if self._width not in (None, answer.shape[1]):
            raise varying_width(self.function, f"{self._width} and {answer.shape[1]}")
        self._width = answer.shape[1]
        return np.asarray(answer)

    def bind(self, rows: npt.NDArray[Any], responses: npt.NDArray[Any]) -> BoundCall:
        """Binds a buffer of rows (R, n) and one of responses (R, C), both of the graph's format.

        Returns
        -------
        BoundCall
            Called without arguments, it fills the responses; on the CPU nothing is copied.
        """
        return BoundCall(self, self._session, rows, responses)


def _derandomizers(function: GraphFunction) -> list[str]:
    """Names the optimizer that would remove the randomness of a random function, if it is one.

    onnxruntime drops every Dropout of a graph, also one that is active: a model left in training
    mode would look like one in inference mode.
    """
    nodes = function.proto.graph.node
    random = any(n.op_type == "Dropout" and len(n.input) > 2 and n.input[2] for n in nodes)
    return ["EliminateDropout"] if random else []
