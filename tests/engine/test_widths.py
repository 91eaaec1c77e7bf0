"""An output whose number of responses depends on the event has no Taylor series: one line."""

import numpy as np
import onnx.parser
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import ModelError, ProbeError
from onnxtaylor.run.inspect import inspect_model

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
# as many responses as the least feature is positive: 3 or 0
CUT = (
    "m (float[1,3] x) => (float[1,k] y) <int64[1] s={0}, int64[1] ax={1}, float three={3.0},"
    " float z={0.0}> { m=ReduceMin<keepdims=0>(x) c=Greater(m,z) i=Cast<to=1>(c) j=Mul(i,three)"
    " n=Cast<to=7>(j) one=Constant<value_ints=[-1]>() e=Reshape(n,one) q=Slice(x,s,e,ax)"
    " y=Mul(q,q) }"
)
RANGE = (
    "m (float[1] a, float[1] b, float[1] c) => (float[k] y)"
    " { u=Squeeze(a) v=Squeeze(b) w=Squeeze(c) y=Range(u,v,w) }"
)
FLAT = "m (float[N,3] x) => (float[k] y) <int64[1] s={-1}> { y=Reshape(x,s) }"
SOME = (
    "m (float[N,3] x) => (float[k,3] y) <float z={0.0}>"
    " { p=ReduceMax<axes=[1],keepdims=0>(x) c=Greater(p,z) y=Compress<axis=0>(x,c) }"
)
NONE = (
    "m (float[N,3] x) => (float[N,k] y) <float z={99.0}>"
    " { p=ReduceMax<axes=[0],keepdims=0>(x) c=Greater(p,z) y=Compress<axis=1>(x,c) }"
)


def graph(text):
    return onnx.parser.parse_model(HEAD + text)


def data(first_cut):
    """200 events of positive features, from one on with a negative one."""
    x = np.abs(np.random.default_rng(0).normal(size=(200, 3))) + 0.1
    x[first_cut:, 2] = -1
    return x


@pytest.mark.parametrize("options", [{}, {"engine": "differences"}, {"finite_step": "0.5sigma"}])
@pytest.mark.parametrize("first_cut", [0, 3, 20, 150])
def test_wherever_the_number_changes_it_is_one_line(first_cut, options):
    with pytest.raises(ModelError) as error:
        ot.analyze(graph(CUT), data(first_cut), order=1, **options)
    text = str(error.value)
    assert "\n" not in text
    if first_cut:
        assert isinstance(error.value, ProbeError)
        assert "output y has 3 and 0 responses, depending on the event" in text
        assert "choose another with output=…" in text
    else:
        assert "output y is empty" in text


def test_another_output_is_a_way_out():
    result = ot.analyze(graph(CUT), data(3), order=1, output="m", check=4, scale="unit")
    np.testing.assert_array_equal(result.score[0, 0], np.eye(3)[data(3).argmin(1)].mean(0))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (RANGE, r"has \d+ and \d+ responses, depending on the event"),
        (FLAT, r"has shape \[48, 1\] for 16 events: its first axis is not the batch"),
        (SOME, "its first axis is not the batch"),
        (NONE, "output y is empty"),
    ],
)
def test_without_data_too(text, says, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(graph(text), path)
    report = inspect_model(path)
    assert report["outputs"]
    with pytest.raises(ModelError, match=says) as error:
        ot.differentiate(path)
    assert str(report["problem"]) == str(error.value)
    assert "\n" not in str(error.value)
