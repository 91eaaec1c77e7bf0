"""A model with its own inputs: rows of events are cut into the arrays that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from onnxtaylor.errors import EvaluationError, ModelError
from onnxtaylor.graph import Choice, LoadedModel
from onnxtaylor.graph.build import with_own_inputs
from onnxtaylor.graph.formats import retyped
from onnxtaylor.graph.layout import lay_out
from onnxtaylor.runtime.bounded import TimeLimit
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import start

__all__ = ["OwnInputs"]

Array = npt.NDArray[Any]


class OwnInputs:
    """A model as it is in the file, held inputs apart, that takes an array for each input.

    Parameters
    ----------
    model, choice
        The model, and its inputs and outputs.
    n_columns
        Number of columns of the rows that are cut into arrays.

    Attributes
    ----------
    single
        Whether it only runs in single precision, and is fed so.
    proto
        The graph.

    Raises
    ------
    ModelError
        onnxruntime cannot load the graph.
    """

    def __init__(self, model: LoadedModel, choice: Choice, n_columns: int) -> None:
        self.single = False
        self.proto, _ = with_own_inputs(model, choice, n_columns=n_columns)
        self._choice = choice
        try:
            self._session = start(self.proto, threads=1)
        except ModelError:  # some operators have no kernel in double precision
            self.single = True
            single = retyped(self.proto, {TensorProto.DOUBLE}, TensorProto.FLOAT)
            self._session = start(single, threads=1)
        self._limit = TimeLimit(self.proto)
        self._names = [info.name for info in self._session.get_inputs()]

    def arrays(self, x: npt.NDArray[np.float64], choice: Choice | None = None) -> dict[str, Array]:
        """Cuts rows x (B, n) into the arrays (B, *sizes) of the inputs that the graph has.

        ``choice`` has other sizes of the inputs.
        """
        choice = choice or self._choice
        ports = (*choice.features, *choice.context)
        known = x.shape[1] - len(choice.data.lengths)
        sizes, texts = lay_out(ports, "", known).sizes, choice.data.texts
        features = sum(map(prod, sizes[: len(choice.features)]))
        arrays: dict[str, Array] = {}
        begin = 0
        for port, shape in zip(ports, sizes, strict=True):
            part = x[:, begin : begin + prod(shape)]
            begin += prod(shape)
            if port.name not in self._names:
                continue
            if port.type == TensorProto.STRING:
                own = [texts[k] for k in range(begin - prod(shape) - features, begin - features)]
                chosen = [
                    np.array(known, dtype=object)[codes.astype(np.int64)]
                    for known, codes in zip(own, part.T, strict=True)
                ]
                arrays[port.name] = np.stack(chosen, axis=1).reshape(len(x), *shape)
                continue
            with np.errstate(over="ignore"):
                double = self.single and port.type == TensorProto.DOUBLE
                kind = np.float32 if double else helper.tensor_dtype_to_np_dtype(port.type)
                arrays[port.name] = part.reshape(len(x), *shape).astype(kind)
        return arrays

    def event(self, x: npt.NDArray[np.float64], choice: Choice | None = None) -> dict[str, Array]:
        """Cuts one row x (n,) into the arrays of one event, with a batch axis where there is one.

        ``choice`` has other sizes of the inputs.
        """
        ports = (*self._choice.features, *self._choice.context)
        axes = {port.name: port.batch_axis for port in ports}
        arrays = self.arrays(x[None], choice)
        # np.asarray: the only entry of a vector is a NumPy number, which onnxruntime does not take
        return {
            name: np.asarray(array[0])
            if (axis := axes[name]) is None
            else np.moveaxis(array, 0, axis)
            for name, array in arrays.items()
        }

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Returns the chosen outputs. Raises EvaluationError where the model fails,
        EndlessError where it does not answer in time.
        """
        events = max((len(rows) for rows in feeds.values() if rows.ndim), default=1)
        with self._limit.watch(events) as options:
            try:
                answers = self._session.run(None, dict(feeds), options)
            except Exception as error:  # onnxruntime raises many types without a common base
                raise EvaluationError(f"the model fails: {reason(error)}") from None
        return [np.asarray(answer, np.float64) for answer in answers]
