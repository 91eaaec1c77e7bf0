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
``read_files``  files that options and models name, for none to be overwritten
``console``     tables on stdout, progress and messages on stderr
``summary``     a result in a few lines
``terminal_page``  a page of the guide, as a terminal shows it
``supervisor``  a thin parent of the process that does the work: how that ended, in one line
``limited``     limits of that process, as options
``environment``  environment variables that libraries cannot read
``interrupts``  Ctrl-C and SIGTERM, delayed while they could do harm
``without_blas``  Numba without an import that no kernel needs
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # see ``onnxtaylor``

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["command", "main"]

WRONG = 2


def command() -> NoReturn:
    """Runs the command line of this process in a worker, and ends with its exit status."""
    try:
        import signal

        before = None  # with the signals that were blocked: until somebody hears it, Ctrl-C waits
        heard = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
        if hasattr(signal, "pthread_sigmask"):
            held = [signal.SIGINT] if heard else []
            before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
        from onnxtaylor.cli.supervisor import hear, leave_with, open_standard_files, supervise

        open_standard_files()
        status = supervise()
        if status is None:
            from onnxtaylor.cli.interrupts import outside_imports

            with outside_imports():
                hear(before)
                status = main()
            leave_with(status)
    except KeyboardInterrupt:  # before the work has begun, or after it
        print("error: interrupted", file=sys.stderr)
        status = WRONG
    sys.exit(status)


def main(arguments: list[str] | None = None) -> int:
    """Runs a command line; returns the exit status. Never shows a traceback of a user's error."""
    from onnxtaylor.supervision.work import is_watched, set_limits, why_interrupted

    try:
        # imported in here, so that Ctrl-C while they load is answered, too
        from onnxtaylor.cli.interrupts import outside_imports

        with outside_imports():
            if is_watched():
                from onnxtaylor.runtime.available import available_bytes

                set_limits(free=available_bytes())
            from onnxtaylor.cli.app import run
            from onnxtaylor.cli.without_blas import leave_out_blas

            if arguments is None:
                leave_out_blas()
            return run(arguments)
    except KeyboardInterrupt:
        from onnxtaylor.cli.flags import as_flags

        print(f"error: {as_flags(why_interrupted())}", file=sys.stderr)
        return WRONG
    finally:
        if arguments is None:
            import gc

            # the interpreter ends: searching all that was imported for cycles once more takes long
            gc.freeze()
