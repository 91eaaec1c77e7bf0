"""Memory does not grow with the number of events, nor with the size of a row group."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="no /proc to ask for memory"
)

# not ru_maxrss: that of a child starts from its parent's
READ = """
import sys
from onnxtaylor.data import ColumnRequest, open_source
source = open_source([sys.argv[1]], request=ColumnRequest(int(sys.argv[2])))
print(sum(len(batch) for batch in source.batches(1000)))
print(next(line for line in open("/proc/self/status") if line.startswith(sys.argv[3])))
"""


def peak(path, features, counter="VmHWM"):
    """Number of events, and the peak of memory in MiB that a process reading them reaches."""
    command = [sys.executable, "-c", READ, str(path), str(features), counter]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    events, _, kib, _ = output.split()
    return int(events), int(kib) / 1024


@needs_proc
@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_memory_is_bounded(kind, tmp_path):
    peaks = {}
    for events in (200_000, 1_200_000):
        path = tmp_path / f"{events}.{kind}"
        x = np.random.default_rng(0).normal(size=(events // 10, 10))
        if kind == "parquet":  # one row group, 16 and 96 MB
            columns = {f"f{i}": np.tile(x[:, i], 10) for i in range(10)}
            pq.write_table(pa.table(columns), path, row_group_size=events, use_dictionary=False)
        else:
            text = "\n".join(",".join(map(repr, row)) for row in x[:2000].tolist()) + "\n"
            part = gzip.compress(text.encode()) if kind == "csv.gz" else text.encode()
            with path.open("wb") as stream:
                for _ in range(events // 2000):
                    stream.write(part)
        count, peaks[events] = peak(path, 10)
        assert count == events
    # the data itself grows by 80 MB as numbers
    assert peaks[1_200_000] - peaks[200_000] < 40


@needs_proc
def test_an_arrow_file_is_read_in_place(tmp_path):
    own = {}
    for events in (100_000, 1_000_000):
        path = tmp_path / f"{events}.arrow"
        table = pa.table({f"f{i}": np.arange(float(events)) for i in range(10)})
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)  # one record batch, 8 and 80 MB
        # pages of the file are the system's to drop: only the rest counts
        count, own[events] = peak(path, 10, "RssAnon")
        assert count == events
    assert own[1_000_000] - own[100_000] < 40


def test_the_data_layer_never_loads_a_runtime():
    code = (
        "import sys, onnxtaylor.data; print('onnxruntime' in sys.modules, 'pandas' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert output.split() == ["False", "False"]
