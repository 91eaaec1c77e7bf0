"""Trees, friends, folders, patterns and addresses on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.data.conftest import write_root

pytest.importorskip("uproot")

N = 40
COLUMNS = {name: np.random.default_rng(k).normal(size=N) for k, name in enumerate("abc")}
WORDS = ("--bootstrap", "0", "--check", "0", "--order", "1")


@pytest.fixture
def trees(place):
    write_root(place / "one.root", {"t": COLUMNS, "u": {"w": np.arange(1.0, N + 1)}})
    write_root(place / "two.root", {"t": COLUMNS, "u": {"w": np.ones(N)}})
    write_root(place / "friend.root", {"v": {"w": np.arange(1.0, N + 1)}})
    return place


def weights(place, cli, *words):
    status, _, err = cli("analyze", "model.onnx", *words, *WORDS, "-q", "-o", "result.json")
    assert status == 0, err
    data = json.loads((place / "result.json").read_text())["data"]
    return data["events"], data["sum_weight"], data["sources"]


def test_a_tree_by_its_name_and_by_an_option(trees, cli):
    for words in (["one.root:t"], ["one.root", "--tree", "t"]):
        assert weights(trees, cli, *words) == (N, N, ["one.root:t"])
    two = (2 * N, 2 * N, ["one.root:t", "two.root:t"])
    assert weights(trees, cli, "???.root:t") == two


def test_friends_bring_columns(trees, cli):
    expected = (N, N * (N + 1) / 2, ["one.root:t"])
    for friend in ("friend.root:v", "friend.root", ":u"):
        found = weights(trees, cli, "one.root:t", "--friend", friend, "--weight", "w")
        assert found == expected


def test_names_that_do_not_fit_are_one_line(trees, refused):
    words = ("analyze", "model.onnx")
    assert "name one, such as one.root:t, or with --tree" in refused(*words, "one.root")
    message = refused(*words, "one.root:t", "--friend", "two.root")
    assert "two.root holds 2 trees" in message
    message = refused(*words, "one.root:t", "two.root:t", "--friend", "friend.root")
    assert "--friend names 1 trees with 'friend.root', but the data are 2 files" in message
    assert "--tree names the tree 't', but events.csv is no" in refused(
        *words, "events.csv", "--tree", "t"
    )
    assert "none-*.root: no file has a name of this pattern" in refused(*words, "none-*.root")
    message = refused(*words, "one.root:t", "-o", "one.root")
    assert "is read by this call" in message


def test_an_address_keeps_its_slashes(place, refused):
    fsspec = pytest.importorskip("fsspec")
    assert fsspec
    assert "memory://none/a.csv: no such file" in refused(
        "analyze", "model.onnx", "memory://none/a.csv"
    )


def test_an_audit_hashes_the_file_of_a_tree(trees, cli):
    (trees / "audit.toml").write_text('[analysis]\norder = 1\n[[checks]]\nid = "finite"\n')
    words = (
        "audit",
        "model.onnx",
        "o*.root:t",
        "--policy",
        "audit.toml",
        "--report",
        "json:a.json",
    )
    status, out, err = cli(*words)
    assert status == 0, out + err
    (data,) = json.loads((trees / "a.json").read_text())["data"]
    assert data["path"] == "one.root"
    assert len(data["sha256"]) == 64
