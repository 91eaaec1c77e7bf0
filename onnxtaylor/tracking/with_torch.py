"""The PyTorch side of ``LearningProgress``. PyTorch is imported here alone."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.tracking.follower import Follower

if TYPE_CHECKING:
    from onnxtaylor.tracking.learning import LearningProgress

__all__ = ["TorchModel", "TorchSteps"]

Array = npt.NDArray[Any]


class TorchModel:
    """A PyTorch module of one input tensor; ``example`` (B, …) is such a tensor."""

    def __init__(self, module: Any, example: Any) -> None:
        self._module, self._example = module, example
        self.name = printable(type(module).__name__, 60)

    def variables(self) -> list[tuple[str, tuple[int, ...]]]:
        """Returns names and shapes of the floating-point parameters and buffers."""
        return [(name, tuple(t.shape)) for name, t in _floats(self._module)]

    def read(self) -> list[Array]:
        """Returns the values of parameters and buffers, in the order of ``variables``."""
        return [np.asarray(t.detach().cpu().numpy()) for _, t in _floats(self._module)]

    def export(self, values: Sequence[Array] | None) -> onnx.ModelProto:
        """Returns the graph that ``torch.onnx.export`` writes of a copy in inference mode."""
        import torch

        twin = copy.deepcopy(self._module).eval()
        with torch.no_grad():
            for (_, tensor), value in zip(_floats(twin), values or (), strict=values is not None):
                tensor.copy_(torch.as_tensor(np.array(value)))  # 0-d stays 0-d
        stream = io.BytesIO()
        export: Any = torch.onnx.export  # with dynamo its types know no streams
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the exporter, about itself
                export(
                    twin,
                    (self._example,),
                    stream,
                    input_names=["x"],
                    output_names=["y"],
                    dynamic_axes={"x": {0: "N"}, "y": {0: "N"}},
                    dynamo=False,
                )
        except Exception as error:  # whatever the exporter raises
            raise ModelError(
                f"{self.name}: PyTorch cannot export it to ONNX: {type(error).__name__}:"
                f" {printable(' '.join(str(error).split()), 300)}"
            ) from error
        return onnx.load_from_string(stream.getvalue())

    def respond(self, x: Array) -> Array:
        """Returns the module's responses to events, in inference mode; its mode is restored."""
        import torch

        rows = torch.as_tensor(x).to(self._example).reshape(len(x), *self._example.shape[1:])
        training = [(m, m.training) for m in self._module.modules()]
        try:
            self._module.eval()
            with torch.no_grad():
                responses = self._module(rows)
        finally:
            for module, mode in training:
                module.training = mode
        first = responses[0] if isinstance(responses, list | tuple) else responses
        return np.asarray(first.detach().cpu().numpy())


class TorchSteps:
    """Records a module after its gradient steps: see ``LearningProgress.torch``."""

    def __init__(self, progress: LearningProgress, module: Any, every: int, example: Any) -> None:
        import torch

        if example is None:
            like = next((t for _, t in _floats(module)), torch.zeros(()))
            example = torch.as_tensor(progress.some_events(2)).to(like)
        self._follower = Follower(progress, TorchModel(module, example.detach()))
        self._every, self.steps = every, 0
        self._follower.record(0)

    def step(self) -> None:
        """Counts a gradient step, and records every ``every``-th: call it after each step."""
        self.steps += 1
        if self.steps % self._every == 0:
            self._follower.record(self.steps)

    def finish(self) -> None:
        """Verifies once more that the recorded weights are the module's: call it at the end."""
        self._follower.finish()


def _floats(module: Any) -> list[tuple[str, Any]]:
    named = [*module.named_parameters(), *module.named_buffers()]
    return [(name, tensor) for name, tensor in named if tensor.is_floating_point()]
