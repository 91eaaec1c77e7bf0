"""Files of products of derivatives: the model's own inputs, and one vector for each of them.

An input x of the model has the vectors ``v_x`` (L, *shape of x): the axis in front counts them.
With CasADi's names a file is what its ONNX backend looks for beside a model f.onnx:

    mode  file           inputs                       outputs
    jvp   fwd_f.onnx     x, fwd_x                     y, fwd_y = J fwd_x
    vjp   adj_f.onnx     x, adj_y                     y, adj_x = Jᵀ adj_y
    hvp   fwd_adj_f.onnx x, adj_y, fwd_x, fwd_adj_y   y, adj_x, fwd_adj_x = Σ_c adj_y_c H_c fwd_x
                                                                          + Jᵀ fwd_adj_y

CasADi reads a tensor as a matrix (r, c), a column where it has one axis or more than two, and the
vectors of it side by side, (r, L·c).

Sources: https://web.casadi.org/blog/onnx-casadi (files), https://pypi.org/project/onnx-ad, by an
author of CasADi (names and layout).
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from onnxtaylor.compiler.directions import ADJOINTS, DIRECTIONS
from onnxtaylor.compiler.row_inputs import RowInputs, restore_inputs
from onnxtaylor.compiler.seeded import GRADIENT, PRODUCT
from onnxtaylor.compiler.vectors import Dims, Side, Vectors
from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.rename import rename_reserved

__all__ = ["ProductFile"]

PREFIXES = ("v_", "vjp_", "hvp_", "fwd_", "adj_", "fwd_adj_")


class ProductFile:
    """Writes the graph of a product, whose inputs are rows, with the inputs of the model.

    Parameters
    ----------
    mode
        ``jvp``, ``vjp`` or ``hvp``.
    own
        The model's inputs.
    features
        Those that are differentiated, with their sizes.
    response
        The output of the model that holds the responses; None where they are no single output.
    """

    def __init__(
        self, mode: str, own: RowInputs, features: Sequence[Side], response: Side | None
    ) -> None:
        self._mode, self._own, self._features, self._response = mode, own, features, response

    def write(self, proto: onnx.ModelProto, *, casadi: bool) -> onnx.ModelProto:
        """Returns the graph with its last names; raises ModelError where CasADi cannot read it."""
        names = [side.port.name for side in (*self._features, self._response) if side]
        if casadi:
            self._require_matrices()
        reserved = {"u", "value", "jvp", *(f"{p}{x}" for x in names for p in PREFIXES)}
        own = {port.name for port in (*self._own.features, *self._own.context)}
        clash = sorted(own & reserved)
        if clash and not casadi:
            raise ModelError(
                f"input '{printable(clash[0])}' has a name that the file needs for its vectors:"
                " rename it in the model"
            )
        restored = restore_inputs(proto, self._own)
        if casadi and self._response:
            reserved |= {self._response.port.name}
        clean = rename_reserved(restored, lambda name: name in reserved - own)
        writer = Vectors(clean, casadi=casadi)
        if casadi:
            assert self._response is not None
            self._casadi(writer, self._response)
        else:
            self._plain(writer)
        return writer.finished()

    def _plain(self, w: Vectors) -> None:
        """``u`` and ``v_x``; ``value``, ``jvp``, ``vjp_x`` and ``hvp_x``."""
        rows: Dims = [1 if self._features[0].is_batchless else "N", w.responses]
        w.output(w.response, "value", rows)
        if self._mode == "vjp":
            w.input("u", ["L", *rows], ADJOINTS)
        if self._mode == "hvp":
            w.input("u", rows, ADJOINTS, lift=True)
            w.outputs(GRADIENT, "vjp_", self._features, single=True)
        if self._mode in ("jvp", "hvp"):
            w.inputs(DIRECTIONS, [("v_", self._features)])
        if self._mode == "jvp":
            w.output(PRODUCT, "jvp", ["L", *rows])
        else:
            w.outputs(PRODUCT, f"{self._mode}_", self._features)

    def _casadi(self, w: Vectors, response: Side) -> None:
        """The names of the table above."""
        y = [response]
        w.outputs(w.unsqueezed(w.response), "", y, single=True)
        if self._mode == "jvp":
            w.inputs(DIRECTIONS, [("fwd_", self._features)])
            w.outputs(PRODUCT, "fwd_", y)
            return
        w.inputs(ADJOINTS, [("adj_", y)], lead="nadj" if self._mode == "vjp" else "1")
        if self._mode == "vjp":
            w.outputs(PRODUCT, "adj_", self._features, lead="nadj")
            return
        w.inputs(DIRECTIONS, [("fwd_", self._features), ("fwd_adj_", y)])
        w.outputs(GRADIENT, "adj_", self._features, lead="1")
        w.outputs(PRODUCT, "fwd_adj_", self._features)

    def _require_matrices(self) -> None:
        """Raises ModelError unless all tensors can be laid out as CasADi reads them."""
        if self._response is None:
            raise ModelError(
                "CasADi takes the derivatives of a whole output of the model: choose one, without"
                " a link"
            )
        for side in (*self._features, self._response):
            if side.port.batch_axis:
                raise ModelError(
                    f"'{printable(side.port.name)}' counts events along axis"
                    f" {side.port.batch_axis}: CasADi's layout is written for the first one alone"
                )
