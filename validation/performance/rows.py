"""Rows per second through the differences engine against onnxruntime alone.

``python -m validation.performance.rows`` evaluates the same rows of the 30→200→200→5 net (tanh,
softmax, float32) twice, in turn, with the same number of threads: by onnxruntime in plain calls on
rows that lie ready, and through the engine, which makes the rows, evaluates them and contracts the
responses to all coefficients. The ratio should be at least 0.9.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.graph import build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.provider import available_threads
from validation.performance.nets import dense_net

FEATURES = 30
LAYERS = (FEATURES, 200, 200, 5)
SETTLE = 0.3  # seconds in which onnxruntime's own threads stop waiting busily for more


def plain_session(content: bytes, threads: int) -> object:
    """onnxruntime as its users call it, with its own defaults but for the threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def measure(accuracy: int, threads: int, events: int, repeats: int) -> dict[str, float]:
    """Medians over the repeats of rows/s by onnxruntime and through the engine, and the ratio."""
    model = read_model(dense_net(LAYERS))
    function = build_function(model, choose(model))
    spread = np.ones(FEATURES)
    engine = Differences(
        function,
        MultiIndices.full(FEATURES),
        spread=spread,
        largest=4 * spread,
        accuracy=accuracy,
        threads=threads,
    )
    session = plain_session(model.proto.SerializeToString(), threads)
    random = np.random.default_rng(0)
    x = random.normal(size=(events, FEATURES))
    rows_per_call = engine.points * max(1, 4096 // engine.points)
    rows: npt.NDArray[np.float32] = random.normal(size=(rows_per_call, FEATURES)).astype(np.float32)
    calls = max(1, events * engine.points // rows_per_call)
    found = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        for _ in range(calls):
            session.run(None, {"x": rows})  # type: ignore[attr-defined]
        alone = calls * rows_per_call / (time.perf_counter() - start)
        time.sleep(SETTLE)
        start = time.perf_counter()
        engine.coefficients(x)
        through = events * engine.points / (time.perf_counter() - start)
        time.sleep(SETTLE)
        found.append((alone, through, through / alone))
    alone, through, ratio = np.median(found[1:], axis=0)  # the first is a warm-up
    low, high = np.quantile([f[2] for f in found[1:]], [0.25, 0.75])
    return {
        "accuracy": accuracy,
        "threads": threads,
        "points": engine.points,
        "onnxruntime_rows_per_s": float(alone),
        "engine_rows_per_s": float(through),
        "ratio": float(ratio),
        "ratio_quartiles": [float(low), float(high)],  # type: ignore[dict-item]
    }


def main() -> None:
    """Prints a line per setting, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    table = [
        measure(accuracy, threads, options.events, options.repeats)
        for accuracy in (2, 4)
        for threads in sorted({1, available_threads()})
    ]
    if options.json:
        print(json.dumps(table, indent=1))
        return
    for row in table:
        low, high = row["ratio_quartiles"]  # type: ignore[misc]
        print(
            f"accuracy {row['accuracy']}, {row['threads']} threads, {row['points']} rows an event:"
            f" onnxruntime {row['onnxruntime_rows_per_s']:.3g} rows/s,"
            f" engine {row['engine_rows_per_s']:.3g} rows/s,"
            f" ratio {row['ratio']:.3f} (quartiles {low:.3f}–{high:.3f})"
        )


if __name__ == "__main__":
    main()
