"""Memory that this process may still take: what is free, cgroups and limits respected."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["available_bytes", "default_bytes"]

NO_LIMIT = 2**60  # what cgroups of version 1 write where there is none is larger


def available_bytes(root: Path = Path("/")) -> int:
    """Returns the bytes that this process may still take; 2⁶⁰ where nothing says.

    The least of: memory that is free or can be freed, what is left below the limits of the
    process's cgroups (versions 1 and 2) and of those above them, and what ``ulimit -v`` leaves of
    the address space.

    Parameters
    ----------
    root
        Folder under which ``proc`` and ``sys`` are.
    """
    found = [*_machine(root), *_groups(root), *_address_space(root)]
    return max(0, min(found, default=NO_LIMIT))


def default_bytes() -> int:
    """Returns the bytes that an analysis may take by default: half of what is free."""
    return available_bytes() // 2


def _machine(root: Path) -> Iterator[int]:
    """Reads MemAvailable; elsewhere than on Linux, the memory that is not used at all."""
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024
            return
    try:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (ValueError, OSError, AttributeError):
        return


def _groups(root: Path) -> Iterator[int]:
    """Reads what the process's cgroups and those above them leave."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, kinds, path = line.split(":", 2)
        if kinds == "":
            base, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in kinds.split(","):
            base = root / "sys/fs/cgroup/memory"
            names = (
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file",
            )
        else:
            continue
        own = base / path.strip("/")
        for folder in (own, *own.parents):
            limit, used = _number(folder / names[0]), _number(folder / names[1])
            if limit is not None and used is not None:
                yield limit - used + _statistic(folder / "memory.stat", names[2])
            if folder == base:
                break


def _address_space(root: Path) -> Iterator[int]:
    """Reads what the limit of the address space leaves."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = _read(root / "proc/self/statm").split()
    if limit != resource.RLIM_INFINITY and pages:
        yield limit - int(pages[0]) * resource.getpagesize()


def _number(path: Path) -> int | None:
    """Reads a number of bytes; None for ``max``, for no limit, and where there is no such file."""
    text = _read(path).strip()
    return int(text) if text.isdigit() and int(text) < NO_LIMIT else None


def _statistic(path: Path, name: str) -> int:
    """Reads one number of ``memory.stat``: pages of files count as used but can be freed."""
    for line in _read(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
