"""Options about an audit: the files that a model is compared with, and how strict it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from onnxtaylor.options.declare import option

__all__ = ["AuditOptions"]


@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """Files to compare the model with, and whether warnings fail the audit."""

    strict: bool = option(False, "Treats warnings as errors")
    baseline: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = option(
        None,
        "Result of an earlier audit, or of `onnxtaylor analyze`; several are results of as many"
        " retrainings, three or more, whose spread is the limit",
        metavar="RESULT",
    )
    reference: str | os.PathLike[str] | None = option(
        None,
        "Another file of the same model, such as the one before it was quantized",
        metavar="MODEL",
    )
    gof: str | os.PathLike[str] | None = option(
        None, "Goodness of fit of the inputs, saved by `onnxtaylor gof`", metavar="FILE"
    )
