"""``analyze --shard``, ``survey`` and ``merge``: parts on the command line."""

from __future__ import annotations

import json

import pytest

CALL = ("analyze", "softmax.onnx", "three.csv", "--label", "Label", "--weight", "w")


@pytest.fixture
def parts(place, cli):
    for k in (1, 2, 3):
        status, out, err = cli(*CALL, "--shard", f"{k}/3", "-o", f"part-{k}.npz")
        assert status == 0, err
        assert out == ""
        assert f"saved part-{k}.npz: the sums of part {k} of 3, 20 events\n" in err
    return place


def numbers(text):
    """The document without the last digits of its numbers."""
    return json.loads(text, parse_float=lambda number: round(float(number), 11))


def test_parts_are_merged_to_the_result_of_all(parts, cli):
    assert cli(*CALL, "-o", "whole.json").status == 0
    status, out, err = cli("merge", *(f"part-{k}.npz" for k in (3, 1, 2)), "-o", "merged.json")
    assert status == 0, err
    assert "saved merged.json" in err
    assert "60 events" in out
    whole, merged = (numbers((parts / f"{n}.json").read_text()) for n in ("whole", "merged"))
    assert merged == whole


def test_merge_prints_as_analyze_does(parts, cli):
    names = [f"part-{k}.npz" for k in (1, 2, 3)]
    assert cli("merge", *names, "--top", "3", "--per-class").out.count("\n\n") > 2
    document = json.loads(cli("merge", *names, "--json", "-q").out)
    assert document["data"]["events"] == 60
    assert cli("merge", *names, "--csv", "rows.csv", "-q").status == 0
    assert (parts / "rows.csv").read_text().startswith('"method",')


def test_a_survey_saves_the_first_pass(parts, cli):
    columns = CALL[1:]
    for k in (1, 2):
        done = cli("survey", *columns, "--shard", f"{k}/2", "-o", f"survey-{k}.npz")
        assert done.status == 0, done.err
    assert cli("merge", "survey-2.npz", "survey-1.npz", "-o", "survey.npz").status == 0
    for k in (1, 2, 3):
        done = cli(*CALL, "--survey", "survey.npz", "--shard", f"{k}/3", "-o", f"again-{k}.npz")
        assert done.status == 0, done.err
        again, first = (parts / f"{name}-{k}.npz" for name in ("again", "part"))
        assert again.read_bytes() == first.read_bytes()
    done = cli("survey", *columns, "-o", "whole.npz")
    assert "saved whole.npz: the survey of 60 events\n" in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("--shard", "3/2", "-o", "p.npz"),
            "--shard must be K/N with K from 1 to N, such as 3/200",
        ),
        (("--shard", "half", "-o", "p.npz"), "--shard must be K/N"),
        (("--shard", "1/2"), "--shard has sums and no result: name their file with -o"),
        (
            ("--shard", "1/2", "-o", "p", "--json"),
            "--shard has sums and no result: leave --json out",
        ),
        (("--shard", "1/2", "-o", "p", "--csv", "c.csv"), "leave --csv out"),
        (("--shard", "1/2", "-o", "p", "--resume", "r"), "leave --resume … out"),
        (
            ("--shard", "1/2", "-o", "p", "--fold", "i % 2", "--fold-model", "softmax.onnx"),
            "--shard is of one model: leave --fold … out",
        ),
        (("--survey", "events.csv"), "events.csv: neither a part of an analysis (of --shard …)"),
        (("--dask", "local:0"), "--dask must be local:N with at least 1 process"),
    ],
)
def test_wrong_calls_are_refused(refused, words, says):
    assert says in refused(*CALL, *words)


def test_parts_of_files_by_class_and_of_a_selection(place, cli):
    """Without DATA; a part of the events that --where selects."""
    for k in range(3):
        lines = (place / "three.csv").read_text().splitlines()
        (place / f"{k}.csv").write_text("\n".join([lines[0], *lines[1 + 20 * k : 21 + 20 * k]]))
    words = [word for k in range(3) for word in ("--class", f"{k}={k}.csv")]
    words = ["softmax.onnx", *words, "--exclude", "w", "--exclude", "Label"]
    words += ["--where", "a > 0"]
    assert cli("survey", *words, "-o", "survey.npz").status == 0
    for k in (1, 2):
        further = ("--survey", "survey.npz", "--shard", f"{k}/2", "-o", f"part-{k}.npz")
        done = cli("analyze", *words, *further)
        assert done.status == 0, done.err
    assert cli("merge", "part-1.npz", "part-2.npz", "-o", "merged.json", "--per-class").status == 0
    assert cli("analyze", *words, "-o", "whole.json").status == 0
    whole, merged = (numbers((place / f"{n}.json").read_text()) for n in ("whole", "merged"))
    assert merged == whole
    assert 0 < whole["data"]["events"] < 60
    assert [group["name"] for group in whole["data"]["groups"]] == ["all", "0", "1", "2"]


def test_merge_refuses_what_does_not_belong_together(parts, cli, refused):
    assert refused("merge", "part-1.npz", "part-3.npz", "-o", "r.json").startswith(
        "part 2 of 3 is missing"
    )
    assert "no such file" in refused("merge", "part-9.npz")
    assert "neither a part" in refused("merge", "model.onnx")
    assert "is read by this call" in refused("merge", "part-1.npz", "-o", "part-1.npz")
    assert cli(*CALL, "--seed", "5", "--shard", "2/3", "-o", "part-2.npz").status == 0
    line = refused("merge", *(f"part-{k}.npz" for k in (1, 2, 3)))
    assert line == "part-2.npz does not belong to part-1.npz: seed: 5 in place of 0"


def test_the_sums_of_saved_results_are_deleted(place, cli):
    """Not before: a process may be killed in between, or the disk be full."""
    assert cli(*CALL, "--resume", "work").status == 0
    assert [path.name for path in (place / "work").iterdir()] == ["finished.npz"]
    assert cli(*CALL, "--resume", "work", "-o", "result.json").status == 0
    assert list((place / "work").iterdir()) == []
