"""The commands, and the messages about their errors."""

from __future__ import annotations

import errno
import os
import sys
import traceback
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from typer.core import TyperCommand, TyperGroup

from onnxtaylor import __version__
from onnxtaylor.cli import console
from onnxtaylor.cli.analyze import analyze
from onnxtaylor.cli.audit import audit
from onnxtaylor.cli.check import check
from onnxtaylor.cli.compare import compare
from onnxtaylor.cli.demo import demo
from onnxtaylor.cli.differentiate import differentiate
from onnxtaylor.cli.environment import check_environment
from onnxtaylor.cli.flags import as_flags, error_text
from onnxtaylor.cli.gof import gof
from onnxtaylor.cli.guide import guide
from onnxtaylor.cli.inputs import inputs
from onnxtaylor.cli.inspect import inspect
from onnxtaylor.cli.limited import limited
from onnxtaylor.cli.merge import merge
from onnxtaylor.cli.operators import operators
from onnxtaylor.cli.plot import plot
from onnxtaylor.cli.rank import rank
from onnxtaylor.cli.report import report
from onnxtaylor.cli.schema import schema
from onnxtaylor.cli.select import select
from onnxtaylor.cli.survey import survey
from onnxtaylor.cli.track import track
from onnxtaylor.errors import OnnxTaylorError, OnnxTaylorWarning, printable
from onnxtaylor.options.declare import alternatives
from onnxtaylor.supervision.work import why_interrupted
from onnxtaylor.text.plain import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["app", "run"]

FINE, WRONG, INTERNAL = 0, 2, 3
NOT_WRITTEN = (errno.EBADF, errno.ENOSPC, errno.EDQUOT, errno.EIO)
INTERRUPTED = 130  # what typer returns after Ctrl-C

# click's ClickException, whether typer imports click or has a copy of it inside
CallError: type[Exception] = typer.BadParameter.__mro__[2]


class Command(TyperCommand):
    """A command whose help shows ``--help`` as it does other switches: without a type."""

    def get_help_option(self, ctx: Any) -> Any:
        """Returns the option, which typer makes."""
        return _untyped(super().get_help_option(ctx))


class Group(TyperGroup):
    """Likewise all commands together."""

    def get_help_option(self, ctx: Any) -> Any:
        """Returns the option, which typer makes."""
        return _untyped(super().get_help_option(ctx))


def _untyped(switch: Any) -> Any:
    if switch is not None:
        switch.metavar = ""
    return switch


app = typer.Typer(
    cls=Group,
    name="onnxtaylor",
    help="Which inputs, and which pairs of inputs, is a network's response made of?\n\n"
    "Taylor coefficients of an ONNX model at every event of a data set, and their\n"
    "mean absolute values ⟨t⟩ with uncertainties. `onnxtaylor guide` explains it all.\n\n"
    "Example: onnxtaylor analyze model.onnx events.csv --label class -o result.json",
    epilog="Exit status: 0 fine, 1 findings: the engines differ, or `check`, `compare` or `audit`\n"
    "was not passed, 2 the input or the call is wrong (one line says what), 3 a fault of\n"
    "onnxtaylor. Data go to stdout, messages and progress to stderr.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
LIMITED = (
    analyze,
    survey,
    merge,
    check,
    audit,
    compare,
    track,
    gof,
    inspect,
    inputs,
    differentiate,
)
for command in (
    analyze,
    survey,
    merge,
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
    guide,
):
    whole = limited(command, opens=command is not merge) if command in LIMITED else command
    app.command(cls=Command)(whole)


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
    check_environment()


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
        return _complain(_lost_output(error))
    return status


def _status(words: list[str]) -> int:
    """Runs a command line; returns the exit status, after one line about an error."""
    try:
        # a letter that the terminal cannot show is no reason to fail
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors=PLAIN)
        outcome = app(args=words, prog_name="onnxtaylor", standalone_mode=False)
    except CallError as error:
        return _complain(_call_error(error))
    except OnnxTaylorError as error:
        return _complain(error_text(error))
    except (KeyboardInterrupt, typer.Abort):
        return _complain(as_flags(why_interrupted()))
    except (BrokenPipeError, SystemExit):
        return FINE  # typer exits, and wraps stdout, where the reader of a pipe has gone
    except MemoryError:
        return _complain(f"out of memory: {_smaller(words[0])}")
    except OSError as error:
        return _complain(_system_error(error))
    except Exception:
        traceback.print_exc()
        print("error: this is a fault of onnxtaylor: please report it", file=sys.stderr)
        return INTERNAL
    if outcome == INTERRUPTED:
        return _complain(as_flags(why_interrupted()))
    return outcome if isinstance(outcome, int) else FINE


def _system_error(error: OSError) -> str:
    """Returns the message about a file, or about stdout, that cannot be read or written."""
    if error.filename:
        return f"{printable(error.filename)}: {error.strerror or error}"
    # whoever writes files names them
    return _lost_output(error) if error.errno in NOT_WRITTEN else str(error.strerror or error)


def _lost_output(error: OSError) -> str:
    """Returns the message about a stdout that takes nothing; discards what was to be printed."""
    _silence_stdout()
    if error.errno == errno.EBADF:
        return "stdout is closed, and the output is lost: direct it to a file, or to /dev/null"
    return f"stdout: {error.strerror or error}: the output is not complete"


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
            elif sys.warnoptions:  # of libraries, with places in their code: who asks for it
                as_usual(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def _silence_stdout() -> None:
    """Discards stdout, so that the rest of its buffer raises no error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
