"""``onnxtaylor audit``: pass or fail for a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onnxtaylor.cli import console, options, responses
from onnxtaylor.errors import OptionError, nearest, printable

if TYPE_CHECKING:
    from onnxtaylor.audit import AuditOutcome, Policy

__all__ = ["audit"]

BESIDE, STDOUT = "Beside model and data", "-"


def _file(metavar: str, text: str, panel: str = BESIDE) -> Any:
    return typer.Option(
        metavar=metavar,
        help=text,
        rich_help_panel=panel,
        show_default=False,
        callback=options.no_stdin if panel == BESIDE else None,
    )


def audit(
    model: options.Model,
    data: options.Data,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What is demanded (TOML). Default: audit.toml, or \\[tool.onnxtaylor] of"
            " pyproject.toml, in the working directory; else sensible checks.",
            show_default=False,
            callback=options.no_stdin,
        ),
    ] = None,
    report: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FORMAT:FILE",
            help="Writes the outcome; may be repeated. FORMAT:- prints it in place of the text.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", metavar="", help="Warnings count as errors.")
    ] = False,
    init: Annotated[
        bool,
        typer.Option(
            "--init", metavar="", help="Writes a commented policy for this model and these data."
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE",
            help="Saves the coefficients (JSON): the next audit's baseline. With --init: the"
            " policy; audit.toml by default.",
            show_default=False,
        ),
    ] = None,
    baseline: Annotated[
        list[Path] | None,
        _file(
            "RESULT",
            "A result of an earlier audit, or of `analyze`; repeated for those of"
            " three retrainings or more: their spread counts.",
        ),
    ] = None,
    reference: Annotated[
        Path | None, _file("MODEL", "Another file of the same model: float of quantized, …")
    ] = None,
    gof: Annotated[Path | None, _file("FILE", "A goodness of fit of the inputs.")] = None,
    features: options.Features = None,
    label: options.Label = None,
    weight: options.Weight = None,
    exclude: options.Exclude = None,
    missing: options.Missing = None,
    events: options.Events = None,
    sample: options.Sample = None,
    input: options.Input = None,
    fix: options.Fix = None,
    output: options.Output = None,
    output_names: responses.Names = None,
    classes: responses.Classes = None,
    link: Annotated[
        str | None,
        _file("NAME", "identity, or logit or log of the response.", options.MODEL),
    ] = None,
    order: Annotated[
        int | None, _file("N", "1, 2 with all pairs, or 3 with all triples.", options.RUN)
    ] = None,
    scale: Annotated[
        str | None,
        _file("NAME", "sigma (default): per σ of each feature; unit.", options.RUN),
    ] = None,
    engine: Annotated[str | None, _file("NAME", "auto, exact or differences.", options.RUN)] = None,
    finite_step: options.FiniteStep = None,
    precision: Annotated[
        str | None, _file("NAME", "auto, float32 or float64.", options.RUN)
    ] = None,
    bootstrap: Annotated[
        int | None, _file("N", "Replicates for the rank intervals; 0 for none.", options.RUN)
    ] = None,
    check: Annotated[
        int | None,
        _file("N", "Events at which both engines are compared; 0 for none.", options.RUN),
    ] = None,
    seed: Annotated[int | None, _file("N", "Of bootstrap and samples.", options.RUN)] = None,
    threads: Annotated[
        int | None, _file("N", "Threads; 0 takes all processors.", options.RUN)
    ] = None,
    provider: Annotated[str | None, _file("NAME", "auto, cpu or cuda.", options.RUN)] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Passes or fails a model, by the checks of a policy.

    Exit status: 0 passed, 1 a finding of level error or no check was run,
    2 the call or the input is wrong, 3 a fault of the audit itself.

    Example:

    onnxtaylor audit --init model.onnx events.csv --label class

    onnxtaylor audit model.onnx events.csv --baseline result.json \\
      --report junit:audit.xml --report html:audit.html
    """
    if init and out is None:
        out = Path("audit.toml")
        if out.exists():
            raise OptionError("audit.toml is there already: name another file with -o")
    if init:
        _refuse(
            policy=policy,
            report=report,
            baseline=baseline,
            reference=reference,
            gof=gof,
            strict=strict,
            json=json,
        )
    reports = _reports(report, json)
    demanded = None if init else _policy(policy)
    _events_only(data, baseline)
    beside = [*(baseline or ()), *(path for path in (reference, gof) if path is not None)]
    beside += [] if demanded is None else demanded.files
    targets = {"-o": out}
    targets |= {f"--report {kind}:": path for kind, path in reports if path is not None}
    options.writable(targets, inputs=[model, *data, *beside])
    given: dict[str, Any] = {
        "feature_names": options.parse_features(features),
        "labels": label,
        "weights": weight,
        "exclude": exclude or None,
        "missing": missing,
        "events": events,
        "sample": sample,
        "input": input,
        "fix": options.parse_fixed(fix) or None,
        "output": output,
        **responses.parsed(output_names, classes),
        "link": link,
        "order": order,
        "scale": scale,
        "engine": engine,
        "finite_step": options.parse_steps(finite_step),
        "precision": precision,
        "bootstrap": bootstrap,
        "check": check,
        "seed": seed,
        "threads": threads,
        "provider": provider,
    }
    with options.data_files(data) as files, console.progress_bar(quiet) as progress:
        # numba, onnx and pyarrow are imported here, so that --help need not wait for them
        if init:
            from onnxtaylor.audit.suggestion import suggest

            spooled = dict.fromkeys(options.spooled(files, data), options.STDIN)
            text, result = suggest(model, files, progress, spooled, **given)
        else:
            from onnxtaylor.audit import audit as run

            outcome = run(
                model,
                files,
                demanded,
                baseline=baseline or None,
                reference=reference,
                gof=gof,
                strict=strict,
                progress=progress,
                **given,
            )
            outcome = _with_stdin_named(outcome, files, data)
    if init:
        assert out is not None
        _write(out, text)
        if not quiet:
            console.warn(result.warnings, saved=False)
            console.note(f"saved {printable(out)}: read it, and change what does not suit you")
        return
    _tell(outcome, reports, quiet)
    if outcome.result is not None:
        if out is not None:
            outcome.result.save(out)
        if not quiet and any(path is None for _, path in reports):  # else the text has them
            console.warn(outcome.result.warnings, saved=out is not None)
    if out is not None and not quiet:
        saved = outcome.result is not None
        console.note(f"saved {printable(out)}" if saved else "nothing saved: no coefficients")
    if outcome.exit_status:
        raise typer.Exit(outcome.exit_status)


