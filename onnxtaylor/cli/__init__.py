"""The command line: one thin file per command, parse → one library call → print.

Exit status: 0 fine, 1 findings, 2 the input or the call is wrong (one line, no traceback),
3 an error of this program.
"""

from onnxtaylor.cli.main import main

__all__ = ["main"]
