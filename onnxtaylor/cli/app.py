"""The commands, and the messages about their errors."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from onnxtaylor import __version__
from onnxtaylor.cli import console
from onnxtaylor.cli.analyze import analyze
from onnxtaylor.cli.audit import audit
from onnxtaylor.cli.check import check
from onnxtaylor.cli.compare import compare
from onnxtaylor.cli.demo import demo
from onnxtaylor.cli.differentiate import differentiate
from onnxtaylor.cli.flags import error_text
from onnxtaylor.cli.gof import gof
from onnxtaylor.cli.inputs import inputs
from onnxtaylor.cli.inspect import inspect
from onnxtaylor.cli.operators import operators
from onnxtaylor.cli.plot import plot
from onnxtaylor.cli.rank import rank
from onnxtaylor.cli.report import report
from onnxtaylor.cli.schema import schema
from onnxtaylor.cli.select import select
from onnxtaylor.cli.track import track
from onnxtaylor.errors import OnnxTaylorError, OnnxTaylorWarning, printable
from onnxtaylor.options.declare import alternatives

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["app", "run"]

FINE, WRONG, INTERNAL = 0, 2, 3
INTERRUPTED = 130  # what typer returns after Ctrl-C

# click's ClickException, whether typer imports click or has a copy of it inside
CallError: type[Exception] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="onnxtaylor",
    help="Which inputs, and which pairs of inputs, is a network's response made of?\n\n"
    "Taylor coefficients of an ONNX model at every event of a data set, and their\n"
    "mean absolute values ⟨t⟩ with uncertainties.\n\n"
    "Example: onnxtaylor analyze model.onnx events.csv --label class -o result.json",
    epilog="Exit status: 0 fine, 1 findings: the engines differ, or `check`, `compare` or `audit`\n"
    "was not passed, 2 the input or the call is wrong (one line says what), 3 a fault of\n"
    "onnxtaylor. Data go to stdout, messages and progress to stderr.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
for command in (
    analyze,
    check,
    audit,
    compare,
    rank,
    select,
    track,
    gof,
    plot,
    report,
    inspect,
    inputs,
    differentiate,
    operators,
    schema,
    demo,
):
    app.command()(command)


def _version(asked: bool) -> None:
    """Prints the version, and ends."""
    if asked:
        typer.echo(f"onnxtaylor {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, metavar="", help="Prints the version."
        ),
    ] = False,
) -> None:
    pass


def run(arguments: list[str] | None = None) -> int:
    """Runs a command line; without arguments it shows the help. Returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    stdout = sys.stdout
    if not os.environ.get("SOURCE_DATE_EPOCH"):
        # empty is as good as not set, but NumPy's f2py, which SciPy imports, cannot read it
        os.environ.pop("SOURCE_DATE_EPOCH", None)
    with _one_line_warnings():
        status = _status(words or ["--help"])
    sys.stdout = stdout
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()  # the reader has seen enough
    except OSError as error:
        _silence_stdout()
        return _complain(f"stdout: {error.strerror or error}")
    return status


def _status(words: list[str]) -> int:
    """Runs a command line; returns the exit status, after one line about an error."""
    try:
        # a letter that the terminal cannot show is no reason to fail
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")
        outcome = app(args=words, prog_name="onnxtaylor", standalone_mode=False)
    except CallError as error:
        return _complain(_call_error(error))
    except OnnxTaylorError as error:
        return _complain(error_text(error))
    except (KeyboardInterrupt, typer.Abort):
        return _complain("interrupted")
    except (BrokenPipeError, SystemExit):
        return FINE  # typer exits, and wraps stdout, where the reader of a pipe has gone
    except MemoryError:
        return _complain(f"out of memory: {_smaller(words[0])}")
    except OSError as error:
        where = f"{printable(error.filename)}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}")
    except Exception:
        traceback.print_exc()
        print("error: this is a fault of onnxtaylor: please report it", file=sys.stderr)
        return INTERNAL
    if outcome == INTERRUPTED:
        return _complain("interrupted")
    return outcome if isinstance(outcome, int) else FINE


def _smaller(command: str) -> str:
    """Returns advice on how a command can use less memory, in terms of its own options."""
    commands: Any = typer.main.get_command(app)
    named = commands.commands.get(command)
    options = {word for p in (named.params if named else ()) for word in p.opts}
    ways = {
        "--order": "--order 1",
        "--bootstrap": "fewer --bootstrap",
        "--batch-size": "a smaller --batch-size",
        "--output": "fewer responses with --output",
    }
    # only commands that run a model have --fix
    helpful = [way for option, way in ways.items() if {option, "--fix"} <= options]
    if not helpful:
        return "this machine has not enough of it for this call"
    return f"use {alternatives(helpful)}"


def _call_error(error: Any) -> str:
    """Returns the message about a wrong call, and the command that shows the help."""
    message = error.format_message().strip().rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "onnxtaylor"
    return f"{message[:1].lower()}{message[1:]}; see {command} --help"


def _complain(message: str) -> int:
    """Prints an error in one line; returns the exit status of a wrong call."""
    console.note("error: " + printable(" ".join(message.split()), limit=2000))
    return WRONG


@contextmanager
def _one_line_warnings() -> Iterator[None]:
    """Shows each warning of this package in one line, without its place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", OnnxTaylorWarning)
        # NumPy's warning about a number that overflows names no column; ours do
        warnings.simplefilter("ignore", RuntimeWarning)
        as_usual = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, OnnxTaylorWarning):
                text = " ".join(str(message).split())
                console.note(f"warning: {console.library_text(text, limit=2000)}")
            else:
                as_usual(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def _silence_stdout() -> None:
    """Discards stdout, so that the rest of its buffer raises no error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
