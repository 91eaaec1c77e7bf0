"""Environment variables that libraries read as they are imported: wrong values get one line.

Else what is imported fails somewhere in its own code.
"""

from __future__ import annotations

import os
from importlib import import_module

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.files.whole import time_of_writing
from onnxtaylor.options.declare import alternatives

__all__ = ["check_environment"]

LAYERS = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}
ANY_LAYER = ("default", "safe", "threadsafe", "forksafe")


def check_environment() -> None:
    """Raises OptionError for a variable that a library cannot read: it is named.

    These are NUMBA_NUM_THREADS, NUMBA_THREADING_LAYER and SOURCE_DATE_EPOCH.
    """
    time_of_writing()
    threads = os.environ.get("NUMBA_NUM_THREADS")
    if threads and not (threads.isascii() and threads.isdigit() and int(threads) > 0):
        raise OptionError(
            "NUMBA_NUM_THREADS must be a whole number of at least 1, got"
            f" '{printable(threads)}': unset it, and use threads=…"
        )
    layer = os.environ.get("NUMBA_THREADING_LAYER", "").lower()
    if not layer:
        return
    if layer not in LAYERS and layer not in ANY_LAYER:
        raise OptionError(
            f"NUMBA_THREADING_LAYER must be {alternatives([*ANY_LAYER, *LAYERS])}, got"
            f" '{printable(layer)}'"
        )
    if layer in LAYERS:
        try:
            import_module(f"numba.np.ufunc.{LAYERS[layer]}")
        except ImportError:
            raise OptionError(
                f"NUMBA_THREADING_LAYER is {layer}, which is not installed here: unset it"
            ) from None
