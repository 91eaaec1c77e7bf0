"""Names of the files of a sample, as a user gives them: by the class of their events."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["FileNames", "FilesByClass"]

FileNames: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
FilesByClass: TypeAlias = Mapping[str, FileNames]
