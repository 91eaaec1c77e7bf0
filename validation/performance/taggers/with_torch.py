"""torch.func, and plain backpropagation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.func import jacfwd, jacrev, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from validation.performance.peers.net import Floats
from validation.performance.peers.program import Compiled
from validation.performance.taggers.modules import make_module
from validation.performance.taggers.tagger import Tagger

__all__ = ["Backward", "Eager", "Inductor"]

NOTHING = torch.zeros(())


class Eager(Compiled):
    """vmap(jacrev) at order 1; vmap(jacfwd(jacrev)), the gradient beside it, at order 2."""

    version = torch.__version__

    def __init__(self, net: Tagger, threads: int) -> None:
        super().__init__(net)
        torch.set_num_threads(threads)
        self._order, self._module = net.order, make_module(net.name)

    def _compile(self, batch: int) -> Callable[[Floats], tuple[Any, Any]]:
        compiled = self._optimized(self._sums, batch)

        def call(x: Floats) -> tuple[Any, Any]:
            with torch.no_grad():
                first, second = compiled(torch.from_numpy(x))
            return first.numpy(), second.numpy()

        return call

    def _sums(self, x: Any) -> tuple[Any, Any]:
        """Σ abs(J) (C, n) and Σ abs(H) (C, n, n) over the events."""

        def response(row: Any) -> Any:
            return self._module(row[None])[0]

        def gradient(row: Any) -> tuple[Any, Any]:
            jacobian = jacrev(response)(row)
            return jacobian, jacobian

        if self._order == 1:
            return vmap(jacrev(response))(x).abs().sum(dim=0), NOTHING
        hessian, jacobian = vmap(jacfwd(gradient, has_aux=True))(x)
        return jacobian.abs().sum(dim=0), hessian.abs().sum(dim=0)

    def _optimized(self, sums: Callable[[Any], Any], batch: int) -> Callable[[Any], Any]:
        return sums


class Inductor(Eager):
    """The same traced by make_fx, then torch.compile, which writes and compiles C++ for it."""

    def _optimized(self, sums: Callable[[Any], Any], batch: int) -> Callable[[Any], Any]:
        traced = make_fx(sums)(torch.from_numpy(self._net.events(batch)))
        compiled: Callable[[Any], Any] = torch.compile(traced, fullgraph=True, dynamic=False)
        return compiled


class Backward(Eager):
    """Order 1 by one reverse pass of the batch for each output, with PyTorch's own LSTM."""

    def _optimized(self, sums: Callable[[Any], Any], batch: int) -> Callable[[Any], Any]:
        for part in self._module.modules():
            if hasattr(part, "own_kernel"):
                part.own_kernel = True

        def passes(x: Any) -> tuple[Any, Any]:
            with torch.enable_grad():
                x = x.requires_grad_()
                y = self._module(x)
                rows = [
                    torch.autograd.grad(y[:, c].sum(), x, retain_graph=True)[0]
                    for c in range(y.shape[1])
                ]
            return torch.stack(rows).abs().sum(dim=1), NOTHING

        return passes
