"""An exception of ours on a model that is not valid ONNX: the model is at fault, and told so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import onnx
from onnx.checker import ValidationError
from onnx.shape_inference import InferenceError

from onnxtaylor.errors import ModelError, OnnxTaylorError, printable

__all__ = ["blame_invalid_model"]


@contextmanager
def blame_invalid_model(proto: onnx.ModelProto, where: str) -> Iterator[None]:
    """Raises ModelError in place of other exceptions, if ONNX's own checker refuses the model.

    Passes trust the form of a graph. Checking all of it first would refuse models that run well:
    many exporters write what the checker does not like. An exception on a model that is valid is a
    fault of ours, and goes on as it is.
    """
    try:
        yield
    except (OnnxTaylorError, MemoryError):
        raise
    except Exception as error:
        try:
            onnx.checker.check_model(proto, full_check=True)
        except (ValidationError, InferenceError) as found:
            raise ModelError(
                f"{where}: is not valid ONNX: {printable(' '.join(str(found).split()), 300)}"
            ) from error
        except Exception:  # it cannot be told
            raise error from None
        raise
