"""Runs every study, one after the other, and says which claims hold.

    python -m validation.all [--short] [--output FOLDER] [--only NAME]...

Each study has a process of its own: none leaves memory, threads or random numbers to the next. The
status is 0 if every claim of every study holds, 1 if one does not, 2 if a study could not run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from validation.study import HERE, Study

__all__ = ["STUDIES", "study"]

STUDIES = (
    "tensorflow_hessians",
    "frameworks",
    "toy_studies",
    "learning_progress",
    "curvature",
    "higgs_challenge",
    "cms_style",
    "goodness_of_fit",
    "planted_noise",
    "folds",
)


def study(name: str) -> Study:
    """The study of a name."""
    found = import_module(f"validation.{name}").STUDY
    assert isinstance(found, Study)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the studies; returns the worst of their statuses."""
    parser = argparse.ArgumentParser(prog="python -m validation.all", description=__doc__)
    parser.add_argument("--short", action="store_true", help="shortened forms, for tests")
    parser.add_argument("--output", type=Path, default=None, help="default: validation/")
    parser.add_argument("--only", action="append", choices=STUDIES, help="may be repeated")
    options = parser.parse_args(arguments)
    if options.short and options.output is None:
        parser.error("--short needs --output: it must not replace the committed numbers")
    words = ["--output", str(options.output or HERE), *(["--short"] if options.short else [])]
    worst, begin = 0, time.monotonic()
    for name in options.only or STUDIES:
        started = time.monotonic()
        status = subprocess.run([sys.executable, "-m", f"validation.{name}", *words]).returncode
        verdict = {0: "every claim holds", 1: "a CLAIM DOES NOT HOLD"}.get(status, "DID NOT RUN")
        print(f"== {name}: {verdict} ({time.monotonic() - started:.0f} s)\n", flush=True)
        worst = max(worst, status if status in (0, 1) else 2)
    print(f"== all: {(time.monotonic() - begin) / 60:.1f} minutes")
    return worst


if __name__ == "__main__":
    sys.exit(main())
