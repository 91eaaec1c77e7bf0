"""Shapes without a run are those of a run."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.shapes import shapes_of_feeds, tensor_shapes
from onnxtaylor.runtime.tensors import run_all
from tests.engine.nets import Net, events_of
from tests.engine.paper import function_of
from validation.performance.large_nets import attention_net, convolution_net, lstm_net

SMALL = {
    "dense": (Net("gelu", (5, 8, 3)).model(), 5),
    "attention": (attention_net(4, 3, 8), 12),
    "convolution": (convolution_net(2, 6, 3, filters=(3, 4)), 72),
    "LSTM": (lstm_net(4, 2, 3), 8),
}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", SMALL)
def test_every_tensor_of_a_derivative_graph(name, order):
    model, n = SMALL[name]
    function, x = function_of(model), events_of(n, 5).astype(np.float32)
    proto = derive(function, MultiIndices.full(n, order), x, joints=True).proto
    inferred = tensor_shapes(proto, shapes_of_feeds(proto, 5))
    (tensors,) = run_all(proto, [{function.feed: x}])
    assert tensors.keys() <= inferred.keys()
    for tensor, value in tensors.items():
        assert inferred[tensor].shape == value.shape, tensor
        assert inferred[tensor].bytes == value.nbytes, tensor
        assert inferred[tensor].known
