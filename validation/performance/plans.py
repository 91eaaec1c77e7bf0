"""What a plan of the cost says against what the analysis takes: time and peak memory.

``python -m validation.performance.plans`` plans and analyzes models of different kinds, each in a
process of its own, in turn, and writes the medians to ``plans.json``; ``readme`` makes a table of
them. The time of a plan should be within 30 % of that of the analysis, its memory within 20 %: the
script fails where a median is not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from validation.performance.kinds import KINDS, masked_sets

__all__ = ["CASES", "Case", "as_table"]

OUT = Path(__file__).parent / "plans.json"
TIME, MEMORY = 0.30, 0.20  # largest deviations

_CHILD = """
import json, re, sys, time
import onnxtaylor
what, model, data, options = sys.argv[1:]
options = json.loads(options)
call = onnxtaylor.plan if what == "plan" else onnxtaylor.analyze
begin, used = time.perf_counter(), time.process_time()
found = call(model, data, **options)
seconds = time.perf_counter() - begin
if what == "plan":
    seconds, peak = found.seconds, found.peak_bytes
else:
    status = open("/proc/self/status").read()
    peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status)[1])
print(json.dumps({"seconds": seconds, "peak_bytes": peak}))
"""


@dataclass(frozen=True)
class Case:
    """A model, its events, and how it is analyzed."""

    make: Callable[[], onnx.ModelProto]
    shape: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    mask: int = 0

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Writes the model and its events."""
        random = np.random.default_rng(1)
        model, data = folder / "model.onnx", folder / "events.npz"
        onnx.save(self.make(), model)
        x = random.normal(size=self.shape).astype(np.float32)
        arrays = {"x": x}
        if self.mask:
            filled = random.integers(2, self.mask + 1, (len(x), 1)) > np.arange(self.mask)
            arrays["mask"] = filled.astype(np.float32)
        else:
            data = data.with_suffix(".npy")
        if self.mask:
            np.savez(data, **arrays)
        else:
            np.save(data, x)
        return model, data


def _quantized() -> onnx.ModelProto:
    """The flat net with weights and products of eight bits."""
    from onnxruntime.quantization import quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        plain, quantized = Path(folder) / "plain.onnx", Path(folder) / "quantized.onnx"
        onnx.save(KINDS["flat 30"](), plain)
        quantize_dynamic(plain, quantized)
        return onnx.load(quantized)


CASES: Mapping[str, Case] = {
    "flat 30, tanh, order 2": Case(KINDS["flat 30"], (40_000, 30)),
    "flat 30, ReLU, averaged": Case(KINDS["ReLU 30"], (20_000, 30), {"curvature": "averaged"}),
    "convolution 3×32×32, order 1": Case(KINDS["convolution 3×32×32"], (2_000, 3072), {"order": 1}),
    "LSTM 20×4, order 2": Case(KINDS["LSTM 20×4"], (1_000, 80), {"curvature": "pointwise"}),
    "Transformer 16×8, order 2": Case(KINDS["Transformer 16×8"], (600, 128)),
    "DeepSets with a mask, order 2": Case(
        lambda: masked_sets(16, 8, 64, 5), (2_000, 16, 8), {"mask": {"mask": ["x"]}}, mask=16
    ),
    "quantized flat 30, finite steps": Case(_quantized, (500, 30), {"finite_step": "0.5sigma"}),
    "flat 30, differences": Case(KINDS["flat 30"], (2_000, 30), {"engine": "differences"}),
}


def child(what: str, model: Path, data: Path, options: Mapping[str, Any]) -> dict[str, float]:
    """Seconds and peak memory that a plan expects, or that an analysis takes."""
    words = [what, str(model), str(data), json.dumps(dict(options))]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(case: Case, turns: int) -> dict[str, float]:
    """Medians of what plans expect and analyses take, and of the ratios of such pairs."""
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        model, data = case.write(Path(folder))
        for _ in range(turns):
            pairs.append([child(what, model, data, case.options) for what in ("plan", "analyze")])
    found: dict[str, float] = {"turns": turns}
    for key in ("seconds", "peak_bytes"):
        found[f"planned_{key}"] = statistics.median(p[key] for p, _ in pairs)
        found[f"real_{key}"] = statistics.median(r[key] for _, r in pairs)
        found[f"ratio_{key}"] = statistics.median(p[key] / r[key] for p, r in pairs)
    return found


def as_table(found: Mapping[str, Mapping[str, float]]) -> str:
    """A Markdown table of the cases."""
    heads = "| model | planned s | real s | ratio | planned MiB | real MiB | ratio |"
    lines = [heads, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for name, row in found.items():
        cells = [name, f"{row['planned_seconds']:.2g}", f"{row['real_seconds']:.2g}"]
        cells += [f"{row['ratio_seconds']:.2f}"]
        cells += [f"{row[f'{kind}_peak_bytes'] / 2**20:.0f}" for kind in ("planned", "real")]
        lines.append(f"| {' | '.join([*cells, format(row['ratio_peak_bytes'], '.2f')])} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints and saves; 1 where a plan is further off than it may be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", help="part of a case's name")
    chosen = parser.parse_args(arguments)
    before = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    failed = False
    for name, case in CASES.items():
        if chosen.only and chosen.only not in name:
            continue
        row = before[name] = measure(case, chosen.turns)
        print(as_table({name: row}).splitlines()[-1], flush=True)
        failed |= abs(row["ratio_seconds"] - 1) > TIME or abs(row["ratio_peak_bytes"] - 1) > MEMORY
        ordered = {known: before[known] for known in CASES if known in before}
        OUT.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
