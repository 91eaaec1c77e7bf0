"""torch.func."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.func import jacfwd, jacrev, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from validation.performance.peers.net import STEP, Floats, Net
from validation.performance.peers.program import Compiled

__all__ = ["Averaged", "AveragedInductor", "Eager", "Inductor"]

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softmax": lambda z: torch.softmax(z, dim=-1),
    "sigmoid": torch.sigmoid,
}


class Eager(Compiled):
    """vmap(jacfwd(jacrev)), the gradient as its auxiliary output."""

    version = torch.__version__

    def __init__(self, net: Net, threads: int) -> None:
        super().__init__(net)
        torch.set_num_threads(threads)

    def _compile(self, batch: int) -> Callable[[Floats], tuple[Any, Any]]:
        weights = [(torch.tensor(w), torch.tensor(b)) for w, b in self._net.weights()]
        *hidden, last = weights

        def response(x: Any) -> Any:
            for w, b in hidden:
                x = FUNCTIONS[self._net.activation](x @ w + b)
            return FUNCTIONS[self._net.last](x @ last[0] + last[1])

        def sums(x: Any) -> tuple[Any, Any]:
            jacobian, hessian = self._both(response, x)
            return jacobian.abs().sum(dim=0), hessian.abs().sum(dim=0)

        compiled = self._optimized(sums, batch)

        def call(x: Floats) -> tuple[Any, Any]:
            with torch.no_grad():
                first, second = compiled(torch.from_numpy(x))
            return first.numpy(), second.numpy()

        return call

    def _both(self, response: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
        """The Jacobian (B, C, n) and the Hessian (B, C, n, n) at x (B, n)."""

        def gradient(x: Any) -> tuple[Any, Any]:
            jacobian = jacrev(response)(x)
            return jacobian, jacobian

        hessian, jacobian = vmap(jacfwd(gradient, has_aux=True))(x)
        return jacobian, hessian

    def _optimized(self, sums: Callable[[Any], Any], batch: int) -> Callable[[Any], Any]:
        return sums


class Averaged(Eager):
    """vmap(jacrev) at x and at both ends of each step, and responses where t_ii needs them."""

    def _both(self, response: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
        n, gradient = x.shape[1], vmap(jacrev(response))
        one = torch.eye(n)

        def at(step: float) -> Any:
            return (x[:, None] + step * one).reshape(-1, n)

        slopes = (gradient(at(STEP / 2)) - gradient(at(-STEP / 2))) / STEP
        slopes = slopes.reshape(len(x), n, -1, n).transpose(1, 2)  # (B, C, n, n)
        here = response(x)[:, None]
        near, far = (
            sum(response(at(k)).reshape(len(x), n, -1) - here for k in (step, -step))
            for step in (STEP, 2 * STEP)
        )
        squares = (16 * near - far) / (12 * STEP**2)  # (B, n, C): 2 t_ii
        pairs = (slopes + slopes.transpose(2, 3)) / 2
        own = one * squares.transpose(1, 2)[..., None]
        return gradient(x), torch.where(one == 1, own, pairs)


class Inductor(Eager):
    """The same traced by make_fx, then torch.compile, which writes and compiles C++ for it.

    torch.compile alone does not get through jacfwd (torch 2.13): it fails in a fake tensor call.
    """

    def _optimized(self, sums: Callable[[Any], Any], batch: int) -> Callable[[Any], Any]:
        traced = make_fx(sums)(torch.from_numpy(self._net.events(batch)))
        compiled: Callable[[Any], Any] = torch.compile(traced, fullgraph=True, dynamic=False)
        return compiled


class AveragedInductor(Inductor, Averaged):
    """The same as ``Averaged``, traced and compiled."""
