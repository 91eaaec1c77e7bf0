"""Values of an expression at events, by NumPy: truth values of a selection, whole numbers of folds.

Whole numbers are 64 bits wide and stay exact, a missing number is NaN: it is equal to nothing, and
neither above nor below anything. A missing text is equal to no text.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.context import Coded
from onnxtaylor.errors import DataError, OptionError, printable
from onnxtaylor.text.expression import Expression

__all__ = ["Values", "is_true", "none_holds", "whole_values"]

Values: TypeAlias = npt.NDArray[Any] | Coded  # of a column at B events

ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
EXTREMES: dict[str, Callable[[Any, Any], Any]] = {"min": np.minimum, "max": np.maximum}
LARGEST = 2.0**53  # beyond it float64 does not have every whole number


def is_true(
    expression: Expression, columns: Mapping[str, Values], events: int, option: str
) -> npt.NDArray[np.bool_]:
    """Computes where an expression holds, shape (B,).

    Parameters
    ----------
    expression
        The expression, checked.
    columns
        Values of the columns that it names.
    events
        Number B of the events.
    option
        Option that asks for it, for messages.

    Raises
    ------
    OptionError
        The expression has no truth value, or operates on what is no number.
    """
    found = _Evaluator(expression, columns, option)
    return np.broadcast_to(found.truth(expression.tree), (events,))


def whole_values(
    expression: Expression,
    columns: Mapping[str, Values],
    events: int,
    option: str,
    where: Callable[[int], str],
) -> npt.NDArray[np.int64]:
    """Computes the values of an expression of whole numbers, shape (B,).

    Parameters are those of ``is_true``; ``where(k)`` names event k in messages. Raises OptionError
    as it does, and DataError for a value that is no whole number.
    """
    found = _Evaluator(expression, columns, option)
    values = np.broadcast_to(np.asarray(found.number(expression.tree)), (events,))
    if values.dtype.kind == "f":
        bad = ~(np.abs(values) < LARGEST) | (values % 1 != 0)
        if bad.any():
            k = int(bad.argmax())
            raise DataError(
                f"{where(k)}: '{printable(expression.text, 60)}' is {values[k]:g}, which is no"
                " whole number"
            )
    return np.asarray(values, np.int64)


def none_holds(expression: Expression, events: int) -> DataError:
    """Returns the error where a selection holds at no event."""
    text = printable(expression.text, 80)
    return DataError(f"holds at none of the {events} events: {text}", option="where")


class _Evaluator:
    """Values of the nodes of an expression: arrays (B,), or single numbers of constants."""

    def __init__(self, expression: Expression, columns: Mapping[str, Values], option: str) -> None:
        self._expression, self._columns, self._option = expression, columns, option

    def truth(self, node: ast.expr) -> Any:
        """Truth value of a node. Raises OptionError for numbers and texts."""
        value = self._value(node)
        if not isinstance(value, bool) and getattr(value, "dtype", None) != np.bool_:
            shown = printable(self._expression.segment(node), 60)
            whole = node is self._expression.tree
            raise OptionError(
                f"{'' if whole else 'has '}'{shown}'{' has no' if whole else ', which has no'}"
                f" truth value: compare it, such as {shown} > 0, with parentheses around"
                " comparisons beside & and |",
                option=self._option,
            )
        return value

    def number(self, node: ast.expr) -> Any:
        """Number of a node, 0 or 1 of a truth value. Raises OptionError for texts."""
        value = self._value(node)
        if isinstance(value, Coded):
            raise OptionError(
                f"has the column '{printable(self._expression.segment(node), 60)}', which holds"
                " texts: compare it with a text in quotes alone",
                option=self._option,
            )
        if isinstance(value, bool):
            return int(value)
        return value.astype(np.int64) if getattr(value, "dtype", None) == np.bool_ else value

    def _value(self, node: ast.expr) -> Any:
        try:
            with np.errstate(all="ignore"):
                return self._computed(node)
        except OptionError:
            raise
        except (ArithmeticError, ValueError) as error:  # of constants
            raise OptionError(
                f"cannot compute '{printable(self._expression.segment(node), 60)}':"
                f" {printable(error)}",
                option=self._option,
            ) from None

    def _computed(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.BoolOp(op=op, values=parts):
                join = np.logical_and if isinstance(op, ast.And) else np.logical_or
                joined = self.truth(parts[0])
                for part in parts[1:]:
                    joined = join(joined, self.truth(part))
                return joined
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return np.logical_not(self.truth(operand))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.number(operand)
            case ast.UnaryOp(operand=operand):
                return self.number(operand)
            case ast.BinOp(left=left, op=ast.BitAnd(), right=right):
                return np.logical_and(self.truth(left), self.truth(right))
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return np.logical_or(self.truth(left), self.truth(right))
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                # never of whole numbers, which could grow without end
                a, b = self.number(left), self.number(right)
                plain = isinstance(a, int | float) and isinstance(b, int | float)
                return math.pow(a, b) if plain else np.float_power(a, b)
            case ast.BinOp(left=left, op=op, right=right):
                return ARITHMETIC[type(op)](self.number(left), self.number(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._compared(left, op, right)
            case ast.Call(func=func, args=args):
                return self._called(self._expression.segment(func), args)
        return self._columns[self._expression.column(node)]

    def _called(self, name: str, arguments: list[ast.expr]) -> Any:
        values = [self.number(argument) for argument in arguments]
        if name in EXTREMES:
            found = values[0]
            for value in values[1:]:
                found = EXTREMES[name](found, value)
        else:
            found = getattr(np, name)(values[0])
        # a constant stays a plain number, which takes the type of the column beside it
        return found.item() if isinstance(found, np.generic) else found

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Any:
        texts = [n.value for n in (left, right) if isinstance(n, ast.Constant)]
        if not (texts and isinstance(texts[0], str)):
            return COMPARISONS[type(op)](self.number(left), self.number(right))
        column = self._value(right if isinstance(left, ast.Constant) else left)
        place = column.values.index(texts[0]) if texts[0] in column.values else len(column.values)
        equal = column.codes == place  # a missing text has the code −1
        return equal if isinstance(op, ast.Eq) else ~equal
