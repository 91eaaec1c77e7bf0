"""The command line: one thin file per command, parse → one library call → print.

Exit status: 0 fine, 1 findings, 2 the input or the call is wrong (one line, no traceback),
3 an error of this program.

Files that are no commands:

``app``         all commands, and the messages about their errors
``declared``    options of a command, from the declarations in ``onnxtaylor.options``
``options``     further options that several commands have
``forms``       textual forms of options, such as NAME=VALUE
``flags``       messages of the library with options as flags
``files``       files that commands read and write
``console``     tables on stdout, progress and messages on stderr
``summary``     a result in a few lines
``interrupts``  Ctrl-C, delayed while it could do harm
"""

from __future__ import annotations

import gc
import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Runs a command line; returns the exit status. Never shows a traceback of a user's error."""
    try:
        # imported in here, so that Ctrl-C while they load is answered, too
        from onnxtaylor.cli.interrupts import outside_imports

        with outside_imports():
            from onnxtaylor.cli.app import run

            return run(arguments)
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 2
    finally:
        if arguments is None:
            # the interpreter ends: searching all that was imported for cycles once more takes long
            gc.freeze()
