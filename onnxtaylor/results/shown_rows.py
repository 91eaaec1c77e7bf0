"""Tidy rows that show themselves as a table: a list of dictionaries, but for its display."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from onnxtaylor.results.lazy import LazyModule

if TYPE_CHECKING:
    from onnxtaylor.views import tables
else:
    tables = LazyModule("onnxtaylor.views.tables")

__all__ = ["ShownRows"]

KEYS = {"features", "label", "score", "sem", "signed_mean"}
PLACE = {"rank", "step"}  # in a ranking, or in a training


class ShownRows(list[dict[str, Any]]):
    """Tidy rows of a ranking; ``print`` and notebooks show rank, coefficient and ⟨t⟩ ± SEM.

    ``signed`` is whether the signed mean means anything: see ``views.tables.listing``.
    """

    def __init__(self, rows: Iterable[dict[str, Any]] = (), *, signed: bool = True) -> None:
        super().__init__(rows)
        self._signed = signed

    def __repr__(self) -> str:
        """Returns the table as text, or the list itself where rows are no whole ones."""
        if not self._whole():
            return super().__repr__()
        return tables.as_text(tables.listing(self, signed=self._signed))

    def _repr_html_(self) -> str | None:
        """Returns the table as HTML for notebooks; None where there is none to show."""
        if not self._whole():
            return None
        return tables.as_html(tables.listing(self, signed=self._signed))

    def _whole(self) -> bool:
        """Whether there are rows, and each has its place and what the table shows."""
        return bool(self) and all(row.keys() >= KEYS and row.keys() & PLACE for row in self)
