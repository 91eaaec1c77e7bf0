"""Coefficients by variable, by input, or by groups of features, made of those by feature."""

from __future__ import annotations

from onnxtaylor.engine.reduced.engine import Filled, Reduced
from onnxtaylor.engine.reduced.plan import Reduction

__all__ = ["Filled", "Reduced", "Reduction"]
