"""Options about the data: which columns are features, weights and labels, and which events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxtaylor.errors import OptionError
from onnxtaylor.options.declare import check_options, option
from onnxtaylor.options.missing import Missing, read_missing
from onnxtaylor.options.samples import FilesByClass
from onnxtaylor.text.expression import parse_expression

if TYPE_CHECKING:  # the command line's help need not wait for NumPy
    import numpy.typing as npt

__all__ = ["DataOptions"]


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Choices of columns and events. ``weights`` and ``labels`` are arrays (N,) where the features
    are an array, names of columns where they come from files or a data frame.
    """

    files_by_class: FilesByClass | None = option(
        None,
        "Files of the events of one class, in place of other data and of `labels`; a pattern such"
        " as 'ztt_*.root' stands for all files that match it",
        metavar="CLASS=FILE",
        flag="class",
    )
    feature_names: Sequence[str] | None = option(
        None,
        "Columns that are features, in the order of the model's input. Default: the names in the"
        " model's metadata, else all columns that are left",
        metavar="NAMES",
        flag="features",
    )
    labels: npt.ArrayLike | str | None = option(
        None, "Column of class labels: one group of events each", metavar="NAME", flag="label"
    )
    weights: npt.ArrayLike | str | None = option(
        None,
        "Column of event weights, or several, whose product is the weight: genWeight,puWeight."
        " Default: unit weights",
        metavar="NAME",
        flag="weight",
    )
    exclude: Sequence[str] = option((), "Column that is not a feature", metavar="NAME")
    missing: Missing | None = option(
        None,
        "Value of missing entries, such as -999: they are counted, and left out of mean and σ",
        metavar="[NAME=]VALUE",
    )
    tree: str | None = option(
        None,
        "Tree of a ROOT file, group of an HDF5 file (default: the only one); also FILE:TREE",
        metavar="NAME",
    )
    friends: Sequence[str] = option(
        (),
        "Tree with further columns of the same events, row by row: FILE:TREE, or :TREE in the same"
        " file",
        metavar="FILE:TREE",
        flag="friend",
    )
    where: str | None = option(
        None,
        "Only events for which this holds: 'pt > 30 && abs(eta) < 2.5 && kind == \"ztt\"'. Columns"
        " need not be features; events keep their numbers, and so the bootstrap its weights",
        metavar="SELECTION",
    )
    fold: str | None = option(
        None,
        "Number of the fold of an event, such as 'EventId % 2': each goes through the model of its"
        " fold, and the spread of ⟨t⟩ between the folds is told",
        metavar="EXPRESSION",
    )
    events: int | None = option(None, "Only the first N events", minimum=1, metavar="N")
    sample: int | None = option(None, "Only a random sample of N events", minimum=1, metavar="N")
    skip_bad_files: bool = option(
        False,
        "Leaves out files that cannot be read, or have a bad cell: the result lists them. All files"
        " are read once more",
    )

    def __post_init__(self) -> None:
        check_options(self)
        object.__setattr__(self, "missing", read_missing(self.missing))
        for name in ("where", "fold"):
            if getattr(self, name) is not None:
                parse_expression(getattr(self, name), name)
        if self.files_by_class is not None and self.labels is not None:
            raise OptionError(
                "gives every event the class of its file: leave labels=… out",
                option="files_by_class",
            )
