"""``python -m validation.performance.taggers.export NAME PATH``: a network as an ONNX file.

In a process of its own, so that our engine's memory does not count PyTorch's.
"""

from __future__ import annotations

import sys
import warnings

import torch

from validation.performance.taggers.modules import make_module
from validation.performance.taggers.tagger import TAGGERS

__all__ = ["export"]


def export(name: str, path: str) -> None:
    """Writes the network as PyTorch's tracer exports it."""
    features = TAGGERS[name].features
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            make_module(name),
            (torch.zeros(2, features),),
            path,
            dynamo=False,
            input_names=["x"],
            output_names=["p"],
            dynamic_axes={"x": {0: "N"}, "p": {0: "N"}},
            opset_version=17,
        )


if __name__ == "__main__":
    export(*sys.argv[1:])
