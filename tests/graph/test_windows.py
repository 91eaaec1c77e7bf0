"""Windows written out: the values of onnxruntime's single precision, and double precision runs."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.graph.normalize.windows import expand_windows
from onnxtaylor.rules import RULES
from tests.graph.passes import kinds, run
from tests.rules.generic import dtype_of
from tests.rules.reference import distance, evaluate, terms
from tests.rules.sample import Sample
from tests.rules.samples_more import MORE

KINDS = ("Conv", "ConvTranspose", "AveragePool", "GlobalAveragePool", "GlobalMaxPool")
SAMPLES = [s for s in MORE if s.kind in KINDS]


@pytest.mark.parametrize("s", SAMPLES, ids=str)
def test_values_are_those_of_the_operator(s: Sample):
    # ONNX's reference, which builds the samples in double precision, fails at some
    x = s.events().astype(dtype_of(s))
    single, double = s.model(np.float32), expand_windows(s.model(dtype_of(s)))
    assert not kinds(double).intersection(KINDS)
    assert kinds(double) <= set(RULES)
    (wanted,) = evaluate(single, x.astype(np.float32)).values()
    double.graph.input[0].name, feed = "x", double.graph.input[0].name
    for node in double.graph.node:
        for k, name in enumerate(node.input):
            node.input[k] = "x" if name == feed else name
    (found,) = run(double, x)  # without a kernel in double precision this would fail
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("s", [s for s in SAMPLES if not s.single], ids=str)
def test_derivatives_are_those_of_the_operator(s: Sample):
    proto = s.model(np.float64)
    _, wanted = terms(proto, s.events())
    _, found = terms(expand_windows(proto), s.events())
    assert distance(found, wanted) < 1e-12
