"""Free memory as files of the kernel say."""

from __future__ import annotations

from onnxtaylor.runtime.available import available_bytes

GIB = 2**30


def put(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def machine(root, kib=16 * 2**20):
    put(root, {"proc/meminfo": f"MemTotal: {2 * kib} kB\nMemAvailable: {kib} kB\n"})


def test_the_memory_of_the_machine(tmp_path):
    machine(tmp_path)
    assert available_bytes(tmp_path) == 16 * GIB


def test_a_cgroup_and_those_above_it(tmp_path):
    machine(tmp_path)
    groups = tmp_path / "sys/fs/cgroup"
    put(tmp_path, {"proc/self/cgroup": "0::/a/b\n"})
    put(groups / "a/b", {"memory.max": "max\n", "memory.current": f"{GIB}\n"})
    assert available_bytes(tmp_path) == 16 * GIB
    put(groups / "a", {"memory.max": f"{4 * GIB}\n", "memory.current": f"{3 * GIB}\n"})
    assert available_bytes(tmp_path) == GIB
    put(groups / "a", {"memory.stat": f"anon 5\ninactive_file {GIB // 2}\n"})  # can be freed
    assert available_bytes(tmp_path) == 3 * GIB // 2


def test_a_cgroup_of_version_1(tmp_path):
    machine(tmp_path)
    put(tmp_path, {"proc/self/cgroup": "5:cpu:/x\n9:memory:/box\n"})
    own = {"memory.limit_in_bytes": f"{2 * GIB}\n", "memory.usage_in_bytes": f"{GIB}\n"}
    put(tmp_path / "sys/fs/cgroup/memory/box", own)
    top = {"memory.limit_in_bytes": "9223372036854771712\n", "memory.usage_in_bytes": f"{GIB}\n"}
    put(tmp_path / "sys/fs/cgroup/memory", top)
    assert available_bytes(tmp_path) == GIB
