"""The Keras callback of ``LearningProgress``. Keras is imported here alone."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.errors import ModelError, OptionError, printable
from onnxtaylor.tracking.follower import Follower

if TYPE_CHECKING:
    from onnxtaylor.tracking.learning import LearningProgress

__all__ = ["KerasModel", "keras_callback"]

Array = npt.NDArray[Any]


class KerasModel:
    """A Keras model of one input, of any backend."""

    def __init__(self, model: Any) -> None:
        if len(getattr(model, "inputs", None) or [None]) != 1:
            raise OptionError(
                "the callback follows models of one input only: use record(step, model) with"
                " exported models"
            )
        self._model = model
        self.name = printable(model.name, 60)

    def variables(self) -> list[tuple[str, tuple[int, ...]]]:
        """Returns names and shapes of the weights that hold floating-point numbers."""
        return [(str(v.path), tuple(map(int, v.shape))) for v in self._weights()]

    def read(self) -> list[Array]:
        """Returns the values of the weights, in the order of ``variables``."""
        if hasattr(self._model, "jax_state_sync"):
            self._model.jax_state_sync()  # JAX trains copies
        import keras

        if keras.backend.backend() == "tensorflow":  # the short way: it is asked at every step
            return [v.value.numpy() for v in self._weights()]
        return [np.asarray(keras.ops.convert_to_numpy(v)) for v in self._weights()]

    def export(self, values: Sequence[Array] | None) -> onnx.ModelProto:
        """Returns the graph of ``model.export``; the weights get their own values back."""
        kept = self.read()
        try:
            if values is not None:
                self._write(values)
            return self._exported()
        finally:
            if values is not None:
                self._write(kept)

    def respond(self, x: Array) -> Array:
        """Returns the responses of the model to events, in inference mode."""
        import keras

        rows = x.reshape(len(x), *self._event_shape()).astype(keras.config.floatx())
        responses: Any = self._model(rows, training=False)
        if isinstance(responses, dict):
            responses = list(responses.values())
        first = responses[0] if isinstance(responses, list | tuple) else responses
        return np.asarray(keras.ops.convert_to_numpy(first))

    def _weights(self) -> list[Any]:
        return [v for v in self._model.weights if "float" in str(v.dtype)]

    def _write(self, values: Sequence[Array]) -> None:
        for variable, value in zip(self._weights(), values, strict=True):
            variable.assign(value)

    def _event_shape(self) -> tuple[int, ...]:
        shape = getattr(self._model, "input_shape", None)
        if shape is None:  # of a model that is a class of its own
            raise OptionError(
                f"{self.name} has no input_shape: use record(step, model) with exported models"
            )
        return tuple(-1 if d is None else int(d) for d in shape[1:])

    def _exported(self) -> onnx.ModelProto:
        with tempfile.TemporaryDirectory(prefix="onnxtaylor-") as folder:
            path = Path(folder) / "model.onnx"
            try:
                # Keras exports only models that have been called
                self._model(np.zeros((1, *map(abs, self._event_shape())), np.float32))
                self._model.export(str(path), format="onnx", verbose=False)
            except Exception as error:  # of Keras, of its backend, or of the exporter
                raise ModelError(
                    f"{self.name}: Keras cannot export it to ONNX: {type(error).__name__}:"
                    f" {printable(' '.join(str(error).split()), 300)}"
                ) from error
            return onnx.load(str(path))


def keras_callback(progress: LearningProgress, every: int) -> Any:
    """Returns the callback: see ``LearningProgress.keras``."""
    import keras

    class RecordProgress(keras.callbacks.Callback):  # type: ignore[misc, name-defined, unused-ignore]
        """Records ⟨t⟩ before the first gradient step, and after each ``every``-th."""

        def __init__(self) -> None:
            super().__init__()
            self._follower: Follower | None = None
            self._followed: Any = None
            self._steps = self._batch = 0

        def on_train_begin(self, logs: Any = None) -> None:
            if self._follower is None:
                self._followed = self.model
                self._follower = Follower(progress, KerasModel(self.model))
                self._follower.record(0)
            elif self._followed is not self.model:
                raise OptionError(
                    "the callback follows another model: make a callback for each model"
                )

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self._batch = -1

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            assert self._follower is not None
            before = self._steps
            self._steps += batch - self._batch  # several where Keras takes them in one go
            self._batch = batch
            if self._steps // every > before // every:
                self._follower.record(self._steps)

        def on_train_end(self, logs: Any = None) -> None:
            assert self._follower is not None
            self._follower.finish()

    return RecordProgress()
