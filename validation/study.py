"""What every study has in common: a command, numbers, claims, figures, a section of the README.

    python -m validation.NAME [--short] [--output FOLDER]

runs a study and writes, into ``validation/`` or the folder that is named,

===========================  ======================================================================
``measured/NAME.json``       its numbers, and its claims: what was measured, whether they hold
``figures/NAME-KEY.png``     its figures
``measured/NAME-FILE``       texts that belong to it, such as tables in LaTeX
``README.md``                its section there, made of the JSON alone, between two marks
===========================  ======================================================================

The short form is for the tests: a fraction of the events, of the epochs and of the seeds. It shows
that a study runs and says what it should, not that its claims hold.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Claim", "Outcome", "Study", "StudyError", "main", "real_data", "section_of"]

HERE = Path(__file__).parent
PACKAGES = ("onnxruntime-gpu", "onnxruntime", "onnx", "numpy", "numba", "tensorflow", "keras")
DPI = 160


class StudyError(Exception):
    """A study cannot run here: a package or the data are missing. One line, with the way out."""


@dataclass(frozen=True)
class Claim:
    """One sentence that the study checks, what was measured for it, and whether it holds."""

    text: str
    measured: str
    holds: bool


@dataclass(frozen=True)
class Outcome:
    """What a study found: numbers fit for JSON, claims, figures by key, texts by file name."""

    numbers: Mapping[str, Any]
    claims: Sequence[Claim]
    figures: Mapping[str, Figure] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """``run(short)`` does the work; ``section(numbers)`` tells of it in Markdown, below the title.

    ``section`` sees the numbers as they come back from JSON, and refers to figures as
    ``figures/NAME-KEY.png``. ``needs`` are packages that have to be installed.
    """

    name: str
    title: str
    run: Callable[[bool], Outcome]
    section: Callable[[Mapping[str, Any]], str]
    needs: Sequence[str] = ()


def real_data(file: str) -> Path:
    """A file of the real data. Raises StudyError without ``ONNXTAYLOR_DATA``."""
    folder = os.environ.get("ONNXTAYLOR_DATA")
    if not folder:
        raise StudyError("ONNXTAYLOR_DATA is not set: it names the folder of the real data")
    path = Path(folder) / file
    if not path.is_file():
        raise StudyError(f"{path}: no such file in ONNXTAYLOR_DATA")
    return path


def perform(study: Study, *, short: bool, output: Path) -> dict[str, Any]:
    """Runs a study and writes its files; returns what ``measured/NAME.json`` holds.

    Raises StudyError where a package or the data are missing.
    """
    for package in study.needs:
        if _version(package) is None:
            raise StudyError(f"{package} is not installed: pip install '.[validation]'")
    begin = time.monotonic()
    outcome = study.run(short)
    document = {
        "study": study.name,
        "short": short,
        "seconds": round(time.monotonic() - begin, 1),
        "machine": f"{os.cpu_count()} processors, {platform.machine()}",
        "versions": {p: v for p in ("onnxtaylor", *PACKAGES) if (v := _version(p))},
        "claims": [asdict(claim) for claim in outcome.claims],
        "numbers": outcome.numbers,
    }
    # read back what was written: sections are made of that, and NaN must not get in
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    for folder in ("measured", "figures"):
        (output / folder).mkdir(parents=True, exist_ok=True)
    (output / "measured" / f"{study.name}.json").write_text(text)
    for name, content in outcome.texts.items():
        (output / "measured" / f"{study.name}-{name}").write_text(content)
    for key, figure in outcome.figures.items():
        # no date and no version in the file: the same numbers give the same bytes
        target = output / "figures" / f"{study.name}-{key}.png"
        figure.savefig(target, dpi=DPI, metadata={"Software": None})
    document = json.loads(text)
    insert(output / "README.md", study.name, section_of(study, document))
    return dict(document)


def section_of(study: Study, document: Mapping[str, Any]) -> str:
    """The study's section of the README: title, claims, and what it tells of its numbers."""
    lines = [
        f"## {study.title}\n",
        f"`python -m validation.{study.name}`, {_duration(document['seconds'])} on"
        f" {document['machine']}. [Numbers](measured/{study.name}.json).\n",
        "| claim | measured | |\n| --- | --- | --- |",
    ]
    for claim in document["claims"]:
        verdict = "holds" if claim["holds"] else "**does not hold**"
        lines.append(f"| {claim['text']} | {claim['measured']} | {verdict} |")
    return "\n".join(lines) + "\n\n" + study.section(document["numbers"]).strip() + "\n"


def insert(readme: Path, name: str, section: str) -> None:
    """Puts a section between its two marks, or at the end of the file."""
    begin, end = f"<!-- study {name} -->", f"<!-- end of {name} -->"
    text = readme.read_text() if readme.exists() else "# Studies\n"
    block = f"{begin}\n{section}{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if pattern.search(text):
        text = pattern.sub(lambda _: block, text, count=1)
    else:
        text = f"{text.rstrip()}\n\n{block}\n"
    readme.write_text(text)


def main(study: Study, arguments: Sequence[str] | None = None) -> int:
    """The command of a study: 0 if every claim holds, 1 if one does not, 2 if it cannot run."""
    parser = argparse.ArgumentParser(
        prog=f"python -m validation.{study.name}", description=study.title
    )
    parser.add_argument("--short", action="store_true", help="a shortened form, for tests")
    parser.add_argument("--output", type=Path, help="folder for the files; default: validation/")
    options = parser.parse_args(arguments)
    if options.short and options.output is None:
        parser.error("--short needs --output: it must not replace the committed numbers")
    try:
        document = perform(study, short=options.short, output=options.output or HERE)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(section_of(study, document))
    return 0 if all(claim["holds"] for claim in document["claims"]) else 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
