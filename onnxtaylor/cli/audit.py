"""``onnxtaylor audit``: pass or fail for a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import takes
from onnxtaylor.cli.flags import as_flags
from onnxtaylor.cli.options import Data, Json, Model, Quiet, file_option, no_stdin
from onnxtaylor.errors import OptionError, name_hint, printable
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.options.audit import AuditOptions

if TYPE_CHECKING:
    from onnxtaylor.audit import AuditOutcome, Policy

__all__ = ["audit"]

STDOUT = "-"


PolicyFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Policy (TOML): the checks and their limits. Default: audit.toml, or"
        " \\[tool.onnxtaylor] of pyproject.toml, in the working directory; else sensible"
        " checks.",
        show_default=False,
        callback=no_stdin,
    ),
]
Report = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FORMAT:FILE",
        help="Writes the outcome in a format such as json, junit or html. FORMAT:- prints it in"
        " place of the text. May be repeated.",
        show_default=False,
    ),
]
Init = Annotated[
    bool,
    typer.Option(
        "--init", metavar="", help="Writes a commented policy for this model and these data."
    ),
]
Out = Annotated[
    Path | None,
    file_option(
        "Saves the coefficients (JSON), as baseline of the next audit. With --init: the policy,"
        " audit.toml by default.",
        "-o",
        "--out",
    ),
]


@takes(
    AuditOptions,
    DataOptions,
    ModelOptions,
    EngineOptions,
    StatisticsOptions,
    without=("fold", "accuracy", "mixed", "batch_size", "per_class", "resume"),
    defaults=False,
)
def audit(
    model: Model,
    data: Data = None,
    policy: PolicyFile = None,
    report: Report = None,
    init: Init = False,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
    **options: Any,
) -> None:
    """Passes or fails a model, by the checks of a policy.

    Exit status: 0 passed, 1 a finding of level error or no check was run,
    2 the call or the input is wrong, 3 a fault of the audit itself.

    Example:

    onnxtaylor audit --init model.onnx events.csv --label class

    onnxtaylor audit model.onnx events.csv --baseline result.json \\
      --report junit:audit.xml --report html:audit.html
    """
    data = data or []
    if init:
        own = {"policy": policy, "report": report, "json": json}
        _init(model, data, out, quiet, {**own, **options})
        return
    reports = _reports(report, json)
    demanded = _policy(policy)
    _require_events(data, options.get("baseline", ()))
    beside = [*options.get("baseline", ()), *demanded.files]
    beside += [options[name] for name in ("reference", "gof") if name in options]
    targets = {"-o": out}
    targets |= {f"--report {kind}:": path for kind, path in reports if path is not None}
    files.writable(
        targets,
        inputs=[model, *files.event_files(data, options), *beside],
        results=["-o"],
        options={**demanded.analysis, **options},
    )
    with files.data_files(data) as paths, console.progress_bar(quiet) as progress:
        # numba, onnx and pyarrow are imported here, so that --help need not wait for them
        from onnxtaylor.audit import audit as run

        outcome = run(model, paths, demanded, progress=progress, **options)
        outcome = _with_stdin_named(outcome, paths, data)
    _write_reports(outcome, reports, quiet)
    if outcome.result is not None:
        saved = () if out is None else outcome.result.save(out)
        if not quiet and any(path is None for _, path in reports):  # else the text has them
            console.warn(outcome.result.warnings, saved=out is not None)
    if out is not None and not quiet:
        if outcome.result is None:
            console.note("nothing saved: no coefficients")
        console.note_saved(saved)
    if outcome.exit_status:
        raise typer.Exit(outcome.exit_status)


def _init(
    model: Path, data: list[str], out: Path | None, quiet: bool, options: dict[str, Any]
) -> None:
    """Writes a commented policy. Raises OptionError for options that do not apply here."""
    if out is None:
        out = Path("audit.toml")
        if out.exists():
            raise OptionError("audit.toml is there already: name another file with -o")
    for name in ("policy", "report", "baseline", "reference", "gof", "strict", "json"):
        if options.pop(name, None):
            raise OptionError("does not apply with --init: leave it out", option=name)
    files.writable({"-o": out}, [model, *files.event_files(data, options)], options=options)
    with files.data_files(data) as paths, console.progress_bar(quiet) as progress:
        from onnxtaylor.audit.suggestion import suggest

        spooled = dict.fromkeys(files.spooled(paths, data), files.STDIN)
        text, result = suggest(model, paths, progress, spooled, **options)
    _write(out, text)
    if not quiet:
        console.warn(result.warnings, saved=False)
        console.note(f"saved {printable(out)}: read it, and change what does not suit you")


def _policy(path: Path | None) -> Policy:
    """Reads the policy before the work, so that nothing is written over it or its files."""
    from onnxtaylor.audit.policy import find_policy, read_policy

    if path is not None and not path.exists():
        raise OptionError(
            f"{printable(path)}: no such file: `onnxtaylor audit --init MODEL DATA` writes a policy"
        )
    return find_policy() if path is None else read_policy(path)


def _require_events(data: Sequence[str], baseline: Sequence[Path]) -> None:
    """Raises OptionError for a second baseline without its own option: it would be read as data."""
    stray = [name for name in data if name.lower().endswith(".json")]
    if baseline and stray:
        raise OptionError(
            f"{printable(stray[0])}: no file of events: for several baselines write --baseline"
            " before each"
        )


def _reports(texts: Sequence[str] | None, json: bool) -> list[tuple[str, Path | None]]:
    """Reads ``FORMAT:FILE`` texts as pairs, None for stdout. Raises OptionError."""
    if not texts and not json:
        return []
    from onnxtaylor.audit.formats import FORMATS

    reports: list[tuple[str, Path | None]] = [("json", None)] if json else []
    for text in texts or ():
        kind, colon, place = text.partition(":")
        where = f"--report {printable(text)}"
        if not colon or not place:
            raise OptionError(f"{where}: it takes FORMAT:FILE, such as json:audit.json")
        if kind not in FORMATS:
            known = list(FORMATS)
            raise OptionError(f"{where}: no format '{printable(kind)}'{name_hint(kind, known)}")
        if kind in dict(reports):
            raise OptionError(f"{where}: a second report of this format: leave one of them out")
        reports.append((kind, None if place == STDOUT else Path(place)))
    if sum(path is None for _, path in reports) > 1:
        raise OptionError("only one report can go to stdout: name files for the others")
    return reports


def _write_reports(
    outcome: AuditOutcome, reports: Sequence[tuple[str, Path | None]], quiet: bool
) -> None:
    """Composes all reports, then writes them: where composing fails, no file is written."""
    from onnxtaylor.audit.formats import FORMATS

    texts = [(FORMATS[kind](outcome), path) for kind, path in reports]
    for text, path in texts:
        if path is not None:
            _write(path, text)
            if not quiet:
                console.note(f"saved {printable(path)}")
    to_stdout = [text for text, path in texts if path is None]
    if to_stdout:
        console.document(to_stdout[0])
    elif not quiet:
        print(as_flags(FORMATS["text"](outcome)), end="")


def _write(path: Path, text: str) -> None:
    """Writes a text, whole or not at all."""
    from onnxtaylor.files.whole import write_whole

    write_whole(path, text.encode(errors="backslashreplace"))


def _with_stdin_named(
    outcome: AuditOutcome, paths: Sequence[str], data: Sequence[str]
) -> AuditOutcome:
    """Returns the outcome without the name of the file that stdin was spooled to."""
    spooled = files.spooled(paths, data)
    if not spooled:
        return outcome

    def named(location: Any) -> Any:
        return replace(location, path=files.STDIN) if location.path in spooled else location

    checks = tuple(
        replace(
            check,
            findings=tuple(
                replace(finding, location=named(finding.location)) for finding in check.findings
            ),
        )
        for check in outcome.checks
    )
    result = outcome.result
    if result is not None:
        sources = files.sources_named(result.data.sources, spooled)
        result = replace(result, data=replace(result.data, sources=sources))
    return replace(outcome, data=tuple(map(named, outcome.data)), checks=checks, result=result)
