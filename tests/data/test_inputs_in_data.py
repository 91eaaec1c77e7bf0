"""One array, column of lists, or group of columns for each input of a model."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from onnxtaylor.data import ColumnRequest, InputRequest, in_memory, open_source
from onnxtaylor.errors import DataError, OptionError

JET = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
PF = np.arange(12.0).reshape(2, 2, 3) + 10  # 2 variables, 3 slots
MASK = np.array([[True, True, False], [True, False, False]])
RUN = np.array([281, 282])
KIND = np.array(["mu", "e"])
Y = np.array(["s", "b"])
ARRAYS = {"jet": JET, "pf": PF, "mask": MASK, "run": RUN, "kind": KIND, "y": Y}
INPUTS = (
    InputRequest("jet", (3,)),
    InputRequest("mask", ("slots",), context=True),
    InputRequest("pf", (2, "slots")),
    InputRequest("run", (), context=True),
    InputRequest("kind", (1,), text=True),
)
REQUEST = ColumnRequest(None, label="y", inputs=INPUTS)
FEATURES = ("jet[0]", "jet[1]", "jet[2]", "pf[0,0]", "pf[0,1]", "pf[0,2]")
FEATURES += ("pf[1,0]", "pf[1,1]", "pf[1,2]")
CONTEXT = ("mask[0]", "mask[1]", "mask[2]", "run", "kind")
ROWS = [
    [1, 2, 3, 10, 11, 12, 13, 14, 15, 1, 1, 0, 281, 0],
    [4, 5, 6, 16, 17, 18, 19, 20, 21, 1, 0, 0, 282, 1],
]
JAGGED = [[[1.0, 2.0]], [], [[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]]
JAGGED_ROWS = [[1, 2, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0], [3, 4, 5, 6, 7, 8, 3]]


def of_pandas(columns):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({name: list(values) for name, values in columns.items()})


def arrow(columns):
    lists = {n: v.tolist() if isinstance(v, np.ndarray) else v for n, v in columns.items()}
    return pa.table({name: pa.array(values) for name, values in lists.items()})


def of_polars(columns):
    return pytest.importorskip("polars").from_arrow(arrow(columns))


def fixed(columns):
    """Lists whose types tell their lengths."""
    table = arrow({name: v for name, v in columns.items() if name not in ("jet", "pf")})
    jet, pf = pa.list_(pa.float32(), 3), pa.list_(pa.list_(pa.float64(), 3), 2)
    table = table.append_column("jet", pa.array(JET.tolist(), jet))
    return table.append_column("pf", pa.array(PF.tolist(), pf))


FRAMES = {"dict": dict, "pandas": of_pandas, "polars": of_polars, "pyarrow": arrow, "fixed": fixed}


def write(path, columns):
    if path.suffix == ".npz":
        np.savez(path, **columns)
    elif path.suffix == ".parquet":
        pq.write_table(arrow(columns), path, row_group_size=1)
    elif path.suffix == ".feather":
        pyarrow.feather.write_feather(arrow(columns), str(path), chunksize=1)
    else:
        table = arrow(columns)
        with pa.ipc.new_stream(path, table.schema) as stream:
            stream.write_table(table, max_chunksize=1)
    return path


def read(source):
    parts = [np.concatenate([b.x for b in source.batches(size)]) for size in (1, 2, 9)]
    np.testing.assert_array_equal(parts[0], parts[1])
    np.testing.assert_array_equal(parts[0], parts[2])
    return parts[0]


def assert_rows(source):
    assert source.feature_names == FEATURES
    assert source.context_names == CONTEXT
    np.testing.assert_array_equal(read(source), ROWS)
    assert source.texts == {"kind": ["mu", "e"]}
    assert source.sizes["pf"] == (2, 3)
    assert source.sizes["mask"] == (3,)
    assert source.lengths == {}
    assert next(source.batches(9)).labels.tolist() == ["s", "b"]


@pytest.mark.parametrize("ending", ["npz", "parquet", "feather", "ipc"])
def test_every_file_gives_the_same_rows(tmp_path, ending):
    assert_rows(open_source([write(tmp_path / f"t.{ending}", ARRAYS)], request=REQUEST))


@pytest.mark.parametrize("kind", FRAMES)
def test_every_frame_gives_the_same_rows(kind):
    assert_rows(in_memory(FRAMES[kind](ARRAYS), REQUEST))
    arrays = {name: values for name, values in ARRAYS.items() if name != "y"}
    bare = ColumnRequest(None, inputs=INPUTS)
    assert_rows(in_memory(FRAMES[kind](arrays), bare, labels=Y))


def test_an_open_archive_is_a_dictionary(tmp_path):
    with np.load(write(tmp_path / "t.npz", ARRAYS)) as archive:
        assert_rows(in_memory(archive, REQUEST))


def test_flat_columns_by_name(csv_of):
    names = ["pf_1_0", "pf_1_1", "pf_1_2", "run", "jet_0", "jet_2", "jet_1", "kind", "y"]
    names += ["pf_0_0", "pf_0_1", "pf_0_2", "mask_0", "mask_1", "mask_2"]
    cells = ["13,14,15,281,1,3,2,mu,s,10,11,12,1,1,0", "19,20,21,282,4,6,5,e,b,16,17,18,1,0,0"]
    path = csv_of("\n".join([",".join(names), *cells]) + "\n")
    inputs = tuple(
        InputRequest(i.name, tuple(3 if s == "slots" else s for s in i.shape), i.context, i.text)
        for i in INPUTS
    )
    source = open_source([path], request=ColumnRequest(None, label="y", inputs=inputs))
    np.testing.assert_array_equal(read(source), ROWS)
    assert source.feature_names[:4] == ("jet_0", "jet_1", "jet_2", "pf_0_0")
    assert source.context_names == ("mask_0", "mask_1", "mask_2", "run", "kind")
    assert source.sizes == {}


@pytest.mark.parametrize(
    ("shape", "names", "order"),
    [
        ((12,), [f"pf_pt_{k}" for k in range(12)][::-1], [f"pf_pt_{k}" for k in range(12)]),
        ((3,), ["pf[1]", "pf[2]", "pf[0]"], ["pf[0]", "pf[1]", "pf[2]"]),
        ((3, 1), ["pf3", "pf1", "pf2"], ["pf1", "pf2", "pf3"]),
        ((3,), ["pf_pt", "pf_eta", "pf_phi"], ["pf_pt", "pf_eta", "pf_phi"]),
        (
            (2, 3),
            ["pf_pt_0", "pf_e_0", "pf_pt_1", "pf_e_1", "pf_pt_2", "pf_e_2"],
            ["pf_pt_0", "pf_pt_1", "pf_pt_2", "pf_e_0", "pf_e_1", "pf_e_2"],
        ),
        (
            (3, 2),
            ["pf_pt_0", "pf_pt_1", "pf_pt_2", "pf_e_0", "pf_e_1", "pf_e_2"],
            ["pf_pt_0", "pf_e_0", "pf_pt_1", "pf_e_1", "pf_pt_2", "pf_e_2"],
        ),
        ((2, 2), ["pf_pt_0", "pf_pt_1", "pf_e_0", "pf_e_1"], None),  # either axis may be the slot
        ((3,), ["pf_0", "pf_1", "pf_3"], None),  # a gap
        ((3,), ["pf_0", "pf_1"], None),
        ((2,), ["pf_0", "pf_1", "pf_2"], None),
        ((1,), ["pf_error"], None),  # no number, and not the input's name
        ((2, 3), [f"pf_{v}" for v in "abcdef"], None),
    ],
)
def test_how_columns_are_ordered(csv_of, shape, names, order):
    cells = ",".join(str(k) for k in range(len(names)))
    path = csv_of(f"{','.join(names)},other\n{cells},7\n")
    inputs = (InputRequest("pf", shape), InputRequest("other", ()))
    request = ColumnRequest(None, inputs=inputs)
    if order is None:
        with pytest.raises(DataError, match="nothing that feeds the input 'pf'") as caught:
            open_source([path], request=request)
        assert "feature_names=…" in str(caught.value)
        return
    source = open_source([path], request=request)
    assert source.feature_names == (*order, "other")
    assert read(source).tolist() == [[*(names.index(name) for name in order), 7]]


def test_a_longer_name_takes_its_columns_first(csv_of):
    path = csv_of("pf_0,pf_mask_0,pf_1,pf_mask_1\n1,0,2,1\n")
    inputs = (InputRequest("pf_mask", (2,), context=True), InputRequest("pf", (2,)))
    source = open_source([path], request=ColumnRequest(None, inputs=inputs))
    assert (source.feature_names, read(source).tolist()) == (("pf_0", "pf_1"), [[1, 2, 0, 1]])


def test_one_input_keeps_its_counted_columns(csv_of, tmp_path):
    one = (InputRequest("input_1", (2,)),)
    path = csv_of("pt,eta,w\n1,2,3\n")
    source = open_source([path], request=ColumnRequest(2, weight="w", inputs=one))
    assert (source.feature_names, read(source).tolist()) == (("pt", "eta"), [[1, 2]])
    held = (*one, InputRequest("w", (), context=True))
    source = open_source([path], request=ColumnRequest(2, inputs=held))
    assert (source.feature_names, source.context_names) == (("pt", "eta"), ("w",))
    with pytest.raises(DataError, match="has 3 columns left for features, but the model has 2"):
        open_source([path], request=ColumnRequest(2, inputs=one))
    np.save(tmp_path / "x.npy", JET)
    three = (InputRequest("input_1", (3,)),)
    source = open_source([tmp_path / "x.npy"], request=ColumnRequest(3, inputs=three))
    assert (source.feature_names, read(source).tolist()) == (None, JET.tolist())
    for columns in ({"x": JET, "mask": MASK}, {"input_1": JET, "mask": MASK}):
        request = ColumnRequest(3, inputs=(*three, InputRequest("mask", (3,), context=True)))
        source = in_memory(columns, request)
        assert read(source)[1].tolist() == [4, 5, 6, 1, 0, 0]
    assert in_memory({"input_1": JET}, ColumnRequest(3, inputs=three)).feature_names is None


def test_a_file_without_names_is_counted_features_first(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(12.0).reshape(2, 6))
    inputs = (
        InputRequest("a", (2,)),
        InputRequest("mask", (1,), context=True),
        InputRequest("b", (3,)),
    )
    source = open_source([tmp_path / "x.npy"], request=ColumnRequest(5, inputs=inputs))
    assert source.feature_names is None
    np.testing.assert_array_equal(read(source), np.arange(12.0).reshape(2, 6))
    source = in_memory(np.arange(12.0).reshape(2, 6), ColumnRequest(5, inputs=inputs))
    assert (source.context_names, read(source).shape) == (("mask",), (2, 6))
    with pytest.raises(DataError, match="6 columns without names, but the model takes 2 features"):
        open_source([tmp_path / "x.npy"], request=ColumnRequest(2, inputs=inputs[:2]))


def test_names_of_the_model_and_of_the_user_find_columns(csv_of):
    path = csv_of("p,q,r,s\n1,2,3,4\n")
    inputs = (InputRequest("a", (2,)), InputRequest("b", (1,)))
    named = ColumnRequest(3, features=("s", "p", "q"), inputs=inputs)
    assert read(open_source([path], request=named)).tolist() == [[4, 1, 2]]
    offered = ColumnRequest(3, offered=("r", "q", "p"), inputs=inputs)
    assert read(open_source([path], request=offered)).tolist() == [[3, 2, 1]]
    with pytest.raises(DataError, match="has 2 names, but the model has 3 inputs"):
        open_source([path], request=ColumnRequest(3, features=("s", "p"), inputs=inputs))
    new = ColumnRequest(None, features=("u", "v", "w"), inputs=(InputRequest("jet", (3,)),))
    assert in_memory({"jet": JET}, new).feature_names == ("u", "v", "w")
    with pytest.raises(OptionError, match="one name for each of the 3 features, got 2"):
        in_memory({"jet": JET}, ColumnRequest(None, features=("u", "v"), inputs=new.inputs))


def test_a_single_input_of_more_axes_is_one_array():
    one = ColumnRequest(None, inputs=(InputRequest("image", (2, None)),))
    source = in_memory(PF, one)
    assert (source.feature_names[4], source.sizes) == ("image[1,1]", {"image": (2, 3)})
    np.testing.assert_array_equal(read(source), PF.reshape(2, 6))


def test_inputs_that_are_no_keys_are_told(tmp_path):
    arrays = {**ARRAYS, "pfs": PF}
    del arrays["pf"]
    with pytest.raises(DataError) as caught:
        in_memory(arrays, REQUEST)
    assert str(caught.value).startswith(
        "the data has nothing that feeds the input 'pf' [2, slots]: did you mean 'pfs'"
    )
    path = write(tmp_path / "t.npz", arrays)
    with pytest.raises(DataError, match=r"t\.npz has nothing that feeds the input 'pf'"):
        open_source([path], request=REQUEST)
    del arrays["mask"]
    with pytest.raises(DataError, match=r"the inputs? "):
        in_memory({**arrays, "pf": PF}, REQUEST)


WRONG = {
    "length": ({"run": RUN[:1]}, "array 'run' has 1: save arrays with one entry for each event"),
    "rank": ({"pf": PF[:, 0]}, "'pf' has 1 axis behind the events [3], but the model's input 'pf'"),
    "size": ({"pf": PF[:, :1]}, "'pf' has 1 elements along axis 1, but", "takes 2"),
    "wide": ({"jet": PF[:, :, 0]}, "'jet' has 2 elements along axis 1", "takes 3"),
    "shared": ({"mask": MASK[:, :2]}, "'mask' has 2 elements, 'pf' has 3", "one size 'slots'"),
    "empty": ({"pf": PF[:, :, :0], "mask": MASK[:, :0]}, "'pf' has no element in any event"),
    "nan": ({"pf": np.where(PF == 17, np.nan, PF)}, "column 'pf[0,1]' in row 2 is NaN"),
    "inexact": ({"run": RUN + 2**53}, "column 'run' in row 1 is 9007199254741273"),
    "numbers": ({"kind": RUN * 0.5}, "column 'kind' holds float64", "takes texts"),
    "texts": ({"jet": np.full((2, 3), "u")}, "'jet' holds text, but the model takes numbers"),
    "mixed": ({"pf": [[[1, 2], [3]], [[1, 2], [3, 4]]]}, "'pf' in row 1 has lists of 2 and of 1"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_arrays_that_do_not_fit(wrong, holds):
    change, *said = WRONG[wrong]
    with pytest.raises(DataError) as caught:
        list(in_memory({**ARRAYS, **change}, REQUEST).batches(9))
    holds(str(caught.value), *said)
    assert "\n" not in str(caught.value)


def test_whole_numbers_in_arrays_are_exact():
    request = ColumnRequest(
        None, inputs=(InputRequest("a", (1,)), InputRequest("id", (2,), context=True))
    )
    for ids in ([[1, 2], [3, 2**53 + 1]], [[1, 2], [-(2**63), 3]]):
        with pytest.raises(DataError, match=r"'id' in row 2 is -?9\d* ?.*2\^53"):
            list(in_memory({"a": [1.0, 2.0], "id": np.array(ids)}, request).batches(9))
        lists = pa.table({"a": [1.0, 2.0], "id": ids})
        with pytest.raises(DataError, match=r"'id' in row 2 is -?9\d* ?.*2\^53"):
            list(in_memory(lists, request).batches(9))


SET = (InputRequest("pf", ("n", 2)),)


def object_array(lists):
    values = np.empty(len(lists), object)
    for k, event in enumerate(lists):
        values[k] = np.array(event).reshape(-1, 2)
    return values


SETS = {
    "lists": lambda: {"pf": JAGGED},
    "objects": lambda: {"pf": object_array(JAGGED)},
    "bare": lambda: JAGGED,
    "pyarrow": lambda: pa.table({"pf": JAGGED}),
    "large": lambda: pa.table({"pf": pa.array(JAGGED, pa.large_list(pa.list_(pa.float32(), 2)))}),
    "pandas": lambda: pytest.importorskip("pandas").DataFrame({"pf": JAGGED}),
    "polars": lambda: pytest.importorskip("polars").DataFrame({"pf": JAGGED}),
    "awkward": lambda: {"pf": pytest.importorskip("awkward").Array(JAGGED)},
}


@pytest.mark.parametrize("kind", SETS)
def test_jagged_sets_are_padded_with_their_length(kind):
    source = in_memory(SETS[kind](), ColumnRequest(None, inputs=SET))
    np.testing.assert_array_equal(read(source), JAGGED_ROWS)
    assert source.feature_names[2:4] == ("pf[1,0]", "pf[1,1]")
    assert source.context_names == ("length(pf)",)
    assert source.lengths == {"pf": "length(pf)"}
    assert source.sizes == {"pf": (3, 2)}


@pytest.mark.parametrize("ending", ["parquet", "feather", "ipc"])
def test_jagged_sets_in_files(tmp_path, ending):
    paths = []
    for k, part in enumerate((JAGGED[:2], JAGGED[2:])):
        path = tmp_path / f"{k}.{ending}"
        table = pa.table({"pf": pa.array(part, pa.list_(pa.list_(pa.float64())))})
        if ending == "parquet":
            pq.write_table(table, path)
        elif ending == "feather":
            pyarrow.feather.write_feather(table, str(path), chunksize=1)
        else:
            with pa.ipc.new_stream(path, table.schema) as stream:
                stream.write_table(table, max_chunksize=1)
        paths.append(path)
    source = open_source(paths, request=ColumnRequest(None, inputs=SET))
    np.testing.assert_array_equal(read(source), JAGGED_ROWS)
    assert source.context_names == ("length(pf)",)


def test_archives_of_two_widths_are_padded_to_the_wider(tmp_path):
    np.savez(tmp_path / "a.npz", pf=np.array(JAGGED[0])[None])
    np.savez(tmp_path / "b.npz", pf=np.array(JAGGED[2])[None])
    paths = [tmp_path / "a.npz", tmp_path / "b.npz"]
    source = open_source(paths, request=ColumnRequest(None, inputs=SET))
    np.testing.assert_array_equal(read(source), [JAGGED_ROWS[0], JAGGED_ROWS[2]])


@pytest.mark.parametrize("kind", ["lists", "pyarrow", "awkward"])
def test_variables_before_slots(kind):
    lists = [[[1.0, 2.0], [3.0, 4.0]], [[5.0], [6.0]], [[], []]]
    data = {"lists": dict, "pyarrow": pa.table}.get(kind)
    columns = {"pf": lists, "met": [0.5, 1.5, 2.5], "mask": [[1, 1], [1], []]}
    if data is None:
        awkward = pytest.importorskip("awkward")
        data = dict
        columns = {name: awkward.Array(values) for name, values in columns.items()}
    inputs = (
        InputRequest("pf", (2, "n")),
        InputRequest("mask", ("n",), context=True),
        InputRequest("met", (1,)),
    )
    source = in_memory(data(columns), ColumnRequest(None, inputs=inputs))
    rows = [
        [1, 2, 3, 4, 0.5, 1, 1, 2, 2],
        [5, 0, 6, 0, 1.5, 1, 0, 1, 1],
        [0, 0, 0, 0, 2.5, 0, 0, 0, 0],
    ]
    np.testing.assert_array_equal(read(source), rows)
    assert source.feature_names == ("pf[0,0]", "pf[0,1]", "pf[1,0]", "pf[1,1]", "met")
    assert source.context_names == ("mask[0]", "mask[1]", "length(pf)", "length(mask)")


def test_sets_with_one_size_must_agree_event_by_event():
    inputs = (InputRequest("pf", ("n", 2)), InputRequest("mask", ("n",), context=True))
    request = ColumnRequest(None, inputs=inputs)
    with pytest.raises(DataError, match="'mask' has 0 to 1 elements, 'pf' has 0 to 3"):
        in_memory({"pf": JAGGED, "mask": [[1], [1], []]}, request)
    with pytest.raises(DataError, match="'mask' has 1 to 3 elements, 'pf' has 0 to 3"):
        in_memory({"pf": JAGGED, "mask": [[1], [1], [1, 1, 1]]}, request)
    bad = {"pf": JAGGED, "mask": [[1, 1, 1], [1], []]}
    with pytest.raises(DataError, match="row 1 has 1 elements in 'pf' and 3 in 'mask'"):
        list(in_memory(bad, request).batches(9))


def test_sets_are_padded_to_a_fixed_number_of_slots_if_that_is_a_slot():
    fixed = (InputRequest("pf", (4, 2), slot=0),)
    source = in_memory({"pf": JAGGED}, ColumnRequest(None, inputs=fixed))
    assert source.sizes == {"pf": (4, 2)}
    assert read(source)[2].tolist() == [3, 4, 5, 6, 7, 8, 0, 0, 3]
    for shape, slot in (((4, 2), None), ((2, 2), 0)):
        with pytest.raises(DataError, match="'pf' has 0 to 3 elements along axis 1, but"):
            in_memory(
                {"pf": JAGGED}, ColumnRequest(None, inputs=(InputRequest("pf", shape, slot=slot),))
            )


def test_missing_numbers_and_lists(holds):
    request = ColumnRequest(None, inputs=(InputRequest("pf", ("n",)),))
    for lists, said in (
        ([[1.0], [2.0, None]], "column 'pf[1]' in row 2 is NaN"),
        ([[1.0], None], "'pf' in row 2 is null"),
    ):
        with pytest.raises(DataError) as caught:
            list(in_memory(pa.table({"pf": lists}), request).batches(9))
        holds(str(caught.value), said)
    missing = ColumnRequest(None, inputs=request.inputs, missing=np.nan)
    table = pa.table({"pf": [[1.0], [2.0, None]]})
    np.testing.assert_array_equal(read(in_memory(table, missing)), [[1, 0, 1], [2, np.nan, 2]])


def test_texts_in_lists_have_codes_by_column():
    inputs = (InputRequest("a", ()), InputRequest("tag", (2,), text=True))
    columns = {"a": [1.0, 2.0], "tag": [["u", "v"], ["v", "w"]]}
    for data in (columns, pa.table(columns)):
        source = in_memory(data, ColumnRequest(None, inputs=inputs))
        assert read(source).tolist() == [[1, 0, 0], [2, 1, 1]]
        assert source.texts == {"tag[0]": ["u", "v"], "tag[1]": ["v", "w"]}


def test_many_events_against_a_loop():
    random = np.random.default_rng(0)
    lists = [random.normal(size=(random.integers(0, 40), 3)) for _ in range(3000)]
    most = max(map(len, lists))
    expected = np.zeros((3000, most, 3))
    for k, event in enumerate(lists):
        expected[k, : len(event)] = event
    source = in_memory(
        pa.table({"pf": [event.tolist() for event in lists]}),
        ColumnRequest(None, inputs=(InputRequest("pf", ("n", 3)),)),
    )
    x = np.concatenate([b.x for b in source.batches(777)])
    np.testing.assert_array_equal(x[:, :-1], expected.reshape(3000, -1))
    np.testing.assert_array_equal(x[:, -1], [len(event) for event in lists])


BRANCHES = {"pt": [[1.0], [2.0, 3.0], []], "eta": [[4.0], [5.0, 6.0], []], "met": [7.0, 8.0, 9.0]}


@pytest.mark.parametrize("kind", ["dict", "pandas", "polars", "pyarrow"])
def test_an_input_may_name_a_branch_for_each_variable(kind):
    columns = BRANCHES
    first = InputRequest("pf", (2, "n"), columns=("eta", "pt"))
    source = in_memory(FRAMES[kind](columns), ColumnRequest(None, inputs=(first,)))
    assert source.feature_names == ("pf[0,0]", "pf[0,1]", "pf[1,0]", "pf[1,1]")
    assert read(source).tolist() == [[4, 0, 1, 0, 1], [5, 6, 2, 3, 2], [0, 0, 0, 0, 0]]
    last = InputRequest("pf", (4, 2), columns=("eta", "pt"), variable=1, slot=0)
    other = InputRequest("jet", (1,), columns=("met",))
    source = in_memory(FRAMES[kind](columns), ColumnRequest(None, inputs=(last, other)))
    assert source.sizes == {"pf": (4, 2)}
    assert source.feature_names[-2:] == ("pf.v1[3]", "met")
    assert read(source)[1].tolist() == [5, 2, 6, 3, 0, 0, 0, 0, 8, 2]


def test_branches_that_do_not_fit():
    def fault(change, **named):
        item = InputRequest("pf", (2, None), **{"columns": ("pt", "eta"), **named})
        request = ColumnRequest(None, inputs=(item,))
        with pytest.raises(DataError) as caught:
            list(in_memory({**BRANCHES, **change}, request).batches(9))
        return str(caught.value)

    assert "no column 'et', which feeds the input 'pf' [2, ?]" in fault({}, columns=("pt", "et"))
    assert "takes 2 variables along axis 1, but has 1" in fault({}, columns=("pt",))
    short = fault({"eta": [[4.0], [5.0], []]})
    assert "'eta' has 0 to 1 elements, 'pt' has 0 to 2, but both feed" in short
    swapped = fault({"eta": [[4.0, 5.0], [6.0], []]})
    assert "row 1 has 1 elements in 'pt' and 2 in 'eta'" in swapped


def test_one_input_prefers_the_order_of_the_table_where_all_columns_are_its_own(csv_of):
    one = ColumnRequest(2, inputs=(InputRequest("x", (2,)),))
    path = csv_of("x1,x0\n1,2\n")
    assert open_source([path], request=one).feature_names == ("x1", "x0")
    path = csv_of("x1,x0,event\n1,2,3\n", "more.csv")
    assert open_source([path], request=one).feature_names == ("x0", "x1")