def _policy(path: Path | None) -> Policy:
    """What is demanded: read before the work, so that nothing is written over it or its files."""
    from onnxtaylor.audit.policy import find_policy, read_policy

    return find_policy() if path is None else read_policy(path)


def _events_only(data: Sequence[Path], baseline: Sequence[Path] | None) -> None:
    """Raises OptionError for a second baseline without its option: it would be taken for data."""
    stray = [path for path in data if path.suffix.lower() == ".json"]
    if baseline and stray:
        raise OptionError(
            f"{printable(stray[0])}: no file of events: for several baselines write --baseline"
            " before each"
        )


def _refuse(**given: object) -> None:
    for name, value in given.items():
        if value:
            raise OptionError(f"--{name} is of no use with --init: leave it out")


def _reports(texts: Sequence[str] | None, json: bool) -> list[tuple[str, Path | None]]:
    """``FORMAT:FILE`` options as pairs, None for stdout. Raises OptionError."""
    if not texts and not json:
        return []
    from onnxtaylor.audit.formats import FORMATS

    found: list[tuple[str, Path | None]] = [("json", None)] if json else []
    for text in texts or ():
        kind, colon, place = text.partition(":")
        where = f"--report {printable(text)}"
        if not colon or not place:
            raise OptionError(f"{where}: it takes FORMAT:FILE, such as json:audit.json")
        if kind not in FORMATS:
            known = list(FORMATS)
            raise OptionError(f"{where}: no format '{printable(kind)}'{nearest(kind, known)}")
        if kind in dict(found):
            raise OptionError(f"{where}: a second report of this format: leave one of them out")
        found.append((kind, None if place == STDOUT else Path(place)))
    if sum(path is None for _, path in found) > 1:
        raise OptionError("only one report can go to stdout: name files for the others")
    return found


def _tell(outcome: AuditOutcome, reports: Sequence[tuple[str, Path | None]], quiet: bool) -> None:
    """All reports are made before one is written: a fault leaves none behind."""
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
        print(FORMATS["text"](outcome), end="")


def _write(path: Path, text: str) -> None:
    from onnxtaylor.files.whole import write_whole

    write_whole(path, text.encode(errors="backslashreplace"))


def _with_stdin_named(
    outcome: AuditOutcome, files: Sequence[Path], data: Sequence[Path]
) -> AuditOutcome:
    """The outcome, without the name of the file that stdin was spooled to."""
    spooled = options.spooled(files, data)
    if not spooled:
        return outcome
    name = options.STDIN

    def named(location: Any) -> Any:
        return replace(location, path=name) if location.path in spooled else location

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
        sources = options.sources_named(result.data.sources, spooled)
        result = replace(result, data=replace(result.data, sources=sources))
    return replace(outcome, data=tuple(map(named, outcome.data)), checks=checks, result=result)
