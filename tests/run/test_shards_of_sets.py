"""Shards of data whose columns mean something only once all events have been read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import OptionError
from onnxtaylor.run.divided.merge import merge_parts
from onnxtaylor.run.divided.part import analyze_part
from onnxtaylor.run.divided.surveys import survey_data
from tests.graph.graphs import F64, STRING, model, op, port
from tests.run.divided import assert_equal

EVENTS = 60
W = np.random.default_rng(3).normal(size=(3, 4))
OPTIONS = {"bootstrap": 20, "check": 8}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A model whose slope a text decides; the texts first come up in the middle of the data."""
    path = tmp_path_factory.mktemp("text") / "events.parquet"
    random = np.random.default_rng(1)
    kinds = np.repeat(["a", "b", "c"], EVENTS // 3)
    columns = {"x": random.normal(size=EVENTS), "y": random.normal(size=EVENTS), "kind": kinds}
    pq.write_table(pa.table(columns), path)
    nodes = [
        op("Concat", ["x", "y"], ["v"], axis=1),
        op(
            "LabelEncoder",
            ["kind"],
            ["k"],
            domain="ai.onnx.ml",
            keys_strings=["a", "b", "c"],
            values_floats=[0.5, 1.0, 2.0],
        ),
        op("Cast", ["k"], ["d"], to=F64),
        op("Mul", ["v", "d"], ["s"]),
        op("Tanh", ["s"], ["t"]),
        op("ReduceSum", ["t", "axes"], ["out"], keepdims=1),
    ]
    ports = [port(name, ["N", 1], F64) for name in ("x", "y")] + [port("kind", ["N", 1], STRING)]
    proto = model(nodes, ports, [port("out", ["N", 1], F64)], {"axes": np.array([1], np.int64)})
    return proto, path


def parts_of(proto, path, folder):
    paths = [folder / f"{k}.npz" for k in (1, 2, 3)]
    for k, target in enumerate(paths, start=1):
        analyze_part(proto, path, shard=f"{k}/3", **OPTIONS).save(target)
    return paths


def test_texts_have_the_same_codes_in_every_shard(text, tmp_path):
    assert_equal(merge_parts(parts_of(*text, tmp_path)), ot.analyze(*text, **OPTIONS))


def test_a_survey_cannot_know_the_codes_of_texts(text, tmp_path):
    with pytest.raises(OptionError, match=r"survey cannot be used with columns of text .*\(kind\)"):
        survey_data(*text)


@pytest.mark.slow
def test_workers_read_the_texts_themselves(text):
    pytest.importorskip("distributed")
    assert_equal(ot.analyze(*text, dask="local:2", **OPTIONS), ot.analyze(*text, **OPTIONS))
