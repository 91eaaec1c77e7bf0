"""onnxruntime sessions: a graph that can be called, with its threads and bound buffers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.errors import EvaluationError, ModelError, OptionError, ProbeError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.provider import PROVIDERS, available_threads, import_onnxruntime
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.semantics import FAITHFUL_ENTRIES, as_written, distorting_optimizers

__all__ = ["BoundCall", "Session", "launch", "start", "varying_width"]

# the message about a bound buffer that does not fit; the last axis of responses counts them
OTHER_SHAPE = (
    r"has shape \{[\d,]*?(\d+)\} but the computed output shape for this run is \{[\d,]*?(\d+)\}"
)


def start(
    proto: onnx.ModelProto,
    *,
    provider: str = "cpu",
    threads: int = 0,
    without: Sequence[str] = (),
    plain: bool = False,
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

    Raises
    ------
    ModelError
        onnxruntime cannot load the graph; the message is one line.
    OptionError
        CUDA does not start.
    """
    return launch(
        as_written(proto),
        provider=provider,
        threads=threads,
        entries=FAITHFUL_ENTRIES,
        without=[*without, *distorting_optimizers(proto)],
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
    """Starts a session with these configuration ``entries``; parameters and errors as ``start``.

    Without entries it runs with onnxruntime's default options, as in most programs.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or available_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # idle threads must not take the processors from the kernels and sums between two calls
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    if plain:
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
    providers: list[Any] = [PROVIDERS["cpu"]]
    if provider == "cuda":
        # TF32 products would keep 10 of single precision's 23 bits
        providers.insert(0, (PROVIDERS["cuda"], {"use_tf32": "0"}))
    try:
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
        A call does not answer with one row of equal width for each event.
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
        try:
            answer = self._session.run([self.function.response], {self.function.feed: rows})[0]
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


def varying_width(function: GraphFunction, counts: str) -> ProbeError:
    """Returns the error for an output that has a different number of responses at some events.

    ``counts`` are two of these numbers in words, such as ``3 and 4``.
    """
    return ProbeError(
        f"output {', '.join(map(printable, function.outputs))} has {counts} responses, depending on"
        " the event: each event needs the same number; choose another with output=…"
    )


def _derandomizers(function: GraphFunction) -> list[str]:
    """Names the optimizer that would remove the randomness of a random function, if it is one.

    onnxruntime drops every Dropout of a graph, also one that is active: a model left in training
    mode would look like one in inference mode.
    """
    nodes = function.proto.graph.node
    random = any(n.op_type == "Dropout" and len(n.input) > 2 and n.input[2] for n in nodes)
    return ["EliminateDropout"] if random else []


class BoundCall:
    """A call that evaluates the rows of one buffer (R, n) into another one (R, C), again and again.

    Made by ``Session.bind``. It belongs to the thread that owns the buffers; the session may be
    shared among threads.
    """

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
        # the last rows of a graph of fixed batch size are filled up in buffers of their own
        self._rest = (rows[whole:], responses[whole:])
        self._filled = [np.zeros((batch, part.shape[1]), part.dtype) for part in self._rest]
        if whole < len(rows):
            pieces.append((self._filled[0], self._filled[1]))
        self._bindings = []
        for piece, target in pieces:
            binding = raw.io_binding()
            # on a GPU rows are copied when they are bound: __call__ binds them anew each time
            if session.provider == "cpu":
                _bind(binding.bind_input, self._feed, piece)
            _bind(binding.bind_output, session.function.response, target)
            self._bindings.append((binding, piece))
        self._copies = session.provider != "cpu"

    def __call__(self) -> None:
        """Fills the responses.

        Raises
        ------
        ModelError
            The model fails on these rows.
        ProbeError
            It has another number of responses than before.
        """
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
    """Binds a buffer by its address, without a copy: the caller keeps it alive."""
    method(name, "cpu", 0, buffer.dtype.type, buffer.shape, buffer.ctypes.data)
