"""Operators that vary in steps, or not at all: their derivative is 0 almost everywhere."""

from onnxtaylor.rules.rule import register
from onnxtaylor.rules.verbs import constant

__all__: list[str] = []

register(
    "Floor Ceil Round Sign Shape Size ArgMax ArgMin Hardmax NonZero IsNaN IsInf"
    " Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Not"
    " ConstantOfShape Range EyeLike OneHot QuantizeLinear DynamicQuantizeLinear",
    constant,
)
