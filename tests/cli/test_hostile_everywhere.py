"""Hostile names through every command: inert on the terminal, in reports and in file names.

``test_hostile_names.py`` has what is said of wrong calls; the tests of the reports have what a
browser, GitHub and a Markdown reader make of them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import onnx
import pytest

from onnxtaylor.cli.flags import as_flags
from tests.cli.conftest import write_model, write_table

# a name, and how a terminal is to show it; by hand
NAMES = {
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "](x)": "](x)",
    "\"&'": "\"&'",
    "line\nend": r"line\nend",
    "\x1b[31mred\x1b[0m": r"\x1b[31mred\x1b[0m",
    "\x9b31meight bits": r"\x9b31meight bits",
    "smile 😀": "smile 😀",
    "right\u202eleft": r"right\u202eleft",
    "שלום": "שלום",
    "../../outside": "../../outside",
}
OUTPUTS = ("../../out\x1b[31m<b>", "/tmp/ab\nsolute")
CLASSES = ("../../class\x1b[31m", "](x)\u202e")
MODEL, DATA = "<script>alert(1)<_script>\x1b[31m\n](x).onnx", "שלום\u202e\"&'\n😀.csv"
COLUMNS = ("--label", "Label", "--weight", "w")
# line ends within a text are caught by what a line may begin with; JSON escapes them
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def hostile(place, monkeypatch):
    """An inner folder with hostile files and names; nothing is to be written outside of it."""
    inner = place / "in"
    inner.mkdir()
    monkeypatch.chdir(inner)
    monkeypatch.setenv("COLUMNS", "200")
    for name, seed in ((MODEL, 0), ("b" + MODEL, 1)):
        write_model(inner / name, features=len(NAMES), responses=2, output="y")
        model = onnx.load(inner / name)
        model.graph.name = "\x1b[31mgraph"
        first, second = OUTPUTS
        model.graph.output[0].name = first
        model.graph.node[-1].output[0] = first
        copied = model.graph.output.add()
        copied.CopyFrom(model.graph.output[0])
        copied.name = second
        model.graph.node.append(onnx.helper.make_node("Identity", [first], [second]))
        if seed:  # another model
            weight = onnx.numpy_helper.to_array(model.graph.initializer[1]) * 1.5
            stored = onnx.numpy_helper.from_array(weight, model.graph.initializer[1].name)
            model.graph.initializer[1].CopyFrom(stored)
        onnx.save(model, inner / name)
    write_table(inner / DATA, names=tuple(NAMES), classes=CLASSES)
    write_table(inner / f"mc{DATA}", names=tuple(NAMES), classes=CLASSES, events=200)
    return inner


@pytest.fixture
def say(hostile, cli):
    """say(…) → stdout; what is said is inert, and no file is written outside of the folder."""

    def run(*words, status=0):
        outside = {path for path in hostile.parent.rglob("*") if hostile not in path.parents}
        found = cli(*words)
        assert found.status == status, found.err
        assert not CONTROL.search(found.out + found.err)
        after = {path for path in hostile.parent.rglob("*") if hostile not in path.parents}
        assert after == outside
        return found.out

    return run


def legible(text, names=NAMES):
    """Every name can be read, whether or not a table broke it into several lines."""
    joined = re.sub(r"[\s│┃|]", "", text)
    for seen in (NAMES[name] for name in names):
        assert re.sub(r"[\s|]", "", seen) in joined, seen


def analyzed(say, model=MODEL, out="r\x1b[31m.json"):
    words = [w for name in OUTPUTS for w in ("--output", name)]
    say(
        "analyze",
        model,
        DATA,
        *COLUMNS,
        *words,
        "--order",
        "1",
        "--scale",
        "sigma",
        "-o",
        out,
        "-q",
    )
    return out


def test_analyze_rank_and_select(say):
    result = analyzed(say)
    legible(say("rank", result, "--top", "99"))
    legible(say("select", result))
    legible(say("select", result, "--inverted") + say("select", result))
    json.loads(say("select", result, "--json"))
    for kind in ("markdown", "latex"):
        say("rank", result, "--top", "99", "--format", kind, "-o", f"t\x1b[31m\n.{kind}")
        text = Path(f"t\x1b[31m\n.{kind}").read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f]", text)
    document = json.loads(say("rank", result, "--top", "99", "--json"))
    assert "\x9b31meight bits" in json.dumps(document, ensure_ascii=False)  # escaped, not lost


def test_check_and_differentiate(say):
    legible(say("check", MODEL, DATA, *COLUMNS, "--order", "1"), [])
    say("check", MODEL, DATA, *COLUMNS, "--order", "1", "--json", "--plot", "c\x1b[31m\n.png")
    say("differentiate", MODEL, "-o", "d\x1b[31m\n](x).onnx", "--order", "1")
    assert onnx.load("d\x1b[31m\n](x).onnx").graph.output
    say("inspect", MODEL, DATA, *COLUMNS)
    json.loads(say("inspect", MODEL, DATA, *COLUMNS, "--json"))


def test_compare(say):
    one, two = analyzed(say), analyzed(say, "b" + MODEL, "s\x1b[31m.json")
    assert r"\x1b[31m\n](x).onnx" in say(
        "compare", one, two, "-o", "cmp\n.json", "--plot", "cmp\x1b[31m.svg"
    )
    assert "<script>" not in Path("cmp\x1b[31m.svg").read_text(encoding="utf-8")
    models = ("compare", MODEL, "b" + MODEL, DATA, *COLUMNS, "--order", "1", "--least", "1e-6")
    assert r"\x1b[31m" in say(*models, status=1)
    json.loads(say(*models, "--json", status=1))


def test_goodness_of_fit(say):
    names = Path("names\x1b[31m.txt")
    names.write_text("smile 😀\n](x)\n<script>alert(1)</script>\n", encoding="utf-8")
    words = ("--weight", "w", "--toys", "100", "--exclude", "Label")
    text = say("gof", DATA, f"mc{DATA}", *words, "-o", "g\n.json", "--plot", "g\x1b[31m.png")
    legible(text)
    json.loads(say("gof", DATA, f"mc{DATA}", *words, "--json", "--no-pairs"))
    some = say("gof", DATA, f"mc{DATA}", *words, "--features", f"@{names}", "--no-pairs")
    legible(some, ["smile 😀", "](x)", "<script>alert(1)</script>"])
    legible(say("select", analyzed(say), "--gof", "g\n.json"))


def test_track(say):
    words = ("--data", DATA, *COLUMNS, "--order", "1", "--step-by", "order", "--top", "99")
    words += tuple(w for name in OUTPUTS for w in ("--output", name))
    out = ("-o", "p\n.json", "--csv", "p\x1b[31m.csv", "--plot", "p](x).pdf")
    legible(say("track", MODEL, "b" + MODEL, *words, *out))
    json.loads(say("track", MODEL, "b" + MODEL, *words, "--json"))


def test_report_and_figures_stay_in_their_folder(say, hostile):
    result = analyzed(say)
    say("report", result, "-o", "<script>\x1b[31m\n.html", "--title", "</title><script>\x1b[31m")
    page = Path("<script>\x1b[31m\n.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "&lt;/title&gt;&lt;script&gt;" in page
    assert not CONTROL.search(page)
    for k, group in enumerate((None, *CLASSES)):
        folder = f"../in/f{k}\x1b[31m"
        say("plot", result, "-o", folder, *(("--group", group) if group else ()))
        figures = sorted(path for path in Path(folder).rglob("*"))
        assert len(figures) >= 2
        for path in figures:
            assert path.parent.resolve() == Path(folder).resolve()
            assert path.name.isprintable()


REPORTS = ("text", "json", "markdown", "junit", "sarif", "github", "html")
POLICY = """
[[checks]]
id = "finite"
name = "\\u001b[31m<script>alert(1)</script>](x)"

