"""Every rule with vectors whose number is known only when the graph runs: J v and Jᵀ u."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.compiler.directions import ADJOINTS, DIRECTIONS
from onnxtaylor.compiler.seeded import PRODUCT, compile_jvp, compile_vjp
from onnxtaylor.rules.versions import operator_set
from tests.rules.generic import dtype_of
from tests.rules.reference import Evaluator, distance, function_of, observed, terms
from tests.rules.sample import FEATURES, Sample
from tests.rules.samples import SAMPLES


@pytest.mark.parametrize("s", SAMPLES, ids=str)
def test_products_equal_the_jacobian_contracted(s: Sample):
    dtype = dtype_of(s)
    proto, x = s.model(dtype), s.events().astype(dtype)
    jacobian = terms(proto, x, 1)[1][..., :FEATURES]
    function = function_of(proto)
    seen, opset, random = observed(function, x), operator_set(proto), np.random.default_rng(1)
    jvp, vjp = compile_jvp(function, seen, opset), compile_vjp(function, seen, opset)
    limit = 1e-5 if s.single else 1e-12
    for count in (1, 2):
        v = random.normal(size=(count, *x.shape)).astype(dtype)
        u = random.normal(size=(count, *jacobian.shape[:2])).astype(dtype)
        for graph, name, vectors, wanted in (
            (jvp, DIRECTIONS, v, np.einsum("eci,lei->lec", jacobian, v)),
            (vjp, ADJOINTS, u, np.einsum("eci,lec->lei", jacobian, u)),
        ):
            ask = Evaluator(graph, [PRODUCT])
            with np.errstate(all="ignore"):
                (found,) = ask._session.run([PRODUCT], {function.feed: x, name: vectors})
            assert distance(found, wanted, 1e-6) < limit
