"""A file becomes a model, or one line that says why not."""

import re

import numpy as np
import onnx
import pytest
from onnx import helper

from onnxtaylor.errors import ModelError
from onnxtaylor.graph import read_model
from tests.graph.graphs import F32, model, net, op, port


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


def test_file_bytes_and_proto_are_the_same_model(tmp_path):
    proto = net()
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    loaded = [read_model(source) for source in (path, str(path), path.read_bytes(), proto)]
    assert len({m.sha256 for m in loaded}) == 1
    assert all(m.proto == proto for m in loaded)
    assert loaded[0].path == str(path)


def test_a_model_in_memory_is_copied():
    proto = net()
    read_model(proto).proto.graph.name = "other"
    assert proto.graph.name == "graph"


def test_every_truncation_is_refused(tmp_path):
    content = net(metadata={"feature_names": "a,b,c"}).SerializeToString()
    whole = onnx.ModelProto.FromString(content)
    path = tmp_path / "cut.onnx"
    messages = []
    for length in range(len(content)):
        path.write_bytes(content[:length])
        try:
            cut = read_model(path).proto
        except ModelError as error:
            messages.append(str(error))
        else:
            # cut exactly behind the operator sets: only the metadata is gone
            assert cut.graph == whole.graph
            assert cut.opset_import == whole.opset_import
    assert len(messages) >= len(content) - 1
    assert all(text.startswith(str(path)) and "\n" not in text for text in messages)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "not an ONNX model"),
        (b"a,b,c\n1,2,3\n", "not an ONNX model"),
        (bytes(1000), "not an ONNX model"),
        (b"PK\x03\x04" + bytes(100), "not an ONNX model"),
        (np.random.default_rng(0).bytes(5000), "not an ONNX model"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(tmp_path, content, says):
    path = tmp_path / "file.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=says) as error:
        read_model(path)
    assert one_line(error).startswith(str(path))


def test_random_bytes_never_raise_anything_else():
    random = np.random.default_rng(3)
    for length in random.integers(1, 200, 500):
        with pytest.raises(ModelError):
            read_model(random.bytes(int(length)))


def test_missing_files_directories_and_devices_are_refused(tmp_path):
    for path, says in (
        (tmp_path / "none.onnx", "no such file"),
        (tmp_path, "is a directory"),
        ("/dev/zero", "is a device"),
        ("a\0b.onnx", "cannot be read"),
        ("x" * 5000, "cannot be read"),
    ):
        with pytest.raises(ModelError, match=says) as error:
            read_model(path)
        one_line(error)


def test_a_name_with_control_characters_is_shown_escaped(tmp_path):
    path = tmp_path / "a\x1b[31m\nb.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError) as error:
        read_model(path)
    assert "\\x1b" in one_line(error)


def test_a_graph_without_outputs_is_no_model():
    proto = net()
    del proto.graph.output[:]
    with pytest.raises(ModelError, match="no graph with outputs"):
        read_model(proto)


def test_a_model_that_imports_no_operator_set_is_truncated():
    with pytest.raises(ModelError, match="operator set"):
        read_model(net(opset=None))


# external tensors


def external(folder, location="weights.bin", **entries):
    """A net whose W1 lies in another file, which is written unless told otherwise."""
    proto = net()
    tensor = proto.graph.initializer[0]
    content, tensor.raw_data = tensor.raw_data, b""
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path, content


@pytest.mark.parametrize("location", ["weights.bin", "deeper/weights.bin", "./weights.bin"])
def test_external_tensors_inside_the_folder_are_read(tmp_path, location):
    path, content = external(tmp_path, location)
    (tmp_path / "deeper").mkdir()
    (tmp_path / location).write_bytes(content)
    assert read_model(path).proto == net()


def test_external_tensors_are_found_from_any_current_folder(tmp_path, monkeypatch):
    _, content = external(tmp_path)
    (tmp_path / "weights.bin").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    assert read_model("model.onnx").proto == net()


@pytest.mark.parametrize("with_length", [True, False])
def test_a_part_of_a_shared_file_is_read(tmp_path, with_length):
    length = {"length": 48} if with_length else {}
    path, content = external(tmp_path, offset=16, **length)
    (tmp_path / "weights.bin").write_bytes(bytes(16) + content + bytes(8))
    assert read_model(path).proto == net()


@pytest.mark.parametrize(
    "location",
    [
        "../secret.bin",
        "/etc/passwd",
        "deeper/../../secret.bin",
        "",
        "link.bin",
        "folder/secret.bin",
    ],
)
def test_nothing_outside_the_folder_is_opened(tmp_path, location):
    (tmp_path / "secret.bin").write_bytes(bytes(48))
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "folder").symlink_to(tmp_path)
    path, _ = external(folder, location)
    with pytest.raises(ModelError, match="outside the model's folder") as error:
        read_model(path)
    assert str(path) in one_line(error)


