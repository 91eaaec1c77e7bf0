"""What ``inspect`` and ``analyze`` make of 16 models by other people.

``python -m validation.models`` runs the installed command line on every model of
``$ONNXTAYLOR_DATA/models``, with 20 events of standard-normal numbers, and writes ``models.md``: a
result, or the one line that says why not and what to do, and then what comes of doing so. It fails
where a model gives a traceback,
an exit status other than 0 or 2, or more than one line of error.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from onnxtaylor.cli.console import plus_minus
from onnxtaylor.cli.forms import parse_held
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import LoadedModel, build_function, choose, read_model
from onnxtaylor.graph.normalize import modernize
from onnxtaylor.graph.promote import promote_graph
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.opening import open_model
from onnxtaylor.runtime.promotion import promote

__all__ = ["CASES", "Case", "Row", "command", "in_double", "run", "table", "visit"]

EVENTS, SEED = 20, 0
MOST_FOR_PAIRS = 60  # features; beyond, first order only
TABLE = Path(__file__).with_name("models.md")


@dataclass(frozen=True)
class Case:
    """A model, the columns of its events, and the options that its own error line asks for.

    ``steps`` are those of the second call, where the first says that there are no derivatives;
    ``whole`` asks for events of bytes.
    """

    name: str
    columns: int
    options: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    whole: bool = False

    @property
    def order(self) -> int:
        """2 where all pairs are a matter of seconds."""
        return 2 if self.columns <= MOST_FOR_PAIRS else 1


CASES = (
    Case("acasxu_1_1", 5),
    Case("marabou_tanh_controller", 4),
    Case("mandal_certificate_controller", 4),
    Case("mnist_self_attention", 784),
    Case("mnist_sigmoid_mlp", 784),
    Case("tinytaxinet", 128),
    Case("mujoco_go1_policy", 48),
    Case("godot_score_the_goal", 16),
    Case("godot_volleyball", 17),
    Case("silero_vad_op18", 576, ("--fix", "sr=16000", "--fix", "state=0")),  # 32 ms and context
    Case("magika_v3_3", 2048, steps=tuple(f"x{i}=16" for i in range(8)), whole=True),
    Case("atspm_stacker_treeensemble_v5", 46, steps=("0.5sigma",)),
    Case("atspm_funcnet_pair", 15 * 40),  # 15 channels of a length that the columns tell
    Case("surfaces_mlp_svm_surrogate", 6),
    Case("xgb_regressor_4", 4, steps=("1sigma",)),
    Case("ort_logreg_iris", 2),
)


@dataclass(frozen=True)
class Answer:
    """What a command said: ``facts`` is its JSON, ``line`` the error, ``faults`` what is wrong."""

    facts: dict[str, Any]
    line: str
    faults: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Row:
    """A model's cells of the table; ``faults`` is empty where all is well."""

    cells: tuple[str, ...]
    faults: tuple[str, ...]


def command(*arguments: str) -> Answer:
    """Runs ``onnxtaylor`` with --json in a process of its own.

    A status of 0 must come with JSON and without an error, one of 2 with exactly one line of it.
    """
    program = [sys.executable, "-m", "onnxtaylor", *arguments, "--json"]
    start = time.monotonic()
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    shown = f"onnxtaylor {arguments[0]}"
    faults = []
    if done.returncode not in (0, 2):
        faults.append(f"{shown}: exit status {done.returncode}")
    if "Traceback" in done.stdout + done.stderr:
        faults.append(f"{shown}: traceback")
    others = [x for x in done.stderr.splitlines() if not x.startswith(("error:", "warning:"))]
    if len(errors) != (done.returncode == 2) or others:
        faults.append(f"{shown}: {len(done.stderr.splitlines())} lines on stderr")
    try:
        facts = json.loads(done.stdout or "{}")
    except json.JSONDecodeError:
        facts = {}
        faults.append(f"{shown}: no JSON on stdout")
    return Answer(facts, errors[0] if errors else "", tuple(faults), seconds)


def random_events(case: Case) -> np.ndarray:
    """Standard-normal numbers, or bytes, (EVENTS, columns)."""
    if case.whole:
        bytes_ = np.random.default_rng(SEED).integers(0, 256, (EVENTS, case.columns))
        return bytes_.astype(np.float32)
    return np.random.default_rng(SEED).normal(size=(EVENTS, case.columns)).astype(np.float32)


def visit(case: Case, models: Path, engine: str = "auto") -> tuple[Answer, Answer, Answer | None]:
    """What ``inspect`` and ``analyze`` say of a model and its random events.

    Third ``analyze`` with the steps of the case, where the second was refused.
    """
    events = random_events(case)
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder) / "events.npy")
        np.save(data, events)
        arguments = [str(models / f"{case.name}.onnx"), data, *case.options]
        inspected = command("inspect", *arguments)
        order = ["--order", str(case.order), "--engine", engine, "--scale", "unit"]
        analyzed, stepped = command("analyze", *arguments, *order), None
        if analyzed.line and case.steps:
            steps = [word for step in case.steps for word in ("--finite-step", step)]
            stepped = command("analyze", *arguments, *order[:2], *steps)
        return inspected, analyzed, stepped


