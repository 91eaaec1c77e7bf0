"""An exception on a model that is not valid is the model's fault, on one that is valid ours."""

from __future__ import annotations

import pytest

from onnxtaylor.errors import DataError, ModelError
from onnxtaylor.graph.limits import blame_invalid_model
from tests.graph.graphs import net


def raised_on(proto, error):
    with blame_invalid_model(proto, "m.onnx"):
        raise error


def test_who_is_at_fault():
    valid, invalid = net(), net()
    invalid.graph.node[0].input[0] = "nowhere"
    with pytest.raises(KeyError):
        raised_on(valid, KeyError("a"))
    with pytest.raises(ModelError, match=r"^m\.onnx: is not valid ONNX: .*nowhere") as error:
        raised_on(invalid, KeyError("a"))
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="as it was"):
        raised_on(invalid, DataError("as it was"))
    with pytest.raises(MemoryError):
        raised_on(invalid, MemoryError())
