"""Keeps Numba from importing SciPy's linear algebra, which takes a tenth of a small analysis.

Numba asks for ``scipy.linalg.cython_blas`` when the first kernel is loaded, to find out whether
``np.dot`` can be compiled. No kernel of onnxtaylor multiplies matrices. This is for the process of
a command alone: in a program of a user, its own kernels may.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["leave_out_blas"]

ASKING, ASKED_FOR, ANSWER = "numba.np.arraymath", "scipy.linalg", "_HAVE_BLAS"


class _Refusal(MetaPathFinder):
    """Refuses one module as long as another one is at the question whether it is there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises ImportError for the module that Numba asks for, leaves others to other finders."""
        asking = sys.modules.get(ASKING)
        if fullname == ASKED_FOR and asking is not None and not hasattr(asking, ANSWER):
            raise ModuleNotFoundError(f"{fullname} is left out", name=fullname)
        return None


def leave_out_blas() -> None:
    """Makes Numba, once it is imported, do without matrix products, for the rest of the process."""
    sys.meta_path.insert(0, _Refusal())
