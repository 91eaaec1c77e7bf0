"""Arrow arrays from numbers and texts, without ``pyarrow.array``.

That one imports pandas wherever it is installed, to see whether its argument is a series: a third
of a second, which a command on a few thousand events would spend on nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow

__all__ = ["number_array", "text_array", "text_scalar"]


def number_array(values: npt.NDArray[Any]) -> pyarrow.Array[Any]:
    """Returns numbers or truth values (K,) as an Arrow array of their type.

    >>> number_array(np.array([1.5, -2.0])).to_pylist()
    [1.5, -2.0]
    >>> number_array(np.array([True, False, True])).to_pylist()
    [True, False, True]
    """
    import pyarrow

    flat = np.ascontiguousarray(values).ravel()
    kind = pyarrow.from_numpy_dtype(flat.dtype)
    if flat.dtype == np.bool_:  # Arrow holds a bit of each
        flat = np.packbits(flat, bitorder="little")
    made: pyarrow.Array[Any] = pyarrow.Array.from_buffers(
        kind, np.size(values), [None, pyarrow.py_buffer(flat.data)]
    )
    return made


def text_array(values: Sequence[str]) -> pyarrow.Array[Any]:
    """Returns texts as an Arrow array.

    >>> text_array(["a", "", "⟨t⟩"]).to_pylist()
    ['a', '', '⟨t⟩']
    """
    import pyarrow

    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    made: Any = pyarrow.Array.from_buffers(
        pyarrow.large_string(),
        len(encoded),
        [None, pyarrow.py_buffer(ends.data), pyarrow.py_buffer(b"".join(encoded))],
    )
    texts: pyarrow.Array[Any] = made.cast(pyarrow.string())
    return texts


def text_scalar(value: str) -> Any:
    """Returns a text as a scalar of Arrow."""
    return text_array([value])[0]
