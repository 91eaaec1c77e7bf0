"""The three programs: each makes t_i, t_ii, t_ij of one response of events x (B, n)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.session import Session

__all__ = ["PEERS", "Counted", "Peer", "flattened", "our_engine"]

Floats = npt.NDArray[np.float64]
Setting = Mapping[str, Any]
CALL_EVENTS = 4096  # by n²: what scipy.differentiate holds at a time


class Counted:
    """The only response of a function at rows (R, n), and how many rows were asked for."""

    def __init__(self, function: GraphFunction) -> None:
        self.function, self.rows = function, 0
        self._session = Session(function, threads=1)

    def __call__(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """f (R,), in the format of the function."""
        self.rows += len(rows)
        return self._session(rows)[:, 0]


@dataclass(frozen=True)
class Peer:
    """First derivatives (B, n) and second (B, n, n) by ``f`` at events (B, n), with a setting."""

    title: str
    jacobian: Callable[[Counted, Floats, Setting], Floats]
    hessian: Callable[[Counted, Floats, Setting], Floats]


def our_engine(function: GraphFunction, pilot: Floats, x: Floats, *, errors: bool) -> Differences:
    """The differences engine as an analysis makes it, in one thread."""
    return Differences(
        function,
        MultiIndices.full(x.shape[1]),
        spread=pilot.std(axis=0),
        largest=abs(x).max(axis=0),
        x=pilot,
        error_bounds=errors,
        threads=1,
    )


def flattened(jacobian: Floats, hessian: Floats) -> Floats:
    """t_i, then t_ii and t_ij row by row, from first and second derivatives: (B, K)."""
    i, j = np.triu_indices(jacobian.shape[1])
    return np.concatenate((jacobian, hessian[:, i, j] * np.where(i == j, 0.5, 1.0)), axis=1)


def _nd_jacobian(f: Counted, x: Floats, setting: Setting) -> Floats:
    """All events at once: the derivative by a displacement that they share, at zero."""
    import numdifftools

    def displaced(d: Floats) -> Floats:
        return f(x + d).astype(np.float64)

    found = numdifftools.Jacobian(displaced, step=_steps(setting))(np.zeros(x.shape[1]))
    return np.asarray(found).reshape(x.shape)


def _nd_hessian(f: Counted, x: Floats, setting: Setting) -> Floats:
    import numdifftools

    hessian = numdifftools.Hessian(lambda v: float(f(v[None])[0]), step=_steps(setting))
    return np.stack([hessian(event) for event in x])


def _steps(setting: Setting) -> Any:
    import numdifftools

    return numdifftools.MinStepGenerator(**setting) if setting else None


def _scipy_jacobian(f: Counted, x: Floats, setting: Setting) -> Floats:
    from scipy.differentiate import jacobian

    def one(events: npt.NDArray[Any]) -> Floats:
        return np.asarray(jacobian(_of_columns(f)(1), events, **setting).df[0].T)

    return _in_parts(one, x, f.function.dtype)


def _scipy_hessian(f: Counted, x: Floats, setting: Setting) -> Floats:
    from scipy.differentiate import hessian

    def one(events: npt.NDArray[Any]) -> Floats:
        return np.moveaxis(hessian(_of_columns(f)(0), events, **setting).ddf, -1, 0)

    return _in_parts(one, x, f.function.dtype)


def _of_columns(f: Counted) -> Callable[[int], Callable[[npt.NDArray[Any]], npt.NDArray[Any]]]:
    """f of arrays (n, …), with so many axes before those of the events."""

    def with_axes(axes: int) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
        def call(z: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return f(z.reshape(len(z), -1).T).reshape((1,) * axes + z.shape[1:])

        return call

    return with_axes


def _in_parts(one: Callable[[npt.NDArray[Any]], Floats], x: Floats, dtype: Any) -> Floats:
    """Parts of the events that fit the memory, in the model's format, by which scipy goes on."""
    size = max(1, CALL_EVENTS // x.shape[1] ** 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a tolerance that float32 cannot reach
        parts = [one(x[k : k + size].T.astype(dtype)) for k in range(0, len(x), size)]
    return np.concatenate(parts).astype(np.float64)


PEERS = {
    "numdifftools": Peer("numdifftools", _nd_jacobian, _nd_hessian),
    "scipy": Peer("scipy.differentiate", _scipy_jacobian, _scipy_hessian),
}
