"""Peak memory of ``onnxtaylor analyze`` against the number of events.

``python -m validation.performance.memory`` writes Parquet files of 10⁵ and 10⁶ events in one row
group each, analyzes them with the same two-feature model in processes of their own, and prints the
peaks of their resident memory and the ratio, which should be below 1.1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq

from validation.toys import SCENARIOS, oracle_model, quadratic, sample

_CHILD = """
import json, resource, sys
import onnxtaylor.cli
status = onnxtaylor.cli.main(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"status": status, "peak_kib": peak}))
"""


def peak_mebibytes(folder: Path, events: int) -> float:
    """Peak resident memory of one analysis, in MiB."""
    scenario = SCENARIOS["C"]
    x, labels = sample(scenario, events, np.random.default_rng(events))
    data = folder / f"{events}.parquet"
    columns = {"x1": x[:, 0], "x2": x[:, 1], "label": labels, "weight": np.ones(events)}
    # what a careless writer does: all events in one row group
    pq.write_table(pa.table(columns), data, row_group_size=events)
    model = folder / "toy.onnx"
    mean, std = x.mean(axis=0), x.std(axis=0)
    onnx.save(oracle_model(*quadratic(scenario, mean, std), np.float32), model)
    call = ["analyze", str(model), str(data), "--label", "label", "--weight", "weight", "-q"]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *call], capture_output=True, text=True, check=True
    )
    report = json.loads(done.stdout.splitlines()[-1])
    if report["status"] != 0:
        raise RuntimeError(done.stderr)
    return float(report["peak_kib"] / 1024)


def measure(small: int = 10**5, large: int = 10**6) -> dict[str, float]:
    """Peaks in MiB at both sizes, and their ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peak_mebibytes(folder, 1000)  # compiles the kernels once, outside the measurement
        low, high = peak_mebibytes(folder, small), peak_mebibytes(folder, large)
    return {"small_mib": low, "large_mib": high, "ratio": high / low}


def main() -> None:
    """Prints the peaks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure()
    if options.json:
        print(json.dumps(found))
    else:
        print(
            f"peak memory: {found['small_mib']:.0f} MiB at 10⁵ events,"
            f" {found['large_mib']:.0f} MiB at 10⁶, ratio {found['ratio']:.3f}"
        )


if __name__ == "__main__":
    main()
