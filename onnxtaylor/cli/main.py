"""The entry point: commands, and what becomes of errors."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import click
import typer

from onnxtaylor import __version__
from onnxtaylor.cli.analyze import analyze
from onnxtaylor.cli.demo import demo
from onnxtaylor.cli.inspect import inspect
from onnxtaylor.cli.plot import plot
from onnxtaylor.cli.rank import rank
from onnxtaylor.errors import OnnxTaylorError, printable

__all__ = ["app", "main"]

WRONG, INTERNAL = 2, 3

app = typer.Typer(
    name="onnxtaylor",
    help="Which inputs, and which pairs of inputs, is a network's response made of?\n\n"
    "Taylor coefficients of an ONNX model at every event of a data set, and their mean absolute"
    " values ⟨t⟩ with uncertainties.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
for command in (analyze, rank, plot, inspect, demo):
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"onnxtaylor {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    pass


def main(arguments: list[str] | None = None) -> int:
    """Runs a command line; returns the exit status. Never shows a traceback of a user's error."""
    status = _run(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader has seen enough; what is left must not complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _run(arguments: list[str] | None) -> int:
    try:
        outcome = app(args=arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return WRONG
    except OnnxTaylorError as error:
        return _complain(str(error))
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted: no result was written")
    except BrokenPipeError:
        return 0
    except MemoryError:
        return _complain("out of memory: use --order 1, fewer --bootstrap, or a smaller --batch-size")
    except OSError as error:
        where = f"{printable(error.filename)}: " if error.filename else ""
        return _complain(f"{where}{printable(error.strerror or error)}")
    except Exception:
        traceback.print_exc()
        print("error: this is a fault of onnxtaylor: please report it", file=sys.stderr)
        return INTERNAL
    return outcome if isinstance(outcome, int) else 0


def _complain(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return WRONG
