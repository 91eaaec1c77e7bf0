"""Groups of features as a user names them: ``variable``, ``input``, or names with patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnxtaylor.errors import OptionError, name_hint, printable

__all__ = ["BY", "REDUCTIONS", "Grouped", "read_by"]

Grouped = str | Mapping[str, str | Sequence[str]]

BY = ("feature", "variable", "input")
REDUCTIONS = ("sum", "mean", "maximum", "leading")


def read_by(by: Grouped) -> str | dict[str, tuple[str, ...]]:
    """Reads what coefficients are reduced to: one of ``BY``, or patterns of features by group.

    Raises OptionError for another word, and for a group without a name or a pattern.

    >>> read_by("variable"), read_by({"kinematics": ["*.pt", "*.eta"], "mass": "m_*"})
    ('variable', {'kinematics': ('*.pt', '*.eta'), 'mass': ('m_*',)})
    """
    if isinstance(by, str):
        if by not in BY:
            raise OptionError(
                f"must be feature, variable or input, or groups of features, got"
                f" '{printable(by)}'{name_hint(by, BY)}",
                option="by",
            )
        return by
    if not isinstance(by, Mapping) or not by:
        raise OptionError(
            'names no group: write {"name": ["pattern", …]}, or variable', option="by"
        )
    groups = {
        str(name): (patterns,) if isinstance(patterns, str) else tuple(map(str, patterns))
        for name, patterns in by.items()
    }
    for name, patterns in groups.items():
        if not name or not patterns or not all(patterns):
            raise OptionError(
                f"group '{printable(name)}' has {'no pattern' if name else 'no name'}", option="by"
            )
    return groups
