"""Log and logit of a response."""

import numpy as np
import pytest

from onnxtaylor.errors import OptionError
from onnxtaylor.runtime.session import Session
from tests.graph.functions import function_of
from tests.graph.graphs import (
    F32,
    F64,
    ask,
    events,
    model,
    net,
    op,
    port,
)


def probability(kind="Sigmoid", dtype=F32, **attributes):
    proto = net(kind=dtype)
    proto.graph.node.append(op(kind, ["y"], ["p"], **attributes))
    proto.graph.output[0].name = "p"
    return proto


@pytest.mark.parametrize("kind", ["Sigmoid", "Softmax"])
def test_links(kind):
    x = events()
    p = ask(probability(kind, F64), x=x)["p"]
    for link, expected in (("log", np.log(p)), ("logit", np.log(p / (1 - p))), ("identity", p)):
        found = Session(function_of(probability(kind, F64), link=link))(x)
        assert found == pytest.approx(expected, rel=1e-12)


def test_a_link_is_exact_where_its_inverse_was_the_last_step():
    """σ(40) is 1 in single precision; its logit is 40."""
    x = np.array([[40.0, -90.0, 0.5]])
    sigmoid = model([op("Sigmoid", ["x"], ["p"])], [port("x", ["N", 3])], [port("p", ["N", 3])])
    assert (Session(function_of(sigmoid, link="logit"))(x) == x).all()
    softmax = model([op("Softmax", ["x"], ["p"])], [port("x", ["N", 3])], [port("p", ["N", 3])])
    assert Session(function_of(softmax, link="log"))(x) == pytest.approx(x - 40)


def test_an_unknown_link_is_refused():
    with pytest.raises(OptionError, match="identity, logit or log"):
        function_of(net(), link="probit")
