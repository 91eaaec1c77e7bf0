"""The net that all programs share, the events, and the FLOPs of the formula.

Counted are the matrix products of H = Σ_k Jᵀ (ā_k · D²φ_k) J (design, section 4) for a dense net of
layers n = d_0 → d_1 → … → d_L = C, two FLOPs for a multiplication and its addition:

    responses   Σ_l 2·d_{l−1}·d_l
    tangents    n · Σ_{l≥2} 2·d_{l−1}·d_l        (those of the first layer are its weights)
    adjoints    C · Σ_{l≥k+1} 2·d_{l−1}·d_l      (from the responses to k, the first curved layer)
    curvature   first hidden layer, if curved: 2·C·d_1·n(n+1)/2   (its J is constant: one product)
                each later curved layer:       2·C·n·n·d_l        (both triangles: a batched product
                                                                   does not see the symmetry)
                the last activation:           2·C·n·n·C

A ReLU has no curvature, so that neither its terms nor its adjoints are counted. Elementwise work is
not counted: no program can do without it, and the limit that follows is one that none can reach.
30→200→200→5 with a softmax comes to 5.7 MFLOP an event with tanh and to 2.6 with ReLU.

Second order averaged over steps (``onnxtaylor.engine.averaged.steps``) needs, whatever is curved,

    gradients   (2n+1)·(1 + A)·Σ_l 2·d_{l−1}·d_l    (responses forward, A adjoints back)
    responses   (4n+1)·Σ_l 2·d_{l−1}·d_l

A = C, or C − 1 where a softmax makes one response follow from the others: 40 MFLOP an event for
30→200→200→5.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from onnxtaylor.indices import MultiIndices
from validation.performance.nets import dense_net

__all__ = ["CURVATURES", "NETS", "STEP", "Floats", "Net"]

Floats = npt.NDArray[np.float32]

NETS = ("30", "8", "100", "300", "30-relu", "30-200-200-1", "30-relu-averaged")
"""Those of the tables: of other numbers of features, of ReLU, of one response, and averaged."""
ACTIVATIONS = ("tanh", "relu")
CURVATURES = ("pointwise", "averaged")
STEP = 0.7
"""Width of the steps that second order is averaged over; the features have σ = 1."""
BEHIND = (200, 200, 5)
ONNX_NAMES = {"tanh": "Tanh", "relu": "Relu", "softmax": "Softmax", "sigmoid": "Sigmoid"}


@dataclass(frozen=True)
class Net:
    """A dense float32 net of random weights, the same in every process that builds it.

    ``curvature`` says what is computed of it: second derivatives at the events, or ``averaged``.
    """

    features: int = 30
    hidden: tuple[int, ...] = (200, 200)
    outputs: int = 5
    activation: str = "tanh"
    last: str = "softmax"
    curvature: str = CURVATURES[0]
    order: ClassVar[int] = 2

    @property
    def layers(self) -> tuple[int, ...]:
        """Widths from the features to the responses."""
        return (self.features, *self.hidden, self.outputs)

    @property
    def name(self) -> str:
        """Such as ``30-200-200-5-tanh`` or ``…-relu-averaged``, which ``parse`` reads."""
        ending = (self.curvature,) if self.averaged else ()
        return "-".join((*map(str, self.layers), self.activation, *ending))

    @property
    def averaged(self) -> bool:
        """Whether second order is averaged over steps."""
        return self.curvature == "averaged"

    @property
    def label(self) -> str:
        """Such as ``30→200→200→5 tanh softmax``."""
        ending = f", second order averaged over {STEP}σ" if self.averaged else ""
        return f"{'→'.join(map(str, self.layers))} {self.activation} {self.last}{ending}"

    def model(self) -> onnx.ModelProto:
        """The ONNX model."""
        return dense_net(
            self.layers, activation=ONNX_NAMES[self.activation], last=ONNX_NAMES[self.last]
        )

    def weights(self) -> list[tuple[Floats, Floats]]:
        """(W (d_{l−1}, d_l), b (d_l)) of each layer, as they are in the model."""
        tensors = {t.name: numpy_helper.to_array(t) for t in self.model().graph.initializer}
        return [(tensors[f"w{k}"], tensors[f"b{k}"]) for k in range(len(self.layers) - 1)]

    def events(self, count: int) -> Floats:
        """Standard normal features (count, n); a longer sample starts with the shorter one."""
        random = np.random.default_rng(1)
        return random.normal(size=(count, self.features)).astype(np.float32)

    def scores(self, first: npt.ArrayLike, second: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """⟨t⟩ (C, K) from mean abs ∂f_c/∂x_i (C, n) and mean abs ∂²f_c/∂x_i∂x_j (C, n, n).

        The second derivatives may be averaged ones: 2 t_ii and t_ij.
        """
        indices = MultiIndices.full(self.features)
        i, j = indices.table[self.features :].T
        pairs = np.asarray(second, dtype=np.float64)[:, i, j]
        whole = np.concatenate((np.asarray(first, dtype=np.float64), pairs), axis=1)
        return whole * indices.inverse_factorials

    def flops(self) -> dict[str, int]:
        """FLOPs of one event, part by part as in the head of this module."""
        n, widths, outputs = self.features, self.layers, self.outputs
        products = [2 * a * b for a, b in pairwise(widths)]
        if self.averaged:
            adjoints = outputs - (self.last == "softmax")
            return {
                "gradients": (2 * n + 1) * (1 + adjoints) * sum(products),
                "responses": (4 * n + 1) * sum(products),
            }
        curved = self.activation != "relu"
        curvature = 2 * outputs * n * n * outputs
        if curved and self.hidden:
            curvature += 2 * outputs * self.hidden[0] * (n * (n + 1) // 2)
            curvature += sum(2 * outputs * n * n * width for width in self.hidden[1:])
        return {
            "responses": sum(products),
            "tangents": n * sum(products[1:]),
            "adjoints": outputs * sum(products[1:]) if curved else 0,
            "curvature": curvature,
        }

    @classmethod
    def parse(cls, text: str) -> Net:
        """The net of widths, an activation and, perhaps, ``averaged``.

        ``30`` is short for ``30-200-200-5-tanh``.

        Several responses get a softmax, one a sigmoid. Raises ValueError for what is no net.

        >>> Net.parse("8-relu").label
        '8→200→200→5 relu softmax'
        """
        *parts, end = text.removesuffix("-averaged").split("-")
        curvature = CURVATURES[text.endswith("-averaged")]
        activation = end if end in ACTIVATIONS else ACTIVATIONS[0]
        widths = tuple(map(int, parts if end in ACTIVATIONS else (*parts, end)))
        features, *rest = (*widths, *BEHIND) if len(widths) == 1 else widths
        if min(features, *rest) < 1:
            raise ValueError(f"{text} has a layer without a neuron")
        last = "softmax" if rest[-1] > 1 else "sigmoid"
        return cls(features, tuple(rest[:-1]), rest[-1], activation, last, curvature)

    def to_json(self) -> dict[str, object]:
        """What another process needs to build the same net."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, object]) -> Net:
        """The reverse of ``to_json``."""
        return cls(**{**found, "hidden": tuple(found["hidden"])})  # type: ignore[arg-type]
