"""Files of the ecosystem, written here after their documented form, against plain NumPy.

The preprocessing in these tests goes event by event and number by number, and shares no code with
the package.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from onnxtaylor.errors import OptionError
from onnxtaylor.inputs import from_metadata, match_inputs, read_specification, tensors
from tests.inputs.ports import FakePort

DATA = os.environ.get("ONNXTAYLOR_DATA")


def weaver_info(median=0, norm_factor=1, lower=-1e32, upper=1e32, pad=0, replace=0):
    return {
        "median": median,
        "norm_factor": norm_factor,
        "replace_inf_value": replace,
        "lower_bound": lower,
        "upper_bound": upper,
        "pad": pad,
    }


def group(length, **infos):
    return {"var_names": list(infos), "var_infos": infos, **length}


WEAVER = {
    "output_names": ["label_b", "label_c", "label_light"],
    "input_names": ["jet", "pf_points", "pf_features", "pf_mask", "sv_features"],
    "jet": group({"var_length": None}, jet_pt=weaver_info(100, 0.01, -5, 5)),
    "pf_points": group({"min_length": 3, "max_length": 6}, etarel=weaver_info()),
    "pf_features": group(
        {"min_length": 3, "max_length": 6},
        pt_log=weaver_info(0.8, 0.7, -1, 1, replace=0.5),
        etarel=weaver_info(),
        dz=weaver_info(-0.1, 150, -5, 5, pad=2),
    ),
    "pf_mask": group({"min_length": 3, "max_length": 6}, mask=weaver_info()),
    "sv_features": group({"var_length": 4}, mass=weaver_info(1.1, 0.6, -5, 5)),
}


def as_weaver_does(document, name, events):
    """One tensor (N, variables, slots), number by number."""
    part = document[name]
    least = part.get("min_length", part.get("var_length"))
    most = part.get("max_length", part.get("var_length"))
    longest = max(len(event[part["var_names"][0]]) for event in events)
    slots = min(max(longest, least), most)
    tensor = []
    for event in events:
        rows = []
        for variable in part["var_names"]:
            info, row = part["var_infos"][variable], []
            for slot in range(slots):
                if slot >= len(event[variable]):
                    row.append(info["pad"])
                    continue
                x = event[variable][slot]
                x = x if math.isfinite(x) else info["replace_inf_value"]
                value = (x - info["median"]) * info["norm_factor"]
                row.append(min(max(value, info["lower_bound"]), info["upper_bound"]))
            rows.append(row)
        tensor.append(rows)
    return np.array(tensor, dtype=float)


def events_for(document, random, count=25, longest=9):
    """Events as dictionaries of lists; the groups of one first part have one length."""
    lengths = {}
    events = []
    for k in range(count):
        event = {}
        for name in document["input_names"]:
            kind = name.split("_")[0]
            size = lengths.setdefault((k, kind), int(random.integers(0, longest + 1)))
            for variable in document[name]["var_names"]:
                if name.endswith("_mask"):
                    event[variable] = [1.0] * size
                elif variable not in event:
                    event[variable] = random.normal(size=size).tolist()
                    if size and random.random() < 0.2:
                        event[variable][0] = random.choice([np.nan, np.inf, -np.inf])
        events.append(event)
    return events


def columns_of(events):
    return {name: [event[name] for event in events] for name in events[0]}


def written(tmp_path, document, name="preprocess.json"):
    path = tmp_path / name
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_weaver(tmp_path):
    random = np.random.default_rng(1)
    read = read_specification(written(tmp_path, WEAVER))
    assert read.outputs == ("label_b", "label_c", "label_light")
    events = events_for({**WEAVER, "input_names": WEAVER["input_names"][1:]}, random)
    jet_pt = random.normal(100, 300, len(events))
    made = tensors(read, {**columns_of(events), "jet_pt": jet_pt})
    for name in WEAVER["input_names"][1:]:
        np.testing.assert_array_equal(
            made.values[name], as_weaver_does(WEAVER, name, events), err_msg=name
        )
    jet = [[min(max((x - 100) * 0.01, -5), 5)] for x in jet_pt]
    np.testing.assert_array_equal(made.values["jet"], jet)
    sizes = [min(len(event["pt_log"]), 6) for event in events]
    np.testing.assert_array_equal(made.lengths("pf_features"), sizes)
    np.testing.assert_array_equal(made.lengths("pf_points"), sizes)
    assert {one.name: one.mask_of for one in read.inputs if one.role == "mask"} == {
        "pf_mask": ("pf_points", "pf_features")
    }


def test_the_mask_of_weaver_is_made_where_the_data_have_none(tmp_path):
    read = read_specification(written(tmp_path, WEAVER))
    events = events_for(
        {**WEAVER, "input_names": WEAVER["input_names"][1:]}, np.random.default_rng(2)
    )
    data = {**columns_of(events), "jet_pt": np.zeros(len(events))}
    given = tensors(read, data)
    del data["mask"]
    made = tensors(read, data)
    assert 0 < made.values["pf_mask"].mean() < 1
    for name in given.values:
        np.testing.assert_array_equal(made.values[name], given.values[name])


def test_expressions_of_weavers_labels_are_not_read(tmp_path):
    document = {**WEAVER, "output_names": {"_label_": "__import__('os').system('false')"}}
    assert read_specification(written(tmp_path, document)).outputs is None


WRONG_WEAVER = {
    "pf_mask.var_infos.mask.median must be a number": lambda d: d["pf_mask"]["var_infos"][
        "mask"
    ].update(median="__import__('os')"),
    "pf_features.var_infos.dz has no 'norm_factor': did you mean 'norm_facto'?": lambda d: d[
        "pf_features"
    ]["var_infos"]["dz"].update(norm_facto=d["pf_features"]["var_infos"]["dz"].pop("norm_factor")),
    "pf_features.var_infos has no 'pt': it has pt_log": lambda d: d["pf_features"][
        "var_names"
    ].append("pt"),
    "the document has no 'pf': it has output_names": lambda d: d["input_names"].append("pf"),
    "pf_points.max_length must be at least 3": lambda d: d["pf_points"].update(max_length=2),
    "sv_features.var_length must be a whole number from 0 on": lambda d: d["sv_features"].update(
        var_length=-4
    ),
    "jet.var_infos.jet_pt.norm_factor must not be 0": lambda d: d["jet"]["var_infos"][
        "jet_pt"
    ].update(norm_factor=0),
    "jet.var_infos.jet_pt.lower_bound must be smaller than upper_bound": lambda d: d["jet"][
        "var_infos"
    ]["jet_pt"].update(lower_bound=9),
    "jet.var_names has 'jet_pt' twice": lambda d: d["jet"].update(var_names=["jet_pt"] * 2),
    "jet.var_names must be a list": lambda d: d["jet"].update(var_names="jet_pt"),
    "input_names[0] must be a name": lambda d: d["input_names"].insert(0, 3),
}


@pytest.mark.parametrize("message", WRONG_WEAVER)
def test_damaged_files_of_weaver_are_refused(tmp_path, message):
    document = json.loads(json.dumps(WEAVER))
    WRONG_WEAVER[message](document)
    path = written(tmp_path, document)
    with pytest.raises(OptionError) as caught:
        read_specification(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert str(caught.value).isprintable()


@pytest.mark.skipif(DATA is None, reason="ONNXTAYLOR_DATA is not set")
@pytest.mark.parametrize("name", ["chs", "scouting"])
def test_production_taggers(name):
    path = Path(DATA) / "taggers" / f"particlenet_ak4_{name}.preprocess.json"
    document = json.loads(path.read_text())
    read = read_specification(path)
    events = events_for(document, np.random.default_rng(3), count=12, longest=120)
    made = tensors(read, columns_of(events))
    assert list(made.values) == document["input_names"]
    for one in document["input_names"]:
        np.testing.assert_array_equal(made.values[one], as_weaver_does(document, one, events))
    assert read.outputs == tuple(document["output_names"])
    assert type(read).read(path) == read


@pytest.mark.skipif(DATA is None, reason="ONNXTAYLOR_DATA is not set")
def test_a_production_tagger_runs_on_these_tensors():
    import onnx
    import onnxruntime

    from onnxtaylor.graph.ports import input_ports

    folder = Path(DATA) / "taggers"
    path = folder / "particlenet_ak4_scouting.preprocess.json"
    model = folder / "particlenet_ak4_scouting.onnx"
    ports = input_ports(onnx.load(model).graph)
    read = match_inputs(read_specification(path), ports)
    document = json.loads(path.read_text())
    events = events_for(document, np.random.default_rng(4), count=3, longest=30)
    session = onnxruntime.InferenceSession(model)
    values = tensors(read, columns_of(events)).values
    (response, *_) = session.run(None, {k: v.astype(np.float32) for k, v in values.items()})
    assert response.shape == (3, len(read.outputs))
    assert np.isfinite(response).all()
    with pytest.raises(OptionError, match=r"'sv_points', which is not an input of the model"):
        match_inputs(read_specification(folder / "particlenet_ak4_chs.preprocess.json"), ports)


LWTNN_GRAPH = {
    "inputs": [
        {
            "name": "jet",
            "variables": [
                {"name": "pt", "offset": -40.0, "scale": 0.02},
                {"name": "eta", "offset": 0, "scale": 0.5},
            ],
            "defaults": {"pt": 25.0},
        }
    ],
    "input_sequences": [
        {
            "name": "tracks",
            "variables": [
                {"name": "d0", "offset": 0.1, "scale": 3.0},
                {"name": "z0", "offset": -0.2, "scale": -1.0},
            ],
        }
    ],
    "layers": [{"architecture": "dense"}],
    "nodes": [{"type": "input"}],
    "outputs": {"flavour": {"labels": ["b", "c"], "node_index": 3}},
}


def test_lwtnn_graph(tmp_path):
    random = np.random.default_rng(5)
    read = read_specification(written(tmp_path, LWTNN_GRAPH, "net.txt"))
    assert read.outputs == ("b", "c")
    pt, eta = random.normal(40, 10, 8), random.normal(size=8)
    pt[3] = np.nan
    sets = [random.normal(size=(2, n)).tolist() for n in (1, 4, 2, 0, 3, 1, 1, 2)]
    data = {"pt": pt, "eta": eta, "d0": [s[0] for s in sets], "z0": [s[1] for s in sets]}
    made = tensors(read, data).values
    jet = [[((25.0 if p != p else p) - 40.0) * 0.02, e * 0.5] for p, e in zip(pt, eta, strict=True)]
    np.testing.assert_allclose(made["jet"], jet, rtol=1e-15, atol=0)
    tracks = np.zeros((8, 4, 2))
    for k, (d0, z0) in enumerate(sets):
        for s in range(len(d0)):
            tracks[k, s] = (d0[s] + 0.1) * 3.0, (z0[s] - 0.2) * -1.0
    np.testing.assert_allclose(made["tracks"], tracks, rtol=1e-15, atol=0)


def test_a_sequential_network_of_lwtnn_gets_the_name_of_the_models_input(tmp_path):
    document = {
        "inputs": [
            {"name": "a", "offset": 1.0, "scale": 2.0},
            {"name": "b", "offset": 0, "scale": 1},
        ],
        "layers": [{"architecture": "dense"}],
        "outputs": ["signal"],
        "defaults": {"b": -1.5},
    }
    read = match_inputs(
        read_specification(written(tmp_path, document)), [FakePort("dense_input", ("N", 2))]
    )
    made = tensors(read, {"a": np.array([1.0, 2.0]), "b": np.array([np.nan, 7.0])}).values
    np.testing.assert_array_equal(made["dense_input"], [[4.0, -1.5], [6.0, 7.0]])
    assert (read.outputs, read.feature_names()) == (("signal",), ["a", "b"])


def gnn_config(**changes):
    """Metadata as ATLAS' exporter writes them: names of collections, not of the model's inputs."""
    variables = {"jet": ["pt", "eta"], "trk": ["d0", "z0", "q"], "flow": ["pt", "e"]}
    rows = {
        k: [{"name": n, "offset": 0.0, "scale": 1.0} for n in names]
        for k, names in variables.items()
    }
    return {
        "ckpt_path": "",
        "layers": [],
        "nodes": [],
        "output_names": ["GN2_pb", "GN2_pc", "GN2_pu"],
        "model_name": "GN2",
        "inputs": [{"name": "jet_var", "variables": rows["jet"]}],
        "input_sequences": [
            {"name": "tracks_r22default_sd0sort", "variables": rows["trk"]},
            {"name": "flows", "variables": rows["flow"]},
        ],
        **changes,
    }


BATCHLESS = [
    FakePort("jet_features", (1, 2)),
    FakePort("track_features", ("n_tracks", 3)),
    FakePort("flow_features", ("n_flows", 2)),
]


def test_gnn_config_without_a_batch_axis():
    read = from_metadata({"gnn_config": json.dumps(gnn_config())}, BATCHLESS, "gnn.onnx")
    assert [(one.name, one.axes) for one in read.inputs] == [
        ("jet_features", ("batch", "variable")),
        ("track_features", ("slot", "variable")),
        ("flow_features", ("slot", "variable")),
    ]
    assert read.outputs == ("GN2_pb", "GN2_pc", "GN2_pu")
    assert read.feature_names({"track_features": 1, "flow_features": 1}) == [
        *("pt", "eta"),
        *("track_features.d0[0]", "track_features.z0[0]", "track_features.q[0]"),
        *("flow_features.pt[0]", "flow_features.e[0]"),
    ]
    assert match_inputs(read, BATCHLESS) == read


def test_gnn_config_with_a_batch_axis():
    ports = [
        FakePort("track_features", ("batch", "n", 3)),
        FakePort("flow_features", ("batch", "m", 2)),
        FakePort("jet_features", ("batch", 2)),
    ]
    read = from_metadata({"gnn_config": json.dumps(gnn_config())}, ports, "gnn.onnx")
    assert {one.name: one.axes for one in read.inputs} == {
        "track_features": ("batch", "slot", "variable"),
        "flow_features": ("batch", "slot", "variable"),
        "jet_features": ("batch", "variable"),
    }
    assert match_inputs(read, ports) == read


def test_offsets_of_gnn_config_are_added():
    row = {"name": "x", "variables": [{"name": "a", "offset": 2.0, "scale": 0.5}]}
    text = json.dumps(gnn_config(inputs=[row], input_sequences=[]))
    read = from_metadata({"gnn_config": text}, [FakePort("x", ("N", 1))], "m.onnx")
    made = tensors(read, {"a": np.array([1.0, -2.0])}).values["x"]
    np.testing.assert_array_equal(made, [[1.5], [0.0]])


def test_a_gnn_config_of_another_model_is_refused():
    text = json.dumps(gnn_config())
    with pytest.raises(OptionError) as caught:
        from_metadata({"gnn_config": text}, BATCHLESS[:2], "gnn.onnx")
    assert str(caught.value) == (
        "gnn.onnx: gnn_config: input_sequences[1].name is 'flows' with 2 variables: no input of the"
        " model has that many"
    )
    with pytest.raises(OptionError, match=r"gnn\.onnx: gnn_config: is not JSON"):
        from_metadata({"gnn_config": "{"}, BATCHLESS, "gnn.onnx")


@pytest.mark.parametrize(
    "text", ['["a", "b"]', "['a', 'b']", "a,b", "array(['a', 'b'], dtype=object)"]
)
def test_names_of_scikit_learn(text):
    ports = [FakePort("float_input", (None, 2))]
    read = from_metadata({"feature_names_in_": text}, ports, "m.onnx")
    assert read.feature_names() == ["a", "b"]
    assert read.inputs[0].name == "float_input"
    with pytest.raises(OptionError, match=r"has 2 names, but input 'float_input' is \[N, 3\]"):
        from_metadata({"feature_names_in_": text}, [FakePort("float_input", ("N", 3))], "m.onnx")


def test_metadata_that_tell_nothing_of_inputs():
    ports = [FakePort("x", ("N", 2)), FakePort("y", ("N", 1))]
    assert from_metadata({}, ports, "m.onnx") is None
    assert from_metadata({"feature_names_in_": '["a", "b", "c"]'}, ports, "m.onnx") is None
    assert from_metadata({"feature_names_in_": '["a", 1]'}, ports[:1], "m.onnx") is None


ODD = [None, True, -1, 0, 1e300, "", "a\x1b[31m", [], {}, [1], ["a", "a"], {"a": 1}, [[]], 10**400]


def mutated(value, path=()):
    """Yields copies of a document with one part replaced, taken out, or doubled."""
    yield from ODD
    if isinstance(value, dict):
        for key, item in value.items():
            yield {k: v for k, v in value.items() if k != key}
            for other in mutated(item):
                yield {**value, key: other}
    if isinstance(value, list):
        yield value + value
        for k, item in enumerate(value):
            for other in mutated(item):
                yield [*value[:k], other, *value[k + 1 :]]


@pytest.mark.parametrize(
    "document", [WEAVER, LWTNN_GRAPH, gnn_config()], ids=["weaver", "lwtnn", "gnn"]
)
def test_no_damage_ends_in_another_error(tmp_path, document):
    path = tmp_path / "damaged.json"
    read, said = 0, []
    for damaged in mutated(document):
        path.write_text(json.dumps(damaged), encoding="utf-8")
        try:
            read_specification(path)
        except OptionError as error:
            said.append(str(error))
        else:
            read += 1
    assert [line for line in said if not line.startswith(f"{path}: ")] == []
    assert [line for line in said if not line.isprintable()] == []
    assert min(read, len(said)) > 5