@pytest.mark.parametrize(
    ("size", "entries", "says"),
    [
        (None, {}, "missing"),
        (47, {}, "too short"),
        (48, {"offset": 1}, "too short"),
        (48, {"offset": 2**62}, "too short"),
        (48, {"offset": -1}, "damaged"),
        (48, {"offset": "zero"}, "cannot be read"),
        (48, {"length": 12}, "damaged"),
        (48, {"length": -1}, "damaged"),
        (48, {"location": "w\0.bin"}, "cannot be read"),
        (48, {"location": "w" * 5000}, "cannot be read"),
    ],
)
def test_damaged_external_tensors_are_refused(tmp_path, size, entries, says):
    path, _ = external(tmp_path, **entries)
    if size is not None:
        (tmp_path / "weights.bin").write_bytes(bytes(size))
    with pytest.raises(ModelError, match=says) as error:
        read_model(path)
    assert "'W1'" in one_line(error)


def test_a_loop_of_links_is_refused(tmp_path):
    path, _ = external(tmp_path)
    (tmp_path / "weights.bin").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(ModelError):
        read_model(path)


def test_a_tensor_too_large_for_a_protobuf_is_refused_before_it_is_read(tmp_path):
    path, _ = external(tmp_path)
    proto = onnx.load(path, load_external_data=False)
    proto.graph.initializer[0].dims[:] = [2**20, 2**20]
    path.write_bytes(proto.SerializeToString())
    (tmp_path / "weights.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="2 GiB"):
        read_model(path)


def test_external_tensors_of_attributes_and_subgraphs_are_read(tmp_path):
    inner = onnx.TensorProto(name="c", data_type=F32, dims=[2])
    inner.data_location = onnx.TensorProto.EXTERNAL
    inner.external_data.add(key="location", value="c.bin")
    branch = helper.make_graph(
        [op("Constant", [], ["k"], value=inner), op("Identity", ["k"], ["b"])],
        "b",
        [],
        [port("b", [2])],
    )
    proto = model(
        [op("If", ["t"], ["y"], then_branch=branch, else_branch=branch)],
        [port("t", [1], onnx.TensorProto.BOOL)],
        [port("y", [2])],
    )
    path = tmp_path / "if.onnx"
    path.write_bytes(proto.SerializeToString())
    (tmp_path / "c.bin").write_bytes(np.array([1, 2], np.float32).tobytes())
    content = read_model(path).proto.SerializeToString()
    assert b"c.bin" not in content
    assert content.count(np.array([1, 2], np.float32).tobytes()) == 2


def test_bytes_with_external_tensors_are_refused(tmp_path, monkeypatch):
    """onnxruntime would look for them in the current folder."""
    path, content = external(tmp_path)
    (tmp_path / "weights.bin").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    for source in (path.read_bytes(), onnx.load(path, load_external_data=False)):
        with pytest.raises(ModelError, match=re.escape("'W1' lies in another file")):
            read_model(source)