def in_double(case: Case, models: Path) -> str:
    """Whether a model can be evaluated in float64, or the operator that stops it."""
    model = read_model(models / f"{case.name}.onnx")
    request = ModelOptions(fix=parse_held("fix", case.options[1::2]))
    events = random_events(case).astype(np.float64)
    try:
        function = open_model(model, request, events).function
    except ModelError:  # it has no derivatives; its responses may be evaluated all the same
        try:
            function = build_function(model, choose(model, request), n_columns=case.columns)
        except ModelError:
            return _graph_in_double(model)
    if function.precision == "float64":
        return "as it is"
    found = promote(function, events)
    return f"no: {found.refused}" if found.refused else "promoted"


def _graph_in_double(model: LoadedModel) -> str:
    """The graph's own say, where it is no function of real features."""
    try:
        promote_graph(modernize(model.proto))
    except ModelError as error:
        return f"no: {error}"
    return "promoted as a graph; its features are whole numbers"


def run(case: Case, models: Path, engine: str = "auto") -> Row:
    """The table's line of one model."""
    inspected, analyzed, stepped = visit(case, models, engine)
    faults = [*inspected.faults, *analyzed.faults, *(stepped.faults if stepped else ())]
    if bool(inspected.line) != bool(analyzed.line):
        faults.append("inspect and analyze disagree")
    where = f"error: {models / case.name}.onnx: "
    refused = f"refused: {analyzed.line.removeprefix(where)}" if analyzed.line else ""
    shown = stepped or analyzed
    if shown.facts:
        facts = shown.facts
        features, outputs = len(facts["data"]["features"]), facts["model"]["output"]
        cells = [str(features), str(len(outputs)), facts["options"]["batch"]]
        outcome = _outcome(case, shown)
    else:
        faults.append("neither derivatives nor finite steps")
        cells = ["–", "–", "–"]
        outcome = shown.line.removeprefix(where)
    outcome = f"{refused}. So: {outcome}" if refused else outcome
    cells += [in_double(case, models), outcome]
    return Row((case.name, *cells), tuple(f"{case.name}: {fault}" for fault in faults))


def _outcome(case: Case, answer: Answer) -> str:
    options, rows = answer.facts["options"], answer.facts["coefficients"]
    top = next(row for row in rows if row["rank"] == 1)  # of the first response, of all events
    effort = f"{options['points']} evaluations per event, " if "points" in options else ""
    given = case.options
    if answer.facts["method"] == "finite-step":
        given += ("--finite-step", case.steps[0], *(("…",) if len(case.steps) > 1 else ()))
    held = f"`{' '.join(given)}`, " if given else ""
    engine = answer.facts["model"]["engine"]
    return (
        f"{top['label']} first with {plus_minus(top['score'], top['sem'])} of {top['output']};"
        f" {held}order {case.order}, {engine}, {effort}{max(1, round(answer.seconds))} s"
    )


def table(rows: Sequence[Row]) -> str:
    """The rows in Markdown."""

    def cell(text: str) -> str:
        return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")

    head = (
        "# Models by other people\n\n"
        f"Written by `python -m validation.models`: {EVENTS} events of standard-normal numbers"
        " through `onnxtaylor inspect` and `onnxtaylor analyze`. Such events are far from what most"
        " of these networks were trained on: the table shows that the models can be read, not what"
        " they are made of. The outcome is the coefficient with the largest ⟨t⟩ ± SEM of the first"
        " response, or the one line that says why there is none. Seconds include the start of the"
        " program. Models without derivatives are asked again with `--finite-step`, for the"
        f" response ⟨r⟩ to finite steps: {_analyzed(rows)}. The column float64 says whether the"
        " graph is evaluated in double precision, with responses that agree with the original's to"
        f" its rounding, or which operator stops it: {_counted(rows)}.\n\n"
    )
    titles = ("model", "features", "responses", "batch", "float64", "outcome")
    lines = [titles, ("---",) * len(titles), *(row.cells for row in rows)]
    return head + "".join("| " + " | ".join(map(cell, line)) + " |\n" for line in lines)


def _analyzed(rows: Sequence[Row]) -> str:
    refused = sum(row.cells[5].startswith("refused") for row in rows)
    failed = sum(row.cells[1] == "–" for row in rows)
    return (
        f"of {len(rows)} models {len(rows) - refused} give derivatives, {refused - failed}"
        f" finite-step responses, {failed} neither"
    )


def _counted(rows: Sequence[Row]) -> str:
    promoted = sum(row.cells[4].startswith("promoted") for row in rows)
    already = sum(row.cells[4] == "as it is" for row in rows)
    return (
        f"of {len(rows)} models {promoted} are promoted, {already} computed in float64 as it is,"
        f" {len(rows) - promoted - already} cannot be"
    )


def main() -> int:
    """Visits all models; 1 where one of them gives what no user should see."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--engine", default="auto", choices=("auto", "differences"))
    engine = parser.parse_args().engine
    folder = os.environ.get("ONNXTAYLOR_DATA")
    if not folder:
        print("error: ONNXTAYLOR_DATA names no folder of data", file=sys.stderr)
        return 2
    rows = []
    for case in CASES:
        rows.append(run(case, Path(folder) / "models", engine))
        print(f"{case.name}: {rows[-1].cells[-1]}")
    faults = [fault for row in rows for fault in row.faults]
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    if engine == "auto":
        TABLE.write_text(table(rows), encoding="utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
