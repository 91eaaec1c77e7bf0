"""Models too large to be differentiated at once: each in a process of its own, under a limit.

``python -m validation.performance.bounded`` runs ``onnxtaylor analyze`` on every case, writes what
was planned and measured to ``measured_bounded/``, and the table of ``README.md`` anew. Planned is
the part of a run that the exact engine plans: tensors of the derivative graph, constants,
coefficients. Measured is the peak of the resident memory less what was resident before the engine
was made.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx

from onnxtaylor.files.whole import write_whole
from validation.performance import large_nets as nets

__all__ = ["CASES", "Case", "main", "measure", "with_bounded"]

FOLDER = Path(__file__).parent
MEASURED = FOLDER / "measured_bounded"
BEGIN, END = "<!-- bounded -->", "<!-- /bounded -->"
GIB = 2**30

_CHILD = """
import json, re, resource, sys, time
import numpy as np
job = json.loads(sys.argv[1])
limit = int(job["limit"] * 2**30)
if job["address_space"]:
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
import onnxtaylor.cli
from onnxtaylor.engine.exact import engine

def peak():
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", file.read())[1])

planned = []
make = engine.Exact.__init__
def noted(self, *args, **options):
    before = peak()
    make(self, *args, **options)
    planned.append((self.planned_bytes, before))
engine.Exact.__init__ = noted
begin = time.monotonic()
status = onnxtaylor.cli.main(job["call"])
report = {"status": status, "seconds": time.monotonic() - begin, "peak": peak()}
if planned:
    report |= {"planned": sum(p for p, _ in planned), "taken": peak() - planned[0][1]}
print(json.dumps(report))
"""


@dataclass(frozen=True)
class Case:
    """A model, and the limit under which it is analyzed.

    Attributes
    ----------
    make
        Makes the model.
    call
        Options of ``analyze``.
    events
        Number of events.
    limit
        GiB: of the address space, or, where ``address_space`` is False, the option ``memory``.
    """

    make: Callable[[], onnx.ModelProto]
    call: tuple[str, ...] = ()
    events: int = 200
    limit: float = 6.0
    address_space: bool = True


LONGEST = 170  # seconds of a case
# averaged over steps, 64 events are 78 000 gradients
DEEPJET = ("--by", "variable", "--curvature", "pointwise")
CASES = {
    "LSTM 100×4 → 1, order 2": Case(lambda: nets.lstm_net(100, 4, 16)),
    "attention 64×8 → 2, order 2": Case(lambda: nets.attention_net(64, 8)),
    "convolution 3×32×32 → 10, order 2": Case(lambda: nets.convolution_net(3, 32, 10)),
    "dense 2000 → 2, order 2": Case(lambda: nets.dense(2000, 100, 2)),
    "dense 600 → 10, order 2": Case(lambda: nets.dense(600, 100, 10)),
    "dense 100 → 1000, order 2": Case(lambda: nets.dense(100, 200, 1000)),
    "convolution 3×64×64 → 10, order 1": Case(
        lambda: nets.convolution_net(3, 64, 10), ("--order", "1")
    ),
    "DeepJet-like, 614 → 6, order 2 by variable": Case(nets.deepjet_net, DEEPJET, 64, 4.0),
    "DeepJet-like, 614 → 6, order 1": Case(nets.deepjet_net, ("--order", "1"), 1000, 4.0),
    "convolution 1×28×28 → 10, order 1": Case(
        lambda: nets.convolution_net(1, 28, 10), ("--order", "1"), limit=2.0, address_space=False
    ),
    "convolution 3×32×32 → 10, order 1": Case(
        lambda: nets.convolution_net(3, 32, 10), ("--order", "1"), limit=2.0, address_space=False
    ),
    "dense 1000 → 1, order 2": Case(
        lambda: nets.dense(1000, 200, 1), limit=2.0, address_space=False
    ),
}


def measure(name: str, *further: str) -> dict[str, object]:
    """Analyzes one case in a process of its own; ``further`` are options of ``analyze``."""
    case = CASES[name]
    kind = asdict(case)
    del kind["make"]
    model = case.make()
    ports = [
        (i.name, [d.dim_value for d in i.type.tensor_type.shape.dim]) for i in model.graph.input
    ]
    n = sum(int(np.prod(shape[1:])) for _, shape in ports)
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/model.onnx")
        x = np.random.default_rng(0).normal(size=(case.events, n)).astype(np.float32)
        np.save(f"{folder}/x.npy", x)
        inputs = [part for name, _ in ports for part in ("--input", name)] if ports[1:] else []
        call = ["analyze", f"{folder}/model.onnx", f"{folder}/x.npy", "-q", *inputs, *case.call]
        if not case.address_space:
            call += ["--memory", f"{case.limit}GiB"]
        job = {"limit": case.limit, "address_space": case.address_space, "call": [*call, *further]}
        try:
            done = subprocess.run(
                [sys.executable, "-c", _CHILD, json.dumps(job)],
                capture_output=True,
                text=True,
                timeout=LONGEST,
            )
        except subprocess.TimeoutExpired:
            return {"name": name, **kind, "status": -1, "error": f"not done within {LONGEST} s"}
    lines = done.stdout.splitlines()
    if done.returncode or not lines or not lines[-1].startswith("{"):
        return {"name": name, **kind, "status": done.returncode or 1, "error": _last(done.stderr)}
    return {"name": name, **kind, **json.loads(lines[-1]), "error": _last(done.stderr)}


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def with_bounded(text: str, rows: list[dict[str, object]]) -> str:
    """The text with the table between its two marks. Raises ValueError where it has no marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text has no {BEGIN} and {END}")
    lines = [
        "| model | events | limit | seconds | peak | engine: planned | measured |",
        "|---|---:|---|---:|---:|---:|---:|",
        *map(_row, rows),
    ]
    return head + "\n\n".join([begin, "\n".join(lines), end]) + tail


def _row(row: dict[str, object]) -> str:
    kind = "address space" if row["address_space"] else "`--memory`"
    limit = f"{row['limit']:g} GiB {kind}"
    if row["status"] != 0:
        found = "refused" if row["status"] == 2 else f"status {row['status']}"
        return f"| {row['name']} | {row['events']} | {limit} | {found}: {row['error']} | | | |"
    peak, planned, taken = (_mib(row.get(key)) for key in ("peak", "planned", "taken"))
    seconds = f"{float(str(row['seconds'])):.0f}"
    return (
        f"| {row['name']} | {row['events']} | {limit} | {seconds} | {peak} | {planned} | {taken} |"
    )


def _mib(value: object) -> str:
    return "" if value is None else f"{float(str(value)) / 2**20:.0f} MiB"


def main(words: list[str] | None = None) -> int:
    """Measures cases, all by default, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", help="part of the names of the cases to be measured")
    parser.add_argument("further", nargs="*", help="options of analyze, behind --")
    options = parser.parse_args(words)
    MEASURED.mkdir(exist_ok=True)
    for number, name in enumerate(CASES):
        if options.only is None or options.only in name:
            found = measure(name, *options.further)
            print(json.dumps(found, ensure_ascii=False), flush=True)
            text = json.dumps(found, indent=1, ensure_ascii=False)
            write_whole(MEASURED / f"{number:02}.json", f"{text}\n".encode())
    rows = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(MEASURED.glob("*.json"))]
    readme = FOLDER / "README.md"
    write_whole(readme, with_bounded(readme.read_text(encoding="utf-8"), rows).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
