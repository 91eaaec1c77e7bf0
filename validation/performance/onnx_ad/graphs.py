"""The graphs of both programs for one task, and what they are fed.

Both run in onnxruntime with the same options and the same numbers. Tasks:

    jvp, vjp, hvp    J v, Jᵀ u, Σ_c u_c H_c v with one vector, or eight, for each event
    jacobian         J (N, C, n): theirs by unit vectors, of responses or features, whichever are
                     fewer
    hessian          H (N, C, n, n): theirs as the forward derivative of the reverse one, by unit
                     vectors
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

import onnxtaylor as ot

__all__ = ["TASKS", "Case", "ours", "session", "theirs"]

Array = npt.NDArray[Any]

TASKS = ("jvp", "vjp", "hvp", "jvp 8", "vjp 8", "hvp 8", "jacobian", "hessian")


@dataclass(frozen=True)
class Case:
    """A model, and events, vectors of features (L, N, n) and of responses (L, N, C) for it."""

    proto: onnx.ModelProto
    x: Array
    v: Array
    u: Array

    @classmethod
    def drawn(cls, proto: onnx.ModelProto, events: int) -> Case:
        """Draws normally distributed numbers, eight vectors for each event."""
        random = np.random.default_rng(1)
        info = _own_inputs(proto)[0].type.tensor_type
        sizes = [d.dim_value for d in info.shape.dim[1:]]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(info.elem_type)
        x = random.normal(size=(events, *sizes)).astype(dtype)
        name, feed = proto.graph.output[0].name, _own_inputs(proto)[0].name
        y = session(proto).run([name], {feed: x})[0].reshape(events, -1)
        v = random.normal(size=(8, events, x[0].size)).astype(dtype)
        u = random.normal(size=(8, *y.shape)).astype(dtype)
        return cls(proto, x, v, u)


@dataclass(frozen=True)
class Graph:
    """A graph with its session, what it is fed, and the name of its result."""

    session: onnxruntime.InferenceSession
    feeds: dict[str, Array]
    result: str
    axes: tuple[int, ...]
    shape: tuple[int, ...]

    def run(self) -> Array:
        """Computes the response and the result, as a user would ask for them."""
        first = self.session.get_outputs()[0].name
        answer: Array = self.session.run([first, self.result], self.feeds)[1]
        return answer

    def result_of(self, answer: Array) -> Array:
        """The result with its axes in our order: vectors first, then events, flat features."""
        return answer.transpose(self.axes).reshape(self.shape)


def session(proto: onnx.ModelProto, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session of a graph with onnxruntime's own options but for the threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 4
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _own_inputs(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    stored = {tensor.name for tensor in proto.graph.initializer}
    return [info for info in proto.graph.input if info.name not in stored]


def ours(case: Case, task: str, threads: int) -> Graph:
    """The graph that ``differentiate`` saves."""
    mode, count = _split(task)
    feed = _own_inputs(case.proto)[0].name
    events, n, c = len(case.x), case.v.shape[2], case.u.shape[2]
    if mode in ("jacobian", "hessian"):
        proto = ot.differentiate(case.proto, order=1 if mode == "jacobian" else 2).proto
        name = proto.graph.input[0].name
        feeds = {name: case.x.reshape(events, -1)}
        shape = (events, c, n) if mode == "jacobian" else (events, c, n, n)
        return Graph(session(proto, threads), feeds, mode, tuple(range(len(shape))), shape)
    proto = ot.differentiate(case.proto, mode=mode).proto
    vectors = case.v[:count].reshape(count, *case.x.shape)
    feeds = {feed: case.x}
    if mode != "vjp":
        feeds[f"v_{feed}"] = vectors
    if mode != "jvp":
        feeds["u"] = case.u[0] if mode == "hvp" else case.u[:count]
    if mode == "jvp":
        return Graph(session(proto, threads), feeds, "jvp", (0, 1, 2), (count, events, c))
    axes = tuple(range(1 + case.x.ndim))
    return Graph(session(proto, threads), feeds, f"{mode}_{feed}", axes, (count, events, n))


def theirs(case: Case, task: str, threads: int) -> Graph:
    """The graph of onnx-ad, in its layout with the vectors along the last axis."""
    import onnx_ad

    model = _fixed(case)
    mode, count = _split(task)
    x, v, u = case.x, case.v, case.u
    events, n, c = len(x), v.shape[2], u.shape[2]
    feed, out = _own_inputs(case.proto)[0].name, case.proto.graph.output[0].name
    answer = tuple(d.dim_value for d in case.proto.graph.output[0].type.tensor_type.shape.dim[1:])

    def last(vectors: Array, shape: tuple[int, ...]) -> Array:
        """(L, N, size) as (N, *shape, L)."""
        turned = np.moveaxis(vectors, 0, -1).reshape(events, *shape, len(vectors))
        return np.ascontiguousarray(turned)

    def units(size: int) -> Array:
        return np.broadcast_to(np.eye(size, dtype=x.dtype)[:, None], (size, events, size))

    if mode == "jacobian":
        mode = "reverse" if c <= n else "forward"
        v, u, count = units(n), units(c), min(n, c)
    elif mode == "hessian":
        v, u, count, mode = units(n), units(c), n, "hessian"
    axes = (x.ndim, *range(x.ndim))
    if mode in ("jvp", "forward"):
        proto = onnx_ad.forward(model, [feed], [out], layout="onnx")
        feeds = {feed: x, f"fwd_{feed}": last(v[:count], x.shape[1:])}
        axes = (1 + len(answer), *range(1 + len(answer)))
        if mode == "forward":
            return _graph(
                proto, threads, feeds, f"fwd_{out}", tuple(range(2 + len(answer))), (events, c, n)
            )
        return _graph(proto, threads, feeds, f"fwd_{out}", axes, (count, events, c))
    if mode in ("vjp", "reverse"):
        proto = onnx_ad.reverse(model, [feed], [out], layout="onnx")
        feeds = {feed: x, f"adj_{out}": last(u[:count], answer)}
        if mode == "reverse":
            axes = (0, x.ndim, *range(1, x.ndim))
            return _graph(proto, threads, feeds, f"adj_{feed}", axes, (events, c, n))
        return _graph(proto, threads, feeds, f"adj_{feed}", axes, (count, events, n))
    adjoint = onnx_ad.reverse(model, [feed], [out], layout="onnx")
    proto = onnx_ad.forward(adjoint, [feed], [f"adj_{feed}"], layout="onnx")
    few = u if mode == "hessian" else u[:1]
    feeds = {feed: x, f"adj_{out}": last(few, answer), f"fwd_{feed}": last(v[:count], x.shape[1:])}
    if mode == "hessian":  # (N, …, nadj, nfwd)
        axes = (0, x.ndim, *range(1, x.ndim), x.ndim + 1)
        return _graph(proto, threads, feeds, f"fwd_adj_{feed}", axes, (events, c, n, n))
    axes = (x.ndim + 1, *range(x.ndim), x.ndim)
    return _graph(proto, threads, feeds, f"fwd_adj_{feed}", axes, (count, events, n))


def _fixed(case: Case) -> onnx.ModelProto:
    """The model with its batch fixed to the number of events, and all shapes inferred.

    With a free batch onnx-ad has no reverse mode of Conv, Slice and others.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(case.proto)
    del proto.graph.value_info[:]
    for info in (*_own_inputs(proto), *proto.graph.output):
        info.type.tensor_type.shape.dim[0].dim_value = len(case.x)
    return onnx.shape_inference.infer_shapes(proto, data_prop=True)


def _graph(
    proto: onnx.ModelProto,
    threads: int,
    feeds: dict[str, Array],
    result: str,
    axes: tuple[int, ...],
    shape: tuple[int, ...],
) -> Graph:
    return Graph(session(proto, threads), feeds, result, axes, shape)


def _split(task: str) -> tuple[str, int]:
    """A task's mode and number of vectors."""
    mode, _, count = task.partition(" ")
    return mode, int(count or 1)