[[checks]]
id = "dominance"
max-share = 0.001

[[checks]]
id = "forbidden-feature"
features = ["*"]
max-share = 0.001

[[checks]]
id = "mismodelled"

[[checks]]
id = "baseline-drift"

[[checks]]
id = "reference-agreement"
"""


def test_audit_in_every_format(say):
    baseline = analyzed(say, "b" + MODEL)
    say("gof", DATA, f"mc{DATA}", "--weight", "w", "--toys", "100", "--exclude", "Label",
        "-o", "g\n.json", "-q")  # fmt: skip
    policy = Path("](x)\x1b[31m\n.toml")
    policy.write_text(POLICY, encoding="utf-8")
    words = ["audit", MODEL, DATA, *COLUMNS, "--order", "1", "--policy", policy]
    words += ["--baseline", baseline, "--gof", "g\n.json", "--reference", "b" + MODEL]
    written = {kind: Path(f"a\x1b[31m\n](x).{kind}") for kind in REPORTS}
    told = say(*words, *(w for k, p in written.items() for w in ("--report", f"{k}:{p}")), status=1)
    assert told == as_flags(written["text"].read_text(encoding="utf-8"))
    texts = {kind: path.read_text(encoding="utf-8") for kind, path in written.items()}
    for kind, text in texts.items():
        assert not re.search("[\x00-\x08\x0b-\x1f]", text), kind
        if kind != "json":  # to the letter, for machines
            assert not CONTROL.search(text), kind
    findings = [f for c in json.loads(texts["json"])["checks"] for f in c["findings"]]
    assert {f["subject"]["name"] for f in findings} >= set(NAMES)
    results = json.loads(texts["sarif"])["runs"][0]["results"]
    said = "\n".join(one["message"]["text"] for one in results)
    junit = "".join(ET.fromstring(texts["junit"]).itertext())
    for name, seen in NAMES.items():
        assert seen in junit, name
        assert seen.replace("](", r"\](") in said, name
    assert "<script>alert" not in texts["html"]
    assert "<script>" not in re.sub(r"`+[^`]*`+", "", texts["markdown"])
    for line in texts["github"].splitlines():
        assert re.match(r"::(error|warning|notice) file=[^,\n]*,title=[^,\n]*::", line)
    for kind in REPORTS:
        say(*words, "--report", f"{kind}:-", status=1)


def test_audit_writes_a_policy_of_these_names(say):
    say("audit", "--init", MODEL, DATA, *COLUMNS, "--order", "1", "-o", "p\x1b[31m.toml")
    text = Path("p\x1b[31m.toml").read_text(encoding="utf-8")
    assert not CONTROL.search(text)
    say("audit", MODEL, DATA, "--order", "1", "--policy", "p\x1b[31m.toml")
