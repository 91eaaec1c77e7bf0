"""``python -m validation.performance.taggers.worker PROGRAM THREADS``: see ``peers.worker``.

The process may have ``LIMIT_GIB`` of address space: a program that needs more fails by itself.
"""

from __future__ import annotations

import resource
import sys
from typing import Any

from validation.performance.peers.worker import limit_threads, serve

__all__ = ["LIMIT_GIB", "main"]

LIMIT_GIB = 12


def main() -> None:
    """Serves one of ``PROGRAMS``."""
    name, threads = sys.argv[1], int(sys.argv[2])
    limit_threads(threads)
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_GIB * 2**30,) * 2)

    def made(found: dict[str, Any]) -> tuple[Any, Any]:
        from validation.performance.taggers.programs import make
        from validation.performance.taggers.tagger import Tagger

        tagger = Tagger(**found)
        return tagger, make(name, tagger, threads)

    serve(made)


if __name__ == "__main__":
    main()
