"""A call of a session whose rows and responses stay in the same buffers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import EndlessError, ModelError, ProbeError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.reason import reason

if TYPE_CHECKING:
    from onnxtaylor.runtime.session import Session

__all__ = ["BoundCall", "bind", "varying_width"]

# the message about a bound buffer that does not fit; the last axis of responses counts them
OTHER_SHAPE = (
    r"has shape \{[\d,]*?(\d+)\} but the computed output shape for this run is \{[\d,]*?(\d+)\}"
)


def varying_width(function: GraphFunction, counts: str) -> ProbeError:
    """Returns the error for an output that has a different number of responses at some events.

    ``counts`` are two of these numbers in words, such as ``3 and 4``.
    """
    return ProbeError(
        f"output {', '.join(map(printable, function.outputs))} has {counts} responses, depending on"
        " the event: each event needs the same number; choose another with output=…"
    )


class BoundCall:
    """A call that evaluates the rows of one buffer (R, n) into another one (R, C), again and again.

    Made by ``Session.bind``. It belongs to the thread that owns the buffers; the session may be
    shared among threads.
    """

    def __init__(
        self,
        session: Session,
        raw: Any,
        rows: npt.NDArray[Any],
        responses: npt.NDArray[Any],
    ) -> None:
        self._raw, self._feed, self._function = raw, session.function.feed, session.function
        self._limit = session.limit
        batch = session.function.fixed_batch or len(rows)
        whole = len(rows) // batch * batch
        places = [slice(k, k + batch) for k in range(0, whole, batch)]
        pieces = [(rows[place], responses[place]) for place in places]
        # the last rows of a graph of fixed batch size are filled up in buffers of their own
        self._rest = (rows[whole:], responses[whole:])
        self._filled = [np.zeros((batch, part.shape[1]), part.dtype) for part in self._rest]
        if whole < len(rows):
            pieces.append((self._filled[0], self._filled[1]))
        self._bindings = []
        for piece, target in pieces:
            binding = raw.io_binding()
            # on a GPU rows are copied when they are bound: __call__ binds them anew each time
            if session.provider == "cpu":
                bind(binding.bind_input, self._feed, piece)
            bind(binding.bind_output, session.function.response, target)
            self._bindings.append((binding, piece))
        self._copies = session.provider != "cpu"

    def __call__(self) -> None:
        """Fills the responses.

        Raises
        ------
        ModelError
            The model fails on these rows.
        ProbeError
            It has another number of responses than before, or, as EndlessError, does not answer
            in time.
        """
        rest, count = self._rest, len(self._rest[0])
        if count:
            self._filled[0][:count] = rest[0]
            self._filled[0][count:] = rest[0][-1]
        try:
            for binding, piece in self._bindings:
                if self._copies:
                    binding.bind_cpu_input(self._feed, piece)
                with self._limit.watch(len(piece)) as options:
                    self._raw.run_with_iobinding(binding, options)
        except EndlessError:
            raise
        except Exception as error:
            if sizes := re.search(OTHER_SHAPE, str(error)):
                raise varying_width(self._function, f"{sizes[1]} and {sizes[2]}") from None
            raise ModelError(f"the model fails: {reason(error)}") from None
        if count:
            rest[1][:] = self._filled[1][:count]


def bind(method: Any, name: str, buffer: npt.NDArray[Any]) -> None:
    """Binds a buffer by its address, without a copy: the caller keeps it alive."""
    method(name, "cpu", 0, buffer.dtype.type, buffer.shape, buffer.ctypes.data)
