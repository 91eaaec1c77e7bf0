"""JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from validation.performance.peers.net import STEP, Floats, Net
from validation.performance.peers.program import Compiled

__all__ = ["Averaged", "ForwardOverReverse", "Hessian"]

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


class Averaged(_Jax):
    """vmap(jacrev) at x and at both ends of each step, and responses where t_ii needs them."""

    def _both(self, response: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
        gradient, one = jax.jacrev(response), jnp.eye(self._net.features, dtype=x.dtype)
        slopes = (  # (B, n, C, n): along the step of a feature, of the gradient by another
            jax.vmap(jax.vmap(gradient))(x[:, None] + STEP / 2 * one)
            - jax.vmap(jax.vmap(gradient))(x[:, None] - STEP / 2 * one)
        ) / STEP
        here = response(x)[:, None]
        near, far = (
            (response(x[:, None] + k * one) - here) + (response(x[:, None] - k * one) - here)
            for k in (STEP, 2 * STEP)
        )
        squares = (16 * near - far) / (12 * STEP**2)  # (B, n, C): 2 t_ii
        pairs = (slopes.transpose(0, 2, 1, 3) + slopes.transpose(0, 2, 3, 1)) / 2
        own = one * jnp.moveaxis(squares, 1, 2)[..., None]
        return jax.vmap(gradient)(x), jnp.where(one == 1, own, pairs)
