"""JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from validation.performance.peers.net import Floats, Net
from validation.performance.peers.program import Compiled

__all__ = ["ForwardOverReverse", "Hessian"]

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "softmax": jax.nn.softmax,
    "sigmoid": jax.nn.sigmoid,
}


class _Jax(Compiled):
    version = jax.__version__

    def __init__(self, net: Net, threads: int) -> None:
        super().__init__(net)

    def _both(self, response: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
        """The Jacobian (B, C, n) and the Hessian (B, C, n, n) at x (B, n)."""
        raise NotImplementedError

    def _compile(self, batch: int) -> Callable[[Floats], tuple[Any, Any]]:
        *hidden, last = [(jnp.asarray(w), jnp.asarray(b)) for w, b in self._net.weights()]

        def response(x: Any) -> Any:
            for w, b in hidden:
                x = FUNCTIONS[self._net.activation](x @ w + b)
            return FUNCTIONS[self._net.last](x @ last[0] + last[1])

        @jax.jit
        def sums(x: Any) -> tuple[Any, Any]:
            jacobian, hessian = self._both(response, x)
            return jnp.abs(jacobian).sum(axis=0), jnp.abs(hessian).sum(axis=0)

        return sums


class ForwardOverReverse(_Jax):
    """vmap(jacfwd(jacrev)), the gradient as its auxiliary output."""

    def _both(self, response: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
        def gradient(x: Any) -> tuple[Any, Any]:
            jacobian = jax.jacrev(response)(x)
            return jacobian, jacobian

        hessian, jacobian = jax.vmap(jax.jacfwd(gradient, has_aux=True))(x)
        return jacobian, hessian


class Hessian(_Jax):
    """vmap(hessian) and vmap(jacrev): what is common is left to the compiler to find."""

    def _both(self, response: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
        return jax.vmap(jax.jacrev(response))(x), jax.vmap(jax.hessian(response))(x)
