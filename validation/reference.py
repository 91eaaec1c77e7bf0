"""Jacobians and Hessians against torch.func, which shares no code with the exact engine.

``python -m validation.reference`` builds every network of ``architectures/`` from torch's own
modules, writes the same layers as an ONNX graph from the modules' weights, and compares at a few
events

    ‖J − J_torch‖ / ‖J_torch‖        ‖H − H_torch‖ / ‖H_torch‖        (Frobenius, largest event)

with J by ``jacrev`` and H by ``jacfwd(jacrev)`` in double precision. In that, the derivative graph
must agree to 1e-12, in single precision, with the weights and events rounded and on
onnxruntime as ``differentiate`` offers it, to 5e-6. Before that torch itself is held against a
polynomial whose derivatives are known. Attributes are single-precision numbers in ONNX (ε = 1e-5,
α = 1/6, …): torch gets the same ones. Where onnxruntime has no double precision kernel, ONNX's
reference evaluator runs the derivative graph. The table is ``reference.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from validation.architectures import ARCHITECTURES, Architecture, Array, Writer

__all__ = ["Row", "compare", "polynomial", "table"]

TABLE = Path(__file__).with_suffix(".md")
LIMITS = {"float64": 1e-12, "float32": 5e-6}
EVENTS = 3


@dataclass(frozen=True)
class Row:
    """A line of the table: relative errors by format and order; ``note`` where there are none."""

    name: str
    features: int
    errors: dict[tuple[str, int], float]
    note: str = ""

    @property
    def within(self) -> bool:
        """Whether all that was compared is within the limits, and something was."""
        return (
            bool(self.errors)
            and not self.note
            and all(e <= LIMITS[kind] for (kind, _), e in self.errors.items())
        )


def torch_derivatives(torch: Any, f: Callable[[Any], Any], x: Array) -> tuple[Array, Array]:
    """J (N, C, n) by jacrev and H (N, C, n, n) by jacfwd(jacrev), one event at a time."""
    from torch.func import jacfwd, jacrev

    def one(v: Any) -> Any:
        return f(v[None])[0]

    rows = torch.as_tensor(x)
    first = [jacrev(one)(v).detach().numpy() for v in rows]
    second = [jacfwd(jacrev(one))(v).detach().numpy() for v in rows]
    return np.stack(first), np.stack(second)


def polynomial(torch: Any) -> float:
    """torch on x₀²x₁ + 3x₁x₂ and x₂³: the largest error of J and H, whose values are known."""

    def f(x: Any) -> Any:
        a, b, c = x[:, 0], x[:, 1], x[:, 2]
        return torch.stack([a**2 * b + 3 * b * c, c**3], dim=1)

    x = np.array([[0.5, -1.25, 2.0], [1.0, 2.0, -0.75]])
    first, second = torch_derivatives(torch, f, x)
    worst = 0.0
    for (a, b, c), j, h in zip(x, first, second, strict=True):
        known = [[2 * a * b, a**2 + 3 * c, 3 * b], [0, 0, 3 * c**2]]
        curved = [
            [[2 * b, 2 * a, 0], [2 * a, 0, 3], [0, 3, 0]],
            [[0, 0, 0], [0, 0, 0], [0, 0, 6 * c]],
        ]
        worst = max(worst, np.abs(j - known).max(), np.abs(h - curved).max())
    return worst


def compare(torch: Any, a: Architecture) -> Row:
    """One architecture in both formats."""
    from onnxtaylor import differentiate
    from onnxtaylor.errors import ModelError
    from validation.evaluators import function_of, terms

    torch.manual_seed(len(a.name))
    modules, f = a.build(torch)
    # weights and events that single precision holds exactly: both formats then mean one function
    for t in [p for m in modules for p in (*m.parameters(), *m.buffers())]:
        if t.is_floating_point():
            t.data = t.data.float().double()
    random = np.random.default_rng(len(a.name))
    x = random.normal(size=(EVENTS, a.features)).astype(np.float32).astype(np.float64)
    first, second = torch_derivatives(torch, f, x)
    value = f(torch.as_tensor(x)).detach().numpy()
    errors: dict[tuple[str, int], float] = {}
    note = ""
    try:
        for dtype in (np.float64, np.float32):
            kind = np.dtype(dtype).name
            w = Writer(dtype)
            model = w.model(a.write(w, modules), a.features)
            if dtype is np.float64:
                y, found = terms(function_of(model), x, 2)
                j, h = _matrices(found, a.features)
            else:
                y, j, h = differentiate(model, threads=1)(x)
            if not np.allclose(y, value, 1e-12 if dtype is np.float64 else 1e-4, 1e-5):
                raise ModelError(f"in {kind} it is not torch's function")
            errors[kind, 1], errors[kind, 2] = _apart(j, first), _apart(h, second)
    except Exception as error:
        note = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    return Row(a.name, a.features, errors, note)


def _matrices(found: Array, n: int) -> tuple[Array, Array]:
    """J and H from the coefficients t_i, t_ij: H_ij = t_ij, H_ii = 2 t_ii."""
    h = np.zeros((*found.shape[:2], n, n))
    i, j = np.triu_indices(n)
    h[..., i, j] = found[..., n:]
    return found[..., :n], h + np.swapaxes(h, -1, -2)


def _apart(found: Array, wanted: Array) -> float:
    axes = tuple(range(1, wanted.ndim))
    size = np.sqrt((wanted**2).sum(axis=axes))
    off = np.sqrt(((found - wanted) ** 2).sum(axis=axes))
    if not size.any():
        return float(off.max())
    return float((off / size).max())


def table(rows: Sequence[Row], version: str, proof: float) -> str:
    """The rows in Markdown."""
    head = (
        "# Against torch.func\n\n"
        "Written by `python -m validation.reference`: norm-wise relative errors of Jacobian and"
        f" Hessian, the largest of {EVENTS} events, against torch {version} in double precision"
        " (`jacrev`, `jacfwd(jacrev)`) with torch's own modules and the same weights. Limits:"
        f" {LIMITS['float64']:.0e} in double, {LIMITS['float32']:.0e} in single precision. On a"
        f" polynomial with known derivatives torch itself is off by {proof:.1g}.\n\n"
        "| architecture | features | J, float64 | H, float64 | J, float32 | H, float32 | |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |\n"
    )
    lines = []
    for row in rows:
        cells = [
            f"{row.errors[kind, order]:.1e}" if (kind, order) in row.errors else "–"
            for kind in LIMITS
            for order in (1, 2)
        ]
        said = row.note or ("" if row.within else "**beyond the limit**")
        lines.append(f"| {row.name} | {row.features} | {' | '.join(cells)} | {said} |\n")
    return head + "".join(lines)


def main() -> int:
    """Compares all architectures; 1 if one is beyond the limits."""
    try:
        import torch
    except ModuleNotFoundError:
        print("skipped: torch is not installed")
        return 0
    torch.set_num_threads(1)
    proof = polynomial(torch)
    if proof > 1e-14:
        print(f"error: torch is off by {proof:.1g} on a known polynomial", file=sys.stderr)
        return 1
    rows = []
    for a in ARCHITECTURES:
        rows.append(compare(torch, a))
        shown = " ".join(f"{e:.1e}" for e in rows[-1].errors.values())
        print(f"{a.name}: {shown} {rows[-1].note}", flush=True)
    TABLE.write_text(table(rows, torch.__version__, proof), encoding="utf-8")
    beyond = [row.name for row in rows if not row.within]
    if beyond:
        print(f"error: beyond the limits: {'; '.join(beyond)}", file=sys.stderr)
    return 1 if beyond else 0


if __name__ == "__main__":
    raise SystemExit(main())
