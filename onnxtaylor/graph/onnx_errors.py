"""Exceptions that ONNX's own tools raise at a graph that they refuse: they have no common base."""

from __future__ import annotations

from onnx.checker import ValidationError
from onnx.shape_inference import InferenceError
from onnx.version_converter import ConvertError

__all__ = ["ONNX_ERRORS"]

ONNX_ERRORS = (RuntimeError, ValueError, ConvertError, InferenceError, ValidationError)
